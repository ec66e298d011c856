"""What models are compared on: events with their split, the items' features, and the candidate to start from.

Here: putting that together from a table of events, the parts of it that a comparison reads, and when they are too few.
Not here: where the events come from (`mmrec/published/events.py`), the split itself (`split.py`), what a candidate is
(`mmrec/models/candidates.py`), the comparison (`selection.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from mmrec.errors import MmrecError
from mmrec.evaluation import metrics, split
from mmrec.evaluation.audit import COUNTING, EVERYTHING, Audit
from mmrec.evaluation.split import TEST, TRAIN
from mmrec.fusion.layout import Blocks, Layout
from mmrec.models import candidates, cooccurrence, linear
from mmrec.models.candidates import Candidate
from mmrec.models.cooccurrence import Counts, LinkSettings
from mmrec.models.factorization import Hyper
from mmrec.models.histories import Histories
from mmrec.models.linear import LinearSettings
from mmrec.models.links import SparseLinks
from mmrec.models.recency import ALIKE, Recency, by_person
from mmrec.models.side import SideInformation
from mmrec.settings import Model

DECIDES = 20  # the cut-off of the NDCG that decides
PART = "split"  # a column of events that says which part each belongs to
MINIMUM_PEOPLE = 10  # people with held-out items below which figures say nothing


@dataclass(frozen=True)
class Problem:
    """Events, one row each as arrays of equal length, their split, and the items' features."""

    user_idx: np.ndarray
    item_idx: np.ndarray
    weight: np.ndarray  # of the event; 0 = met and not liked, never a positive
    time_us: np.ndarray
    tie_hash: np.ndarray  # protocol.tie_hash
    part: np.ndarray  # protocol.TRAIN, VALIDATION or TEST
    n_users: int
    item_ids: Sequence[str]  # the catalogue and the items of liked events, in the order of their ids
    listable: np.ndarray  # bool [n_items]: in the catalogue
    blocks: Blocks  # modality → [n_items, p_m], standardised to mean squared norm 1, zeros where missing
    present: Blocks  # modality → bool [n_items]
    hyper: Hyper  # its width, sweeps and seed are those of every fit
    k: int = DECIDES
    seed: int = 0
    fusion: Sequence[str] = ("concat",)  # kinds of maps that may be chosen (`mmrec/fusion/maps.py`)
    kind: str = "mf"  # what is served: a factorization that is searched for, or a linear model
    audit: Audit = field(default_factory=Audit, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        events: pl.DataFrame,
        catalogue: Sequence[str],
        blocks: Blocks,
        present: Blocks,
        settings: Model,
        k: int = DECIDES,
    ) -> Self:
        """From a table of events (user_id, item_id, time, weight); the rows of the blocks are those of the `catalogue`.

        A column `split` (train, validation, test) takes the place of the settings' split.

        People stand in the order of their ids. A liked item that the catalogue does not name takes part without
        content, is in no list and is no positive; one that was only met drops out.
        """
        placed, items = _placed(events, catalogue)
        user, item = (placed[name].to_numpy().astype(np.int64) for name in ("user", "item"))
        time_us = placed["time"].dt.epoch("us").to_numpy()
        hashes = split.tie_hash(placed["user_id"].to_list(), placed["item_id"].to_list())
        liked = placed["weight"].to_numpy() > 0
        part = _given(placed[PART]) if PART in placed.columns else _split(settings, liked, user, item, time_us, hashes)
        hyper = Hyper(width=settings.width, sweeps=settings.sweeps, seed=settings.seed)
        return cls(
            user_idx=user,
            item_idx=item,
            weight=placed["weight"].to_numpy(),
            time_us=time_us,
            tie_hash=hashes,
            part=part,
            n_users=events["user_id"].n_unique(),
            item_ids=items["item_id"].to_list(),
            listable=items["row"].is_not_null().to_numpy(),
            blocks={name: _rows_of(block, items["row"]) for name, block in blocks.items()},
            present={name: _rows_of(there, items["row"]) for name, there in present.items()},
            hyper=hyper,
            k=k,
            seed=settings.seed,
            fusion=tuple(settings.fusion),
            kind=settings.kind,
        )

    @property
    def n_items(self) -> int:
        """Items of the catalogue and of liked events."""
        return len(self.item_ids)

    @cached_property
    def item_order(self) -> np.ndarray:
        """int64 [n_items], the rank of each item's id, which settles ties."""
        return np.arange(self.n_items)

    def met(self, *parts: int, reader: str = EVERYTHING) -> Histories:
        """All that people met in these parts, liked or not: what a list may not hold."""
        keep = self._of(parts, reader)
        return Histories.build(self.user_idx[keep], self.item_idx[keep], self.weight[keep], n_users=self.n_users)

    def histories(self, *parts: int, recency: Recency = ALIKE, reader: str = EVERYTHING) -> Histories:
        """What people liked in these parts, weighted by recency within them; the audit notes who reads test."""
        keep = self._liked(parts, reader)
        user = self.user_idx[keep]
        weight = self.weight[keep] * recency.weights(user, self.time_us[keep], self.tie_hash[keep])
        return Histories.build(user, self.item_idx[keep], weight, n_users=self.n_users)

    def _of(self, parts: Sequence[int], reader: str) -> np.ndarray:
        if TEST in parts:
            self.audit.note(reader, int((self.part == TEST).sum()))
        return np.isin(self.part, parts)

    def _liked(self, parts: Sequence[int], reader: str = EVERYTHING) -> np.ndarray:
        return self._of(parts, reader) & (self.weight > 0)

    @cached_property
    def start(self) -> Candidate:
        """The candidate that the search begins with, and that is served where there is too little to choose by."""
        people, events = int((self.train.lengths > 0).sum()), self.train.items.size
        cells = people * int((~self.cold).sum())
        begin = candidates.start(
            self.hyper,
            sorted(self.blocks),
            density=events / cells if cells else 0.0,
            events=events,
            ordered=self.ordered,
        )
        return candidates.named(replace(begin, fusion=self.fusion[0])) if self.blocks else begin

    @cached_property
    def ordered(self) -> bool:
        """Whether some person's train events have more than one time: else nothing is known of their order."""
        keep = self._liked((TRAIN,))
        order, starts = by_person(self.user_idx[keep], self.time_us[keep], self.tie_hash[keep])
        times = self.time_us[keep][order]
        return bool(len(times)) and bool((times[starts[:-1]] != times[starts[1:] - 1]).any())

    def counts(self, settings: LinkSettings, *parts: int) -> Counts:
        """How often people liked two items in these parts, together or one after the other."""
        if not settings.directed:
            return cooccurrence.together(self.histories(*parts), self.n_items, settings.damping)
        keep = self._liked(parts)
        user, item = self.user_idx[keep], self.item_idx[keep]
        order, _ = by_person(user, self.time_us[keep], self.tie_hash[keep])
        return cooccurrence.followed(user[order], item[order], self.n_items)

    def links(self, settings: LinkSettings | LinearSettings | None, *parts: int) -> SparseLinks | None:
        """The item-item part of a score, from these parts; None where the score has none."""
        if isinstance(settings, LinearSettings):
            return linear.links(settings, self.histories(*parts), self.content, self.n_items)
        return None if settings is None else self.counts(settings, *parts).links(settings)

    def features(self, candidate: Candidate) -> np.ndarray | None:
        """Every item's features as the candidate reads them, in its fit or beside it; None where it reads none."""
        layout = self.layout(candidate)
        return layout.features(self.blocks, self.present) if layout.places else None

    def layout(self, candidate: Candidate) -> Layout:
        """Where each block stands in these features."""
        return Layout.over(candidate.content, self.blocks)

    @cached_property
    def side(self) -> SideInformation:
        """What some models read of train beside the histories."""
        keep = self._liked((TRAIN,))
        user, item, time = self.user_idx[keep], self.item_idx[keep], self.time_us[keep]
        order, _ = by_person(user, time, self.tie_hash[keep])
        sequence = user[order], item[order], time[order]
        return SideInformation(self.n_items, *sequence, self.ordered, self.content, self.hyper.width, self.seed)

    @cached_property
    def content(self) -> np.ndarray | None:
        """Every block side by side, [n_items, p]; None without any."""
        return np.concatenate(list(self.blocks.values()), axis=1) if self.blocks else None

    @cached_property
    def train(self) -> Histories:
        """What every model here is fitted on."""
        return self.histories(TRAIN)

    @cached_property
    def cold(self) -> np.ndarray:
        """bool [n_items]: without a train event."""
        return np.bincount(self.train.items, minlength=self.n_items) == 0

    def held(self, part: int, reader: str = EVERYTHING) -> Histories:
        """A part's liked items of the catalogue that the person has not met in an earlier part."""
        own = self.histories(part, reader=reader)
        return metrics.only(metrics.without(own, self.met(*range(part))), self.listable)

    def too_little(self, part: int, minimum: int = MINIMUM_PEOPLE) -> str:
        """Why a part can decide nothing with fewer people than this, or an empty string."""
        people, name = int((self.held(part, COUNTING).lengths > 0).sum()), split.NAMES[part]
        if people >= minimum and self.train.items.size:
            return ""
        return f"too little history: {people} people have {name} items, expected at least {minimum}"


