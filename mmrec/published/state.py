"""What is served as of a period: the item factors of its version, new items placed by content, and people's factors.

Not here: fitting and folding in (`mmrec/models/factorization.py`, `mmrec/stages/model`), lists (`mmrec/lists/top_k.py`)
or ranking (`mmrec/models/ranking.py`). Imports torch only where content places somebody or something new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.evaluation.split import tie_hash
from mmrec.fusion.deep import Reading
from mmrec.fusion.layout import Layout
from mmrec.keys import vector_checksums
from mmrec.lake.hashing import row_checksums
from mmrec.lake.store import Lake
from mmrec.models import factorization
from mmrec.models.candidates import Candidate
from mmrec.models.factorization import ItemFactors
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.links import SparseLinks
from mmrec.models.recency import Recency
from mmrec.published import events as history
from mmrec.published import user_texts
from mmrec.published.features import Features
from mmrec.published.vectors import read_vectors
from mmrec.published.versions import Version, served_version
from mmrec.settings import Settings


@dataclass(frozen=True)
class Known:
    """What people's histories are about as of a period: items, then people's own texts, each with its factor."""

    choice: Candidate
    item_ids: list[str]  # the version's, then new ones, placed by their content (B f)
    new: dict[str, str]  # new item → the fused digest that its place is a function of, given the version
    words: list[str]  # ids of people's texts, placed the same way; empty where the model reads no text
    factors: ItemFactors  # of items and words
    features: np.ndarray | None  # float64 [items, p] as the map B reads them
    layout: Layout | Reading  # where each modality stands in `features`
    events: pl.DataFrame  # `history.read`
    said: pl.DataFrame  # `words.read`, of the texts that have a factor

    def histories(self, user_ids: Sequence[str]) -> Histories:
        """People's liked items and texts as weighted sparse rows, in the order of `user_ids`; a text has no recency."""
        said = _placed(self.said, user_ids, [*self.item_ids, *self.words])
        liked = self._liked(user_ids, self.choice.recency)
        both = pl.concat([frame.select(_HISTORY) for frame in (liked, said)])
        return _histories(both, len(user_ids))

    def linked(self, user_ids: Sequence[str]) -> Histories:
        """People's liked items, weighed as the item-item part of the score weighs them; it knows no texts."""
        recency = self.choice.links.recency if self.choice.links else Recency()
        return _histories(self._liked(user_ids, recency), len(user_ids))

    def met(self, user_ids: Sequence[str]) -> Histories:
        """The items that people had an event with, those that were not liked with weight 0: no list may hold one."""
        events = _placed(self.events, user_ids, self.item_ids).filter(pl.col("weight") == 0)
        liked = self._liked(user_ids, self.choice.recency)
        both = pl.concat([frame.select(_HISTORY) for frame in (liked, events)])
        return _histories(both, len(user_ids))

    def _liked(self, user_ids: Sequence[str], recency: Recency) -> pl.DataFrame:
        """The events that say what people like, the newer ones weighing more where the model says so."""
        events = _placed(self.events, user_ids, self.item_ids).filter(pl.col("weight") > 0)
        if recency.half_life is None:
            return events
        hashes = tie_hash(events["user_id"].to_list(), events["item_id"].to_list())
        times = events["time"].dt.epoch("us").to_numpy()
        newer = recency.weights(events["user_id_at"].to_numpy(), times, hashes)
        return events.with_columns(weight=pl.col("weight") * newer)

    def digests(self) -> pl.DataFrame:
        """user_id, events_digest: of all that a person's history is, and what it says of them; given the version."""
        return digests(self.events, self.said, self.new)


def digests(events: pl.DataFrame, said: pl.DataFrame, new: Mapping[str, str]) -> pl.DataFrame:
    """user_id, events_digest: of the events and texts of `Known`, where `new` items are placed by their digest."""
    placed = pl.DataFrame(list(new.items()), {"item_id": pl.String, "placed_by": pl.String}, orient="row")
    both = pl.concat([events.join(placed, on="item_id", how="left"), said.drop("key")], how="diagonal")
    return history.digests(both, ["weight", "placed_by", "about", "text"])


