"""A graph filter: a person's items, smoothed over the graph of items that people have together. Nothing is trained.

    W = P + γ D^−½ V Vᵀ D^½        P = R̃ᵀR̃,   R̃ = D_U^−½ X D^−½

P lets the low frequencies of the graph pass; V holds its leading eigenvectors, which make an ideal low-pass filter.
D_U and D count the items of a person and the people of an item, X is 0 or 1. Source: Shen et al. 2021, "How powerful is
graph convolution for recommendation?" (GF-CF), arXiv:2108.07567. Time grows with the cube of the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.item_item import ItemItem
from mmrec.models.links import DenseLinks
from mmrec.models.side import SideInformation

MOST_ITEMS = 6_000  # all eigenvectors of a matrix of this size squared: about a minute on two cores
IDEAL = ((0.0, 0), (0.3, 32), (0.3, 128), (1.0, 32), (1.0, 128))  # γ with the number of eigenvectors


@dataclass(frozen=True)
class GraphFilter:
    """`ideal` is γ, `rank` the number of columns of V; γ = 0 is the linear filter alone."""

    ideal: float
    rank: int
    name: str = "graph filter"

    @property
    def note(self) -> str:
        """γ and the rank."""
        return f"γ = {self.ideal:g}" + (f", {self.rank} eigenvectors" if self.ideal else "")

    def fit(self, histories: Histories, n_items: int) -> ItemItem:
        """W, dense."""
        import torch

        people, counts = (np.maximum(each, 1.0) for each in (histories.lengths, _counts(histories, n_items)))
        R = torch.zeros((len(histories), n_items), dtype=torch.float64)
        own = 1 / np.sqrt(people[histories.rows] * counts[histories.items])
        R[torch.from_numpy(histories.rows), torch.from_numpy(histories.items.astype(np.int64))] = torch.from_numpy(own)
        W = R.T @ R
        if self.ideal:
            V = torch.linalg.eigh(W).eigenvectors[:, -self.rank :]
            roots = torch.from_numpy(np.sqrt(counts))
            W = W + self.ideal * (V / roots[:, None]) @ (V * roots[:, None]).T
        known = _counts(histories, n_items) > 0
        return ItemItem(DenseLinks(np.where(known, W.numpy(), 0.0), known))


def _counts(histories: Histories, n_items: int) -> np.ndarray:
    return np.bincount(histories.items, minlength=n_items)


def models(side: SideInformation) -> Sequence[GraphFilter]:
    """One a γ and rank; none where the catalogue is too large."""
    return tuple(GraphFilter(*each) for each in IDEAL) if side.n_items <= MOST_ITEMS else ()
