"""The served model behind the interface: feature-prior implicit ALS, its fold-in and its exact shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.models import decomposition, factorization
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores


@dataclass(frozen=True)
class FeatureIALS:
    """`features` [items, p] are what the prior reads; None is plain iALS."""

    hyper: Hyper
    features: np.ndarray | None = None
    name: str = "mf"
    note: str | None = None

    def fit(self, histories: Histories, n_items: int) -> FittedFactors:
        """Alternating least squares, the last sweep exact (`factorization.fit`)."""
        return FittedFactors(factorization.fit(histories, n_items, self.hyper, self.features))


@dataclass(frozen=True)
class FittedFactors:
    """Item factors, by which anybody's history becomes a factor of theirs."""

    factors: ItemFactors
    weighs: bool = True

    def scores(self, histories: Histories) -> Scores:
        """People folded in, against every item."""
        return Scores(factorization.fold_in(self.factors, histories), self.factors.H)

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The exact shares of the scores (`decomposition.shares`)."""
        return decomposition.shares(self.factors, items, weights, targets)
