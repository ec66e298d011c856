"""Which items resemble which: lists of neighbours by one modality, and by all of them together.

Here: the measure, its certified lists, and which lists a change leaves as they are. Not here: how vectors are fused
(`mmrec/fusion/concat.py`), nor the table's reading and publishing (`mmrec/stages/recommendations`).

By one modality m two items are as similar as the cosine of their standardised blocks says, with μ the modality's frozen
mean. What all texts have in common, or all pictures, is most of every vector: only without it are neighbours alike in
what sets them apart, and few items are everybody's neighbour (Suzuki et al. 2013, "Centering similarity measures to
reduce hubs", EMNLP).

    cos_m(a, b) = (x_a − μ)·(x_b − μ) / (‖x_a − μ‖ ‖x_b − μ‖)

By all, it is the mean of these cosines over the modalities that both have (the general coefficient of similarity,
Gower 1971, Biometrics 27, with equal weights):

    s(a, b) = Σ_m δ_m(a) δ_m(b) cos_m(a, b) / Σ_m δ_m(a) δ_m(b),   δ_m(a) = 1 where a has m, else 0

A missing modality so speaks neither for nor against, and one in which an item is unusual does not drown the others.
Items without a common modality are not compared. A vector that is the mean itself points nowhere: it counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.keys import canonical_digest, vector_checksums
from mmrec.models import ranking

ALL = "all"
LENGTH = 20  # of a list
_GONE = -2  # in a list of positions: an item that has changed since, or is gone
_NOWHERE = 1e-12  # squared length below which a block, of mean 1 over items, is rounding: float32 has 7 digits
_GATHERED = 500_000  # numbers of each side gathered at once, 2 MB: half the CPU time of 32 MB (the demo, 2 cores)


@dataclass(frozen=True)
class Compared:
    """The items of one kind of comparison: their blocks, float32 [n, width] each, and the blocks' squared lengths."""

    blocks: tuple[np.ndarray, ...]
    squares: np.ndarray  # float64 [n, blocks]; 0 where an item lacks one

    @classmethod
    def by(cls, blocks: Sequence[np.ndarray]) -> Compared:
        """Items compared by these blocks, zeros where an item lacks one."""
        squares = np.stack([ranking.exact_scores(block, block) for block in blocks], axis=1)
        return cls(tuple(blocks), np.where(squares > _NOWHERE, squares, 0.0))

    @cached_property
    def present(self) -> np.ndarray:
        """Which item has which block, bool [n, blocks]."""
        return self.squares > 0

    @cached_property
    def unit(self) -> np.ndarray:
        """float32 [n, Σ width]: blocks of length 1 side by side, zeros where there is none."""
        lengths = np.sqrt(np.where(self.present, self.squares, np.inf)).astype(np.float32)
        return np.hstack([block / lengths[:, [at]] for at, block in enumerate(self.blocks)])

    def checksums(self, salt: int) -> np.ndarray:
        """int64 [n]: a hash of the bits that an item is compared by; another `salt` gives others."""
        parts = [np.full(len(self.squares), salt, np.int64)]
        for block, there in zip(self.blocks, self.present.T, strict=True):
            hashes = [vector_checksums(block[rows]) for rows in _batches(len(block), block.shape[1])]
            parts.append(np.where(there, np.concatenate([np.zeros(0, np.int64), *hashes]), 0))
        return vector_checksums(np.stack(parts, axis=1).view("<f4"))

    def similarities(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """float64 [n]: s of aligned positions. No bit depends on other pairs or on which comes first; s(a, a) is 1."""
        total = np.zeros(len(a))
        for at, block in enumerate(self.blocks):
            squares = self.squares[a, at] * self.squares[b, at]
            lengths = np.sqrt(np.where(squares > 0, squares, np.inf))
            for pairs in _batches(len(a), block.shape[1]):
                dots = ranking.exact_scores(block[a[pairs]], block[b[pairs]])
                total[pairs] += np.clip(dots / lengths[pairs], -1.0, 1.0)
        return total / (self.present[a] & self.present[b]).sum(1)

    def lists(self, rows: np.ndarray, among: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The K most similar of the items `among` (sorted positions) for each of `rows`, by the rule of `ranking`.

        Positions int32 [n, k] and similarities float64 [n, k], the most similar first and equals in order of position;
        −1 and NaN where there is no further item.
        """
        items, scores = np.full((len(rows), k), -1, np.int32), np.full((len(rows), k), np.nan)
        if not among.size:
            return items, scores
        others = self.unit if len(among) == len(self.unit) else self.unit[among]
        slack = ranking.rounding(self.unit.shape[1])
        for at in ranking.batches(np.arange(len(rows)), max(1, ranking.TILE_SCORES // len(among))):
            approximate = self._approximate(rows[at], among, others)
            exact = partial(self._scores, rows[at], among)
            found, scores[at] = ranking.certified(approximate, exact, k, among, slack)
            items[at] = np.where(found >= 0, among[found], -1)
        return items, scores

    def _approximate(self, rows: np.ndarray, among: np.ndarray, others: np.ndarray) -> np.ndarray:
        """float32 [rows, among]: s up to rounding; −inf for an item itself and for what it shares no modality with."""
        approximate = self.unit[rows] @ others.T
        if len(self.blocks) > 1:
            shared = self.present[rows].astype(np.float32) @ self.present[among].astype(np.float32).T
            np.divide(approximate, shared, out=approximate, where=shared > 0)
            approximate[shared == 0] = -np.inf
        own = np.minimum(np.searchsorted(among, rows), len(among) - 1)
        itself = np.flatnonzero(among[own] == rows)
        approximate[itself, own[itself]] = -np.inf
        return approximate

    def _scores(self, rows: np.ndarray, among: np.ndarray, at: np.ndarray, lists: np.ndarray) -> np.ndarray:
        scores = np.full(lists.shape, -np.inf)
        there = lists >= 0
        scores[there] = self.similarities(np.broadcast_to(rows[at, None], lists.shape)[there], among[lists[there]])
        return scores


def kinds(blocks: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """What items are compared by: every modality, and all of them."""
    each = {modality: [block] for modality, block in blocks.items()}
    return {**each, ALL: list(blocks.values())} if blocks else {}


def brought_up_to_date(
    old: pl.DataFrame, by: str, item_ids: Sequence[str], blocks: Sequence[np.ndarray], code_version: str
) -> tuple[pl.DataFrame, int, int]:
    """One kind's rows of the table as of now, how many lists were made anew, and how many pairs of items were compared;
    `item_ids` are sorted.

    A list is made anew when its own item's vector has other bits, or when an item on it has, or is gone. The others are
    compared with what changed and keep the best: what a rebuild from nothing gives, list by list and bit by bit.
    """
    compared = Compared.by(blocks)
    checksums = compared.checksums(int(canonical_digest([code_version, LENGTH])[:15], 16))
    ids = pl.Series("item_id", item_ids, dtype=pl.String)
    now = pl.DataFrame({"item_id": ids, "checksum": checksums, "at": np.arange(len(ids))})
    mine = old.filter(pl.col("by") == by)
    same = now.join(mine.select("item_id", "checksum").unique(), on=["item_id", "checksum"], how="semi")
    items, scores = _positions(mine, same, len(ids))
    listed = compared.present.any(1)
    changed = listed & ~np.isin(np.arange(len(ids)), same["at"])
    anew = changed | (items == _GONE).any(1)
    rest = listed & ~anew
    everything = np.flatnonzero(listed)
    items[anew], scores[anew] = compared.lists(np.flatnonzero(anew), everything, LENGTH)
    new = compared.lists(np.flatnonzero(rest), np.flatnonzero(changed), LENGTH)
    items[rest], scores[rest] = ranking.merged((items[rest], scores[rest]), new, np.arange(len(ids)))
    at, rank = (items >= 0).nonzero()
    rows = {
        "item_id": ids.gather(at),
        "by": pl.repeat(by, len(at), dtype=pl.String, eager=True),
        "rank": rank + 1,
        "neighbour": ids.gather(items[at, rank]),
        "similarity": scores[at, rank],
        "checksum": checksums[at],
    }
    pairs = int(anew.sum()) * len(everything) + int(rest.sum()) * int(changed.sum())
    return tables.contract(tables.SIMILAR_ITEMS).conform(pl.DataFrame(rows)), int(anew.sum()), pairs


def _positions(old: pl.DataFrame, same: pl.DataFrame, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The stored lists of items that are the `same` as then, as positions now and similarities."""
    items, scores = np.full((n, LENGTH), -1, np.int32), np.full((n, LENGTH), np.nan)
    places = same.select("item_id", "at")
    rows = old.join(places, on="item_id").join(
        places.rename({"item_id": "neighbour", "at": "neighbour_at"}), on="neighbour", how="left"
    )
    where = (rows["at"].to_numpy(), rows["rank"].to_numpy() - 1)
    items[where] = rows["neighbour_at"].fill_null(_GONE).to_numpy()
    scores[where] = rows["similarity"].to_numpy()
    return items, scores


def _batches(n: int, width: int) -> Iterator[np.ndarray]:
    return ranking.batches(np.arange(n), max(1, _GATHERED // max(1, width)))