def _given(parts: pl.Series) -> np.ndarray:
    """The parts that events say they are, int8 [n]."""
    if parts.null_count():
        raise MmrecError("some events were judged before interactions.columns.split was set; type `mmrec run`")
    return split.given(parts.to_list())


def _split(
    settings: Model, liked: np.ndarray, user: np.ndarray, item: np.ndarray, time_us: np.ndarray, hashes: np.ndarray
) -> np.ndarray:
    """The part of every event, int8 [n], by the settings' split."""
    if settings.split == split.GLOBAL:
        return split.split_by_time(time_us, liked)
    when = np.zeros_like(time_us) if settings.split == split.RANDOM else time_us
    part = split.split(user[liked], item[liked], when[liked], hashes[liked], minimum=settings.min_events)
    return split.placed_after(part, liked, user, when, hashes)


def _placed(events: pl.DataFrame, catalogue: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events with the numbers of their person (`user`) and item (`item`), and the items in the order of their ids
    with their row in the catalogue, null where it does not name them.
    """
    users = events.select(pl.col("user_id").unique().sort()).with_row_index("user")
    listed = pl.DataFrame({"item_id": pl.Series(catalogue, dtype=pl.String)}).with_row_index("row")
    liked = events.filter(pl.col("weight") > 0).select("item_id").unique()
    items = liked.join(listed, on="item_id", how="full", coalesce=True).sort("item_id").with_row_index("item")
    placed = events.join(users, on="user_id", maintain_order="left")
    return placed.join(items, on="item_id", maintain_order="left"), items


def _rows_of(block: np.ndarray, rows: pl.Series) -> np.ndarray:
    """The rows of a block at these places; zeros where there is none."""
    there = rows.is_not_null().to_numpy()
    if there.all() and (rows.to_numpy() == np.arange(len(block))).all():
        return block  # not copied: it may be large
    out = np.zeros((rows.len(), *block.shape[1:]), block.dtype)
    out[there] = block[rows.drop_nulls().to_numpy()]
    return out
