"""What models are compared on: events with their split, the items' features, and the candidates.

Belongs here: putting that together from a table of events, the parts of it that a comparison reads, and when they are
too few. Does not belong here: where the events come from (`history.py`), the split itself (`protocol.py`), what a
candidate is (`candidates.py`), the comparison (`selection.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from mmrec import metrics, protocol
from mmrec.candidates import Blocks, Candidate, default_candidates
from mmrec.factorization import Hyper
from mmrec.histories import Histories
from mmrec.protocol import TEST, TRAIN
from mmrec.settings import Model

DECIDES = 20  # the cut-off of the NDCG that decides
AT_MOST = 6  # candidates: more of them would fit the validation set
MINIMUM_PEOPLE = 10  # people with held-out items below which figures say nothing


@dataclass(frozen=True)
class Problem:
    """Events, one row each as arrays of equal length, their split, and the items' features."""

    user_idx: np.ndarray
    item_idx: np.ndarray
    weight: np.ndarray  # of the event's type
    time_us: np.ndarray
    tie_hash: np.ndarray  # protocol.tie_hash
    part: np.ndarray  # protocol.TRAIN, VALIDATION or TEST
    n_users: int
    item_order: np.ndarray  # [n_items], rank of each item's id
    blocks: Blocks  # modality → [n_items, p_m], standardised to mean squared norm 1, zeros where missing
    present: Blocks  # modality → bool [n_items]
    candidates: tuple[Candidate, ...]
    k: int = DECIDES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.candidates) <= AT_MOST:
            found = len(self.candidates)
            raise ValueError(f"expected 1 to {AT_MOST} candidates, got {found}: more would fit the validation set")

    @classmethod
    def of(
        cls,
        events: pl.DataFrame,
        item_ids: Sequence[str],
        blocks: Blocks,
        present: Blocks,
        settings: Model,
        k: int = DECIDES,
    ) -> Self:
        """From a table of events (user_id, item_id, time, weight); the rows of the blocks are those of `item_ids`.

        People stand in the order of their ids. Events of items that are not in `item_ids` drop out.
        """
        users = events.select(pl.col("user_id").unique().sort()).with_row_index("user")
        ids = pl.Series("item_id", item_ids, dtype=pl.String)
        items = ids.to_frame().with_row_index("item")
        placed = events.join(users, on="user_id", maintain_order="left")
        placed = placed.join(items, on="item_id", maintain_order="left")
        user, item = (placed[name].to_numpy().astype(np.int64) for name in ("user", "item"))
        time_us = placed["time"].dt.epoch("us").to_numpy()
        hashes = protocol.tie_hash(placed["user_id"].to_list(), placed["item_id"].to_list())
        if settings.split == "global":
            part = protocol.split_by_time(time_us)
        else:
            part = protocol.split(user, item, time_us, hashes, minimum=settings.min_events)
        hyper = Hyper(width=settings.width, sweeps=settings.sweeps, seed=settings.seed)
        return cls(
            user_idx=user,
            item_idx=item,
            weight=placed["weight"].to_numpy(),
            time_us=time_us,
            tie_hash=hashes,
            part=part,
            n_users=users.height,
            item_order=ids.arg_sort().arg_sort().to_numpy().astype(np.int64),
            blocks=blocks,
            present=present,
            candidates=default_candidates(hyper, sorted(blocks), int((part == TRAIN).sum())),
            k=k,
            seed=settings.seed,
        )

    @property
    def n_items(self) -> int:
        """Items in the catalogue."""
        return len(self.item_order)

    def histories(self, *parts: int, candidate: Candidate | None = None) -> Histories:
        """People's events in these parts; for a candidate weighted as it folds in, by recency within these parts."""
        keep = np.isin(self.part, parts)
        user, item, weight = self.user_idx[keep], self.item_idx[keep], self.weight[keep]
        if candidate is not None and candidate.half_life is not None:
            time_us, hashes = self.time_us[keep], self.tie_hash[keep]
            weight = weight * protocol.recency(user, time_us, hashes, candidate.half_life, candidate.floor)
        return Histories.build(user, item, weight, n_users=self.n_users)

    @cached_property
    def train(self) -> Histories:
        """What every model here is fitted on."""
        return self.histories(TRAIN)

    @cached_property
    def cold(self) -> np.ndarray:
        """bool [n_items]: without a train event."""
        return np.bincount(self.train.items, minlength=self.n_items) == 0

    def held(self, part: int) -> Histories:
        """A part's items that the person has not met in an earlier part."""
        return metrics.without(self.histories(part), self.histories(*range(part)))

    def too_little(self, part: int) -> str:
        """Why a part can decide nothing, or an empty string."""
        people, name = int((self.held(part).lengths > 0).sum()), "test" if part == TEST else "validation"
        if people >= MINIMUM_PEOPLE and self.train.items.size:
            return ""
        return f"too little history: {people} people have {name} items, expected at least {MINIMUM_PEOPLE}"
