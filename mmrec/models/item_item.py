"""A model that is an item-item matrix and nothing else: who has item j gets W_ji for item i."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.links import Links


@dataclass(frozen=True)
class ItemItem:
    """`links`: W. A person's events count by their weights, as they do in the served model."""

    links: Links
    weighs: bool = True

    def scores(self, histories: Histories) -> Scores:
        """x_u W."""
        nothing = np.zeros((len(histories), 0)), np.zeros((len(self.links.known), 0))
        return Scores(*nothing, histories, self.links)

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """x_uj W_ji."""
        return self.links.rows(items, targets) * weights
