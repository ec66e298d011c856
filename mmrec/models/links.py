"""The item-item part of a score: what having item j adds to the score of item i, as a matrix W.

Here: W dense or as sparse rows, applied to people's histories x_u: Σ_j x_uj W_ji. Not here: where W comes from
(`ease.py`, `cooccurrence.py`), nor the rest of a score and ranking (`interface.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from mmrec.models.histories import Histories

GATHERED = 8_000_000  # float64 values gathered at once, 64 MB


class Links(Protocol):
    """An item-item matrix W [items, items]."""

    def scores(self, histories: Histories) -> np.ndarray:
        """x_u W for every row, float64 [n, items], within `error` of the exact sum."""
        ...

    def exact(self, histories: Histories, lists: np.ndarray) -> np.ndarray:
        """The same for lists of items [n, m] (−1 = none), in an order that depends on a row alone."""
        ...

    def error(self, histories: Histories) -> np.ndarray:
        """A bound on |scores − exact|, float64 [n]."""
        ...

    def rows(self, items: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """W[j, i] for past items j and targets i, float64 [targets, items]."""
        ...

    @property
    def known(self) -> np.ndarray:
        """bool [items]: those that W says something of."""
        ...

    @property
    def telling(self) -> np.ndarray:
        """bool [items]: those that say something of others, once a person has them."""
        ...


@dataclass(frozen=True)
class DenseLinks:
    """W as an array, float64 [items, items]. `known`: bool [items], those that W says something of."""

    weights: np.ndarray
    known: np.ndarray

    def scores(self, histories: Histories) -> np.ndarray:
        """x_u W by one matrix product."""
        import torch

        X = np.zeros((len(histories), len(self.weights)))
        X[histories.rows, histories.items] = histories.weights
        return (torch.from_numpy(X) @ torch.from_numpy(self.weights)).numpy()

    def exact(self, histories: Histories, lists: np.ndarray) -> np.ndarray:
        """Summed item by item in the order of a history."""
        out = np.zeros(lists.shape)
        step = max(1, GATHERED // max(1, lists.shape[1] * int(histories.lengths.max(initial=1))))
        for start in range(0, len(lists), step):
            own, asked = histories.take(np.arange(start, min(start + step, len(lists)))), lists[start : start + step]
            parts = self.weights[own.items[:, None], asked[own.rows]] * own.weights[:, None]
            filled = own.lengths > 0
            out[start : start + step][filled] = np.add.reduceat(parts, own.indptr[:-1][filled], axis=0)
        return out

    def error(self, histories: Histories) -> np.ndarray:
        """γ_n Σ_j |x_uj| max|W| for both sums (Higham 2002, section 3.1)."""
        total = np.bincount(histories.rows, weights=histories.weights, minlength=len(histories))
        return 2.0**-51 * (len(self.weights) + 4) * self._peak * total

    @property
    def telling(self) -> np.ndarray:
        """The known ones."""
        return self.known

    @cached_property
    def _peak(self) -> float:
        return float(np.abs(self.weights).max(initial=0.0))

    def rows(self, items: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """W[j, i], read."""
        return self.weights[items[None, :], targets[:, None]]


@dataclass(frozen=True)
class SparseLinks:
    """W as sparse rows: row j holds the items that having j adds to, and how much. Weights may have either sign."""

    weights: Histories

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays by name: row j of W is `links_items[links_indptr[j]:links_indptr[j + 1]]`."""
        rows = self.weights
        return {"links_indptr": rows.indptr, "links_items": rows.items, "links_weights": rows.weights}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self | None:
        """The inverse of `to_arrays`; None where there are none."""
        if "links_indptr" not in arrays:
            return None
        return cls(Histories(arrays["links_indptr"], arrays["links_items"], arrays["links_weights"]))

    def with_new_items(self, new: int) -> SparseLinks:
        """The same with so many items behind, which nothing links to or from."""
        indptr = np.pad(self.weights.indptr, (0, new), mode="edge")
        return SparseLinks(Histories(indptr, self.weights.items, self.weights.weights))

    def scores(self, histories: Histories) -> np.ndarray:
        """Summed item by item and link by link, so that a row's bits depend on that row alone."""
        n_items, out = len(self.weights), np.zeros((len(histories), len(self.weights)))
        step = max(1, GATHERED // max(1, int(histories.lengths.max(initial=1)) * self._longest))
        for start in range(0, len(histories), step):
            own = histories.take(np.arange(start, min(start + step, len(histories))))
            linked = self.weights.take(own.items)
            at = np.repeat(own.rows, linked.lengths) * n_items + linked.items
            amounts = np.repeat(own.weights, linked.lengths) * linked.weights
            summed = np.bincount(at, weights=amounts, minlength=len(own) * n_items)
            out[start : start + len(own)] = summed.reshape(len(own), n_items)
        return out

    @cached_property
    def _longest(self) -> int:
        return int(self.weights.lengths.max(initial=1))

    def exact(self, histories: Histories, lists: np.ndarray) -> np.ndarray:
        """The sums of `scores`, which are exact in this sense already."""
        return np.take_along_axis(self.scores(histories), lists, axis=1)

    def error(self, histories: Histories) -> np.ndarray:
        """None: the same sums."""
        return np.zeros(len(histories))

    def rows(self, items: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """W[j, i]; 0 where there is no link."""
        column = np.full(len(self.weights), -1)
        column[targets] = np.arange(len(targets))
        linked = self.weights.take(items)
        at, of = column[linked.items], linked.rows
        out = np.zeros((len(targets), len(items)))
        out[at[at >= 0], of[at >= 0]] = linked.weights[at >= 0]
        return out

    @cached_property
    def known(self) -> np.ndarray:
        """bool [items]: those that a link leads to."""
        return np.bincount(self.weights.items, minlength=len(self.weights)) > 0

    @property
    def telling(self) -> np.ndarray:
        """bool [items]: those that a link leads from."""
        return self.weights.lengths > 0
