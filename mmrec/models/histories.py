"""Who met what, as sparse rows: the one form in which people's weighted events reach fit, fold-in, lists and metrics.

Here: building the rows from indexes, and taking or transposing them. Not here: which events those are and when they may
be seen (`mmrec/published/events.py`), their split and their weights by recency (`mmrec/evaluation/split.py`), ids, what
is computed from the rows. numpy only.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Histories:
    """Weighted events as sparse rows (CSR): row u holds `items[indptr[u]:indptr[u + 1]]`, sorted, each item once."""

    indptr: np.ndarray  # int64 [n + 1]
    items: np.ndarray  # int32 [events]
    weights: np.ndarray  # float64 [events], c_ui

    def __len__(self) -> int:
        return self.indptr.size - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of distinct items of each row, int64 [n]."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> np.ndarray:
        """The row of every stored event, int64 [events]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @classmethod
    def build(
        cls, user_idx: np.ndarray, item_idx: np.ndarray, weight: np.ndarray | None = None, *, n_users: int
    ) -> Self:
        """From one row an event, in any order. Several events of one person and item sum their weights.

        Weights (default 1) must be finite and at least 0: a weight of 0 keeps the pair as seen but pulls nothing.
        The sum runs over sorted weights, so that it does not depend on the order of the events either.
        """
        weight = np.ones(len(user_idx)) if weight is None else np.asarray(weight, np.float64)
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError("event weights must be finite and at least 0")
        order = np.lexsort((weight, item_idx, user_idx))
        user, item = np.asarray(user_idx, np.int64)[order], np.asarray(item_idx, np.int64)[order]
        if user.size and (user[0] < 0 or user[-1] >= n_users or item.min() < 0):
            raise ValueError(f"user indexes must lie in 0..{n_users - 1} and item indexes start at 0")
        first = np.ones(user.size, bool)
        first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
        sums = np.bincount(np.cumsum(first) - 1, weights=weight[order], minlength=0)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(user[first], minlength=n_users))]).astype(np.int64)
        return cls(indptr, item[first].astype(np.int32), sums.astype(np.float64))

    def take(self, rows: np.ndarray) -> "Histories":
        """These rows, in this order."""
        rows = np.asarray(rows, np.int64)
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        at = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Histories(indptr, self.items[at], self.weights[at])

    def renumbered(self, numbers: np.ndarray) -> "Histories":
        """The same events with item i called `numbers[i]`; the new numbers must be in the order of the old ones."""
        return Histories(self.indptr, numbers[self.items].astype(np.int32), self.weights)

    def transpose(self, n_items: int) -> "Histories":
        """The same events with one row an item and people as columns."""
        return Histories.build(self.items, self.rows, self.weights, n_users=n_items)
