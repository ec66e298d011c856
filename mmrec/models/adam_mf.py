"""Matrix factorization by squared error and Adam: the way that introductions teach, in batches and over all cells.

    Σ_(u,i) c_ui (1 − w_u·h_i)² + α₀ Σ_u Σ_i (w_u·h_i)² + λ Σ_u n_u ‖w_u‖² + λ Σ_i n_i ‖h_i‖²

is the objective of `factorization.py` at ν = 1 without features, minimised by gradients of batches of people instead of
exact solves. The textbook's loss looks at observed cells alone, where 1 everywhere is the best answer; the second sum
repairs that, at the price of one small matrix: Σ_i (w·h_i)² = wᵀ (HᵀH) w. Everybody is folded in exactly. Sources:
Kingma, Ba 2015, arXiv:1412.6980 (Adam); Hu, Koren, Volinsky 2008 (all cells). Slow, so it stands in comparisons only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmrec.models import factorization
from mmrec.models.factorization import Hyper
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.side import SideInformation
from mmrec.models.solver import workers

if TYPE_CHECKING:
    import torch

EPOCHS = 30
BATCHES = 16  # at least, in an epoch
MOST_PEOPLE = 1_024  # in a batch
RATE = 0.02  # of Adam at the start; it falls to 0 along a straight line
REGULARIZATIONS = ((0.1, 0.01), (0.1, 0.1), (1.0, 0.03))  # α₀ with λ


@dataclass(frozen=True)
class AdamMf:
    """`hyper` gives α₀, λ, width and seed; sweeps are not read."""

    hyper: Hyper
    epochs: int = EPOCHS
    name: str = "MF by Adam"

    @property
    def note(self) -> str:
        """The settings."""
        h = self.hyper
        return f"d {h.width}, α₀ = {h.alpha:g}, λ = {h.regularization:g}, {self.epochs} epochs"

    def fit(self, histories: Histories, n_items: int) -> FittedFactors:
        """Item factors by Adam, cold from a seeded start; the same numbers give the same factors on one machine."""
        import torch

        rng = np.random.default_rng(self.hyper.seed)
        scale = 1 / np.sqrt(self.hyper.width)
        W, H = (
            torch.from_numpy(rng.normal(0, scale, (n, self.hyper.width)).astype(np.float32)).requires_grad_()
            for n in (len(histories), n_items)
        )
        counts = np.bincount(histories.items, minlength=n_items)
        size = max(1, min(MOST_PEOPLE, -(-len(histories) // BATCHES)))
        optimizer = torch.optim.Adam([W, H], lr=RATE)
        steps = self.epochs * -(-len(histories) // size)
        falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, max(1, steps))
        with workers():  # small products wait for each other's threads on a busy machine
            for people in batches(rng, len(histories), size, self.epochs):
                optimizer.zero_grad()
                objective(W[torch.from_numpy(people)], H, histories.take(people), self.hyper).backward()
                optimizer.step()
                falling.step()
        found = H.detach().double().numpy() * (counts > 0)[:, None]
        return FittedFactors(factorization.given(found, counts, self.hyper))


def batches(rng: np.random.Generator, n: int, size: int, epochs: int) -> Iterator[np.ndarray]:
    """Rows in a new order each epoch, at most `size` at a time."""
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[start : start + size] for start in range(0, n, size))


def objective(W: torch.Tensor, H: torch.Tensor, own: Histories, hyper: Hyper) -> torch.Tensor:
    """The share of the objective of some people (W [people, d], their events `own`), a scalar.

    An item's penalty is shared out among its events, so that the shares of all people sum to the objective.
    """
    import torch

    rows, items = torch.from_numpy(own.rows), torch.from_numpy(own.items.astype(np.int64))
    c, left, right = torch.from_numpy(own.weights).to(H.dtype), W[rows], H[items]
    lengths = torch.from_numpy(own.lengths).to(H.dtype)
    error = (c * (1 - (left * right).sum(-1)) ** 2).sum() + hyper.alpha * ((W @ (H.T @ H)) * W).sum()
    return error + hyper.regularization * ((lengths * (W**2).sum(-1)).sum() + (right**2).sum())


def models(side: SideInformation) -> Sequence[AdamMf]:
    """One a pair of α₀ and λ."""
    plain = Hyper(width=side.width, seed=side.seed)
    return tuple(AdamMf(replace(plain, alpha=alpha, regularization=ridge)) for alpha, ridge in REGULARIZATIONS)
