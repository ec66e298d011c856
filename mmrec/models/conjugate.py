"""Conjugate gradients: a few float32 steps towards the factors of one side, where nothing that is served rests on them.

So for every pass of a fit but the last, and for people whose lists are only judged.

Here: one side's events as sparse matrices, and the steps. Not here: what is solved for and in which order
(`factorization.py`), exact solves (`solver.py`). torch is imported inside functions.

A row's matrix A = diag(e) + ridge I + Σ_j c_j x_j x_jᵀ is never built: A v needs a product and a sum for each event.
In the eigenbasis of the Gram matrix the diagonal holds most of A, so that dividing by it (Jacobi) leaves little to do.
Sources: Takács, Pilászy, Tikk 2011 (conjugate gradients for implicit ALS); Shewchuk 1994, section B3 (preconditioning).
"""

from __future__ import annotations

import warnings
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

from mmrec.models.histories import Histories

if TYPE_CHECKING:
    import torch

STEPS = 2  # in a pass; the next pass goes on where this one stops
FIRST_STEPS = (
    1  # in a pass from zeros, whose other side is random: more bring no better lists one sweep later (Gowalla)
)
FOLD_STEPS = 12  # of people alone, from zeros: within .001 of the exact solution (RMS; Gowalla, three fits)
PART_EVENTS = 16_384  # events of the rows that are solved together: what the core's own cache holds
TINY = 1e-30  # a row that is solved takes a step of 0, not of 0 / 0


@dataclass(frozen=True)
class Side:
    """One side of the objective: everybody's events, or every item's, in parts of whole rows."""

    parts: tuple[Part, ...]
    n: int  # rows

    @classmethod
    def of(cls, histories: Histories, n_columns: int, ridge: np.ndarray) -> Self:
        """The events of `histories`, whose items are below `n_columns`; `ridge` is float64 [n]."""
        n, indptr = len(histories), histories.indptr
        cuts = np.searchsorted(indptr, np.arange(PART_EVENTS, indptr[-1], PART_EVENTS))
        cuts = np.unique(np.concatenate([[0], cuts, [n]])).tolist()
        parts = (Part.of(histories, slice(*pair), n_columns, ridge) for pair in pairwise(cuts))
        return cls(tuple(parts), n)

    def approach(
        self,
        rows: np.ndarray,
        e: np.ndarray,
        prior: np.ndarray | None,
        start: np.ndarray | None,
        *,
        steps: int,
        pool: Executor,
    ) -> np.ndarray:
        """So many steps from `start`, or from zeros where it is None, towards what `solver.solve` gives.

        All is in the eigenbasis; float64 [n, d] of float32 precision. A row's bits depend on its own events, `rows` and
        `e` alone.
        """
        import torch

        x, eigenvalues = torch.from_numpy(rows).float(), torch.from_numpy(e).float()
        squares = x * x
        out = np.empty((self.n, rows.shape[1]))

        def solve_part(part: Part) -> None:
            pull, begin = (
                None if given is None else torch.from_numpy(given[part.rows]).float() for given in (prior, start)
            )
            out[part.rows] = part.approach(x, squares, eigenvalues, pull, begin, steps).numpy()

        list(pool.map(solve_part, self.parts))
        return out


@dataclass(frozen=True)
class Part:
    """Some whole rows of a side, and their events as a sparse matrix that holds the weights c."""

    rows: slice
    events: torch.Tensor  # CSR, float32 [rows, columns]
    ridge: torch.Tensor  # float32 [rows, 1]

    @classmethod
    def of(cls, histories: Histories, rows: slice, n_columns: int, ridge: np.ndarray) -> Self:
        """The events of these rows."""
        import torch

        offsets = histories.indptr[rows.start : rows.stop + 1]
        own = slice(offsets[0], offsets[-1])
        items = torch.from_numpy(histories.items[own].astype(np.int64))
        weights = torch.from_numpy(histories.weights[own]).float()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
            starts, shape = torch.from_numpy(offsets - offsets[0]), (rows.stop - rows.start, n_columns)
            events = torch.sparse_csr_tensor(starts, items, weights, shape, check_invariants=False)
        return cls(rows, events, torch.from_numpy(ridge[rows]).float()[:, None])

    def approach(
        self,
        x: torch.Tensor,
        squares: torch.Tensor,
        e: torch.Tensor,
        pull: torch.Tensor | None,
        start: torch.Tensor | None,
        steps: int,
    ) -> torch.Tensor:
        """Preconditioned conjugate gradients for A y = Σ_j c_j x_j + pull."""
        import torch

        c, D = self.events.values(), e + self.ridge

        def times(v: torch.Tensor) -> torch.Tensor:
            return self._sums(x, c * self._dots(v, x)).addcmul_(D, v)

        inverse = 1 / (D + self._sums(squares, c) + TINY)
        r = self._sums(x, c)
        if pull is not None:
            r += pull
        if start is not None:
            r -= times(start)
        y = torch.zeros_like(r) if start is None else start
        direction = inverse * r
        rz = (r * direction).sum(-1, keepdim=True)
        for _ in range(steps - 1):
            moved = times(direction)
            length = rz / ((direction * moved).sum(-1, keepdim=True) + TINY)
            y = y + length * direction
            r -= length * moved
            z = inverse * r
            before, rz = rz, (r * z).sum(-1, keepdim=True)
            direction = z + rz / (before + TINY) * direction
        moved = times(direction)
        return y + rz / ((direction * moved).sum(-1, keepdim=True) + TINY) * direction

    def _sums(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Σ_j w_j x_j of every row, [rows, d]."""
        from torch.nn.functional import embedding_bag

        offsets, items = self.events.crow_indices(), self.events.col_indices()
        return embedding_bag(items, x, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True)

    def _dots(self, v: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """x_j·v_u of every event, [events]."""
        import torch

        return torch.sparse.sampled_addmm(self.events, v, x.T, beta=0.0).values()
