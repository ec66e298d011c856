"""Popularity: everybody gets what most people have. The least that a personal model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.interface import Scores


@dataclass(frozen=True)
class Popularity:
    """Counts of people by item."""

    name: str = "popularity"
    note: str | None = None

    def fit(self, histories: Histories, n_items: int) -> FittedPopularity:
        """Counts."""
        return FittedPopularity(np.bincount(histories.items, minlength=n_items).astype(np.float64))


@dataclass(frozen=True)
class FittedPopularity:
    """`counts`: how many people have each item, float64 [items]."""

    counts: np.ndarray
    weighs: bool = False

    def scores(self, histories: Histories) -> Scores:
        """The same for everybody."""
        return Scores(np.ones((len(histories), 1)), self.counts[:, None])

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> None:
        """Nothing: no past of one's own is in it."""
        return


def models(n_items: int) -> Sequence[Popularity]:
    """The one that there is."""
    return (Popularity(),)
