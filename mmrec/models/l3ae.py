"""L3AE: EASE whose item-item weights are drawn towards those that the items' content gives. In closed form.

    C = I − P₁ diag(P₁)⁻¹, its diagonal 0,          P₁ = (FFᵀ + λ_F I)⁻¹
    W = argmin ‖X − XW‖² + λ_X ‖W‖² + λ_E ‖W − C‖²   with diag(W) = 0
      = I + λ_E P₂C − P₂ diag((1 + λ_E diag(P₂C)) / diag(P₂)),   P₂ = (XᵀX + (λ_X + λ_E) I)⁻¹

F [items, p] is content, X is 0 or 1. So C is EASE over features in the place of people, and an item that nobody has met
has λ_E / (λ_X + λ_E) times its links there. Source: Moon, Park, Lee 2025, arXiv:2508.13500. Memory grows with the
square of the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from mmrec.models.ease import MOST_ITEMS
from mmrec.models.histories import Histories
from mmrec.models.item_item import ItemItem
from mmrec.models.links import DenseLinks
from mmrec.models.side import SideInformation

REGULARIZATIONS = (100.0, 300.0, 1000.0)  # λ_X + λ_E
TOWARDS_CONTENT = (0.1, 0.5, 0.9)  # λ_E as a share of it
OF_CONTENT = (10.0,)  # λ_F, where a block of content has mean squared norm 1


@dataclass(frozen=True)
class L3ae:
    """`regularization` is λ_X + λ_E, `towards_content` the share of λ_E in it, `of_content` λ_F."""

    regularization: float
    towards_content: float
    of_content: float
    content: np.ndarray = field(compare=False)  # F, float64 [items, p]
    name: str = "L3AE"

    @property
    def note(self) -> str:
        """The three."""
        return f"λ = {self.regularization:g}, {self.towards_content:.0%} of it for content, λ_F = {self.of_content:g}"

    def fit(self, histories: Histories, n_items: int) -> ItemItem:
        """W, dense. An item is known by its events or its content."""
        import torch

        X = torch.zeros((len(histories), n_items), dtype=torch.float64)
        X[torch.from_numpy(histories.rows), torch.from_numpy(histories.items.astype(np.int64))] = 1.0
        identity, pull = torch.eye(n_items, dtype=X.dtype), self.towards_content * self.regularization
        C = content_links(self.content, self.of_content)
        P = torch.linalg.inv(X.T @ X + self.regularization * identity)
        PC = P @ torch.from_numpy(C)
        W = pull * PC - P * ((1 + pull * PC.diagonal()) / P.diagonal())
        known = (np.bincount(histories.items, minlength=n_items) > 0) | C.any(axis=0)
        return ItemItem(DenseLinks(W.fill_diagonal_(0).numpy(), known))


def content_links(content: np.ndarray, regularization: float) -> np.ndarray:
    """C, float64 [items, items], by the smaller of two matrices: P₁ λ_F = I − F (FᵀF + λ_F I)⁻¹ Fᵀ (Woodbury)."""
    import torch

    F = torch.from_numpy(np.ascontiguousarray(content, np.float64))
    n, p = F.shape
    if n <= p:
        P = torch.linalg.inv(F @ F.T + regularization * torch.eye(n, dtype=F.dtype))
    else:
        P = -(F @ torch.linalg.solve(F.T @ F + regularization * torch.eye(p, dtype=F.dtype), F.T))
        P.diagonal().add_(1)
    return (-P / P.diagonal()).fill_diagonal_(0).numpy()  # a factor of P cancels


def models(side: SideInformation) -> Sequence[L3ae]:
    """One a setting; none without content, or where the catalogue is too large to invert."""
    if side.content is None or side.n_items > MOST_ITEMS:
        return ()
    return tuple(L3ae(*each, side.content) for each in product(REGULARIZATIONS, TOWARDS_CONTENT, OF_CONTENT))
