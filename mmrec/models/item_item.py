"""A model that is an item-item matrix and nothing else: who has item j gets W_ji for item i."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.links import Links


@dataclass(frozen=True)
class ItemItem:
    """`links`: W. Where the model is `of_who_has` an item, how much it weighs does not count."""

    links: Links
    of_who_has: bool = True

    def scores(self, histories: Histories) -> Scores:
        """x_u W, for 0/1 rows x_u or weighted ones."""
        n_items = len(self.links.known)
        own = np.ones(len(histories.items)) if self.of_who_has else histories.weights
        nothing = np.zeros((len(histories), 0)), np.zeros((n_items, 0))
        return Scores(*nothing, Histories(histories.indptr, histories.items, own), self.links)

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """x_uj W_ji."""
        return self.links.rows(items, targets) * (1.0 if self.of_who_has else weights)
