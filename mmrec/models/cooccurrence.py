"""The item-item part of the served score: which items people have together, or which one follows which.

    W_ji = κ C_ji n_j^−p n_i^−b, the strongest KEPT of each item j,   and a person's part of the score is Σ_j a_j W_ji

C_ji sums (n̄ / n_u)^γ over the people u who have both (together): a pair of somebody with many items, n_u, says less.
Or it counts how often i came within WINDOW events after j, the nearer the more (followed). n_j and n_i count the
people of an item, and a_j is the weight of the person's event. p = b = ½ is the cosine of items whose people weigh
so, p = 1 a conditional probability (Deshpande, Karypis 2004, "Item-based top-N recommendation algorithms", TOIS 22).
γ = 1 gives everybody's pairs the same sum to give, as a random walk over people and items does (Cooper et al. 2014,
"Random walks in recommender systems"). Here: the counts and the links made of them. Not here: the use of links in a
score (`links.py`), the choice of κ, p, b, γ (`mmrec/evaluation/search.py`). numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.links import SparseLinks
from mmrec.models.recency import Recency

KEPT = 100  # links of an item
WINDOW = 10  # events; from 5 to 10 gained .003 on validation of ML-100K
LONGEST = 1_000  # items; a longer history says little about any pair, and costs its square
COUNTED = 8_000_000  # cells and pairs counted at once, 64 MB each


@dataclass(frozen=True)
class LinkSettings:
    """Symbols are those of the module's formula; half-life and floor belong to a_j."""

    directed: bool = False  # what followed what, or what people have together
    strength: float = 0.3  # κ
    from_exponent: float = 0.5  # p
    to_exponent: float = 0.5  # b
    half_life: float | None = None
    floor: float = 0.0
    damping: float = 0.5  # γ of what people have together; what followed has none

    @property
    def recency(self) -> Recency:
        """How a person's events are weighed in this part."""
        return Recency(self.half_life, self.floor)

    def __str__(self) -> str:
        kind, damped = ("what followed", "") if self.directed else ("what goes together", f", γ {self.damping:g}")
        exponents = f"p {self.from_exponent:g}, b {self.to_exponent:g}{damped}"
        return f"{kind}, κ {self.strength:.2g}, {exponents}, {self.recency}"


class Counts:
    """C as sparse entries in the order of (j, i), and n."""

    def __init__(self, source: np.ndarray, target: np.ndarray, count: np.ndarray, people: np.ndarray) -> None:
        self.source, self.target, self.count, self.people = source, target, count, people
        self._strongest: dict[float, tuple[np.ndarray, np.ndarray]] = {}

    def links(self, settings: LinkSettings) -> SparseLinks:
        """W."""
        kept, weight = self.strongest(settings.to_exponent)
        source = self.source[kept]
        weight = settings.strength * weight * self.known[source] ** -settings.from_exponent
        indptr = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=len(self.people)))]).astype(np.int64)
        return SparseLinks(Histories(indptr, self.target[kept].astype(np.int32), weight))

    def strongest(self, to_exponent: float) -> tuple[np.ndarray, np.ndarray]:
        """The entries that are kept, and C_ji n_i^−b of each. The from exponent moves no rank: n_j is j's alone."""
        if to_exponent not in self._strongest:
            weight = self.count * self.known[self.target] ** -to_exponent
            order = np.lexsort((-weight, self.source))  # stable, so equal weights stand in the order of items
            begins = np.searchsorted(self.source, self.source, side="left")
            kept = np.sort(order[np.arange(len(order)) - begins < KEPT])
            self._strongest[to_exponent] = kept, weight[kept]
        return self._strongest[to_exponent]

    @cached_property
    def known(self) -> np.ndarray:
        """n, at least 1, float64 [items]."""
        return np.maximum(self.people, 1).astype(np.float64)


def together(histories: Histories, n_items: int, damping: float = 0.5) -> Counts:
    """C_ji = Σ (n̄ / n_u)^γ over the people u who have j and i, where n_u is how many items u has, and n̄ its mean.

    Histories of more than LONGEST items are not counted.
    """
    people = np.bincount(histories.items, minlength=n_items)
    counted = histories.take(np.flatnonzero((histories.lengths <= LONGEST) & (histories.lengths > 0)))
    says = (counted.lengths.mean() / counted.lengths) ** damping if len(counted) else np.zeros(0)
    counted = Histories(counted.indptr, counted.items, np.repeat(says, counted.lengths))
    by_item = counted.transpose(n_items)
    pairs = np.bincount(counted.items, weights=np.repeat(counted.lengths, counted.lengths), minlength=n_items)
    tile = np.cumsum(np.maximum(pairs, n_items)).astype(np.int64) // COUNTED
    found = [_of_items(counted, by_item, np.flatnonzero(tile == each), n_items) for each in np.unique(tile)]
    source, target, count = (np.concatenate(part) for part in zip(*found, strict=True)) if found else _NOTHING
    return Counts(source, target, count, people)


def _of_items(
    histories: Histories, by_item: Histories, items: np.ndarray, n_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The counts of these items j with every i."""
    theirs = by_item.take(items)
    met = histories.take(theirs.items)
    at = np.repeat(theirs.rows, met.lengths) * n_items + met.items
    counts = np.bincount(at, weights=met.weights, minlength=len(items) * n_items)
    counts[np.arange(len(items)) * n_items + items] = 0
    cells = np.flatnonzero(counts)
    return items[cells // n_items].astype(np.int32), (cells % n_items).astype(np.int32), counts[cells]


_NOTHING = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))


def followed(user_idx: np.ndarray, item_idx: np.ndarray, n_items: int) -> Counts:
    """C_ji = Σ (WINDOW + 1 − gap) / WINDOW over the times that i came `gap` ≤ WINDOW events after j.

    The events stand in the order of (person, time). Sums are of whole numbers until the end, so no order moves a bit.
    """
    people = np.bincount(np.unique(user_idx.astype(np.int64) * n_items + item_idx) % n_items, minlength=n_items)
    keys, gains = [np.zeros(0, np.int64)], [np.zeros(0)]
    for gap in range(1, min(WINDOW, len(user_idx) - 1) + 1):
        pair = (user_idx[gap:] == user_idx[:-gap]) & (item_idx[gap:] != item_idx[:-gap])
        keys.append(item_idx[:-gap][pair].astype(np.int64) * n_items + item_idx[gap:][pair])
        gains.append(np.full(len(keys[-1]), WINDOW + 1.0 - gap))
    cells, at = np.unique(np.concatenate(keys), return_inverse=True)
    count = np.bincount(at, weights=np.concatenate(gains), minlength=len(cells)) / WINDOW
    return Counts((cells // n_items).astype(np.int32), (cells % n_items).astype(np.int32), count, people)
