"""EASE: a linear item-item model in closed form (Steck 2019, arXiv:1905.03375).

Needs memory that grows with the square of the catalogue: about 3 · 8 · items² bytes, 70 MB at 1,700 items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.item_item import ItemItem
from mmrec.models.links import DenseLinks

MOST_ITEMS = 12_000  # a matrix of this size squared is inverted: 3.5 GB at most
REGULARIZATIONS = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class Ease:
    """`regularization` is λ. In the fit who has what counts, not how much."""

    regularization: float
    name: str = "EASE"

    @property
    def note(self) -> str:
        """λ."""
        return f"λ = {self.regularization:g}"

    def fit(self, histories: Histories, n_items: int) -> ItemItem:
        """P = (XᵀX + λI)⁻¹ for the 0/1 matrix X of who has what, and W = I − P diag(1/P_jj)."""
        import torch

        X = torch.zeros((len(histories), n_items), dtype=torch.float64)
        X[torch.from_numpy(histories.rows), torch.from_numpy(histories.items.astype(np.int64))] = 1.0
        # Twice as fast as by Cholesky's factors.
        P = torch.linalg.inv(X.T @ X + self.regularization * torch.eye(n_items, dtype=X.dtype))
        W = (-P / P.diagonal()).fill_diagonal_(0).numpy()
        return ItemItem(DenseLinks(W, np.bincount(histories.items, minlength=n_items) > 0))


def models(n_items: int) -> Sequence[Ease]:
    """One a λ; none where the catalogue is too large to invert."""
    return tuple(Ease(each) for each in REGULARIZATIONS) if n_items <= MOST_ITEMS else ()