def checksums(users: np.ndarray, events_digests: pl.Series) -> pl.Series:
    """int64 [people]: a hash of each factor's bits (float64 [people, d]) and of the history as it was read."""
    return row_checksums(pl.Series(vector_checksums(users.view("<f4"))).cast(pl.String), events_digests)


@dataclass(frozen=True)
class Served:
    """Everything a list or a reason of one period is a function of, of everybody or of some; titles apart.

    Rows of `users`, `histories` and `checksums` are those of `user_ids`.
    """

    period: str
    version: Version
    known: Known
    servable: np.ndarray  # bool [items]: in the catalogue today
    user_ids: list[str]
    users: np.ndarray  # float64 [people, d]

    def take(self, rows: np.ndarray) -> Served:
        """The same of these people alone (positions, or a mask), in this order."""
        at = np.arange(len(self.user_ids))[rows]
        return replace(self, user_ids=[self.user_ids[each] for each in at], users=self.users[at])

    @property
    def item_ids(self) -> list[str]:
        """The items' ids, in the order of the rows of `factors`."""
        return self.known.item_ids

    @property
    def factors(self) -> ItemFactors:
        """The factors of items, and behind them of words."""
        return self.known.factors

    @property
    def H(self) -> np.ndarray:
        """The items' factors, float64 [items, d]."""
        return self.known.factors.H[: len(self.item_ids)]

    @property
    def cold(self) -> np.ndarray:
        """bool [items]: without events in the fit, placed by content alone."""
        return self.known.factors.counts[: len(self.item_ids)] == 0

    @cached_property
    def links(self) -> SparseLinks | None:
        """The item-item part over these items; nothing links to a new one."""
        fitted = self.version.links
        return fitted and fitted.with_new_items(len(self.item_ids) - len(self.version.item_ids))

    @cached_property
    def scores(self) -> Scores:
        """What these people think of every item."""
        if self.links is None:
            return Scores(self.users, self.H)
        return Scores(self.users, self.H, self.linked, self.links)

    def explain(self, row: int, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each past item and text of one person (a row of `histories`) adds to each target's score, by its dense
        and by its item-item part: float64 [targets, past] each. Together they sum to the score.
        """
        own = self.histories.take(np.array([row]))
        dense = FittedFactors(self.factors).explain(own.items, own.weights, targets)
        by_links = np.zeros(dense.shape)
        if self.links is not None:
            linked = self.linked.take(np.array([row]))
            by_links[:, np.searchsorted(own.items, linked.items)] = linked.weights * self.links.rows(
                linked.items, targets
            )
        return dense, by_links

    @cached_property
    def histories(self) -> Histories:
        """People's weighted history, over items and words."""
        return self.known.histories(self.user_ids)

    @cached_property
    def linked(self) -> Histories:
        """People's weighted history as the item-item part reads it, over items."""
        return self.known.linked(self.user_ids)

    @cached_property
    def checksums(self) -> pl.Series:
        """int64 [people]: a hash of the factor's bits and of the history as they were read, not as they should be."""
        own = pl.DataFrame({"user_id": pl.Series(self.user_ids, dtype=pl.String)})
        own = own.join(self.known.digests(), on="user_id", how="left", maintain_order="left")
        return checksums(self.users, own["events_digest"])

    @cached_property
    def seen(self) -> Histories:
        """The items that people had an event with: what no list of theirs may hold."""
        return self.known.met(self.user_ids)

    @cached_property
    def item_order(self) -> np.ndarray:
        """The rank of each item's id, which settles ties."""
        return np.argsort(np.argsort(np.array(self.item_ids, dtype=object), kind="stable"), kind="stable")


def load(lake: Lake, settings: Settings, period: str, only: str | None = None) -> Served:
    """What is served as of `period`, of everybody or of one person. Raises where the period has no factors yet."""
    scanned = lake.scan(tables.MODEL_USERS, periods=[period])
    people = (scanned if only is None else scanned.filter(pl.col("user_id") == only)).sort("user_id").collect()
    version = served_version(lake, period)
    features = Features(lake)
    weights = people["text_weight"].drop_nulls()
    known = read_known(lake, settings, period, version, features, only, weights[0] if weights.len() else 0.0)
    user_ids = people["user_id"].to_list()
    catalogue = set(features.item_ids)
    return Served(
        period,
        version,
        known,
        servable=np.fromiter((item in catalogue for item in known.item_ids), bool, len(known.item_ids)),
        user_ids=user_ids,
        users=matrix(people["factor"], known.factors.Q.shape[0]),
    )


def read_known(
    lake: Lake,
    settings: Settings,
    period: str,
    version: Version,
    features: Features,
    only: str | None = None,
    text_weight: float = 0.0,
) -> Known:
    """What the histories of a period are about, of everybody or of one person, weighed as the version was fitted.

    `text_weight` is what one text of a person weighs.
    """
    item_ids, factors, rows, layout = extend(version, features)
    digest_of = dict(zip(features.item_ids, features.digests, strict=True))
    new = {item: digest_of[item] for item in item_ids[len(version.item_ids) :]}
    said = user_texts.read(lake, settings, period, text_weight, only)
    if user_texts.MODALITY not in layout.slices:
        said = said.clear()
    found: list[str] = []
    if said.height:
        found, vectors = read_vectors(lake, user_texts.MODALITY, said.select("key").unique())
        placed = layout.alone(user_texts.MODALITY, features.statistics(user_texts.MODALITY).apply(vectors))
        factors = factorization.with_new_items(factors, placed)
    said = said.filter(pl.col("key").is_in(found))
    ids = [user_texts.MARK + key for key in found]
    events = history.read(lake, settings, period, version.weighing, only)
    return Known(version.choice, item_ids, new, ids, factors, rows, layout, events, said)


def extend(version: Version, features: Features) -> tuple[list[str], ItemFactors, np.ndarray | None, Layout | Reading]:
    """The version's items and then the catalogue's new ones, placed by their content (B f); everyone's features and
    where each modality's block stands in them.
    """
    known = set(version.item_ids)
    new = [item for item in features.item_ids if item not in known]
    item_ids = [*version.item_ids, *new]
    rows: np.ndarray | None = None
    layout: Layout | Reading = Layout()
    if version.choice.content is not None and version.space == features.space:
        read = Layout.over(version.choice.content, features.blocks)
        layout = read if version.network is None else Reading(read, version.network)
        own = layout.features(features.blocks, features.present)
        rows = aligned(own, features.item_ids, item_ids)
    if not new:
        return item_ids, version.factors, rows, layout
    empty = np.zeros((len(new), 0 if version.factors.B is None else version.factors.B.shape[1]))
    extended = factorization.with_new_items(version.factors, empty if rows is None else rows[len(version.item_ids) :])
    return item_ids, extended, rows, layout


_HISTORY = ("user_id_at", "item_id_at", "weight")


def _histories(placed: pl.DataFrame, people: int) -> Histories:
    """Placed rows as sparse rows."""
    user, item, weight = (placed[name].to_numpy() for name in _HISTORY)
    return Histories.build(user, item, weight, n_users=people)


def _placed(rows: pl.DataFrame, user_ids: Sequence[str], ids: Sequence[str]) -> pl.DataFrame:
    """`rows` with the positions of their person and item, those without either left out."""
    return rows.join(positions("user_id", user_ids), on="user_id").join(positions("item_id", ids), on="item_id")


def positions(name: str, ids: Sequence[str]) -> pl.DataFrame:
    """Ids as a column `name`, and the position of each as `name`_at."""
    return pl.DataFrame({name: pl.Series(ids, dtype=pl.String), f"{name}_at": np.arange(len(ids))})


def aligned(rows: np.ndarray, have: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """`rows` [n, width], which are of the ids `have`, in the order of `wanted`; zeros where there is none."""
    at = pl.DataFrame({"id": have, "at": np.arange(len(have))}, {"id": pl.String, "at": pl.Int64})
    places = pl.DataFrame({"id": wanted}, {"id": pl.String}).join(at, on="id", how="left", maintain_order="left")["at"]
    there = places.is_not_null().to_numpy()
    out = np.zeros((len(wanted), rows.shape[1]), rows.dtype)
    out[there] = rows[places.drop_nulls().to_numpy()]
    return out


def matrix(column: pl.Series, width: int) -> np.ndarray:
    """Stored factors, float64 [n, width]."""
    if column.is_empty():
        return np.zeros((0, width))
    return column.list.to_array(width).to_numpy().astype(np.float64)
