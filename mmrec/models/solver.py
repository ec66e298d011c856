"""Alternating least squares, one side at a time: every row's own small system, the same bits on any machine.

Rows of like length are solved together in tiles of fixed size, so that a row's bits do not depend on its neighbours.
Here: solving and exact products. Not here: what is solved for (`mmrec/models/factorization.py`). torch is imported
inside functions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from mmrec.models.histories import Histories

if TYPE_CHECKING:
    import torch

# The shapes every solve runs in. They are part of the numeric recipe: a BLAS picks its kernel, and with it the last
# bit, by shape, so a person always meets the same shape, padded with zero events and with empty people.
SHORTEST = 8  # events in the smallest bucket; with widths padded to 8 every matrix starts on a 64-byte boundary
SLICE = 256  # events a product takes at once; longer histories are added up slice by slice
TILE_EVENTS = 4_096  # events (padding included) in a tile, which fixes the number of people a tile holds
PRODUCTS = 64_000  # products of `project` at once, .5 MB: what a core's own cache holds
_SOLVING = threading.Lock()  # the number of torch threads belongs to the process


def solve(
    rows: np.ndarray,
    e: np.ndarray,
    histories: Histories,
    ridge: np.ndarray,
    prior: np.ndarray | None = None,
    *,
    pool: Executor,
) -> np.ndarray:
    """Solve (diag(e) + Σ_j c_j x_j x_jᵀ + ridge_u I) y_u = Σ_j c_j x_j + prior_u for every row u of `histories`.

    `rows` [m, d] are the x_j in the eigenbasis of the Gram matrix whose eigenvalues are e; the answer, float64
    [n, d], is in that basis too. Rows without events are zeros. This is the person step of the objective with
    ridge_u = λ n_u^ν, and the item step with ridge_i = r_i and prior_i = r_i QᵀB f_i.
    """
    import torch

    n, d = len(histories), rows.shape[1]
    pad = -d % SHORTEST
    x = torch.from_numpy(np.pad(rows, ((0, 0), (0, pad))))
    eigenvalues = torch.from_numpy(np.pad(e, (0, pad)))
    out = np.zeros((n, d))

    def solve_tile(tile: tuple[int, np.ndarray]) -> None:
        length, people = tile
        size = len(people)
        shifts = torch.ones(_tile_size(length), 1, dtype=torch.float64)
        shifts[:size, 0] = torch.from_numpy(ridge[people])
        pull = torch.zeros(len(shifts), d + pad, dtype=torch.float64)
        if prior is not None:
            pull[:size, :d] = torch.from_numpy(prior[people])
        step = _woodbury if length < d and length <= SLICE else _cholesky
        answer = step(x, eigenvalues + shifts, pull, _Events(histories, people, length))
        out[people] = answer[:size, :d].numpy()

    list(pool.map(solve_tile, _tiles(histories.lengths)))
    return out


@contextmanager
def workers() -> Iterator[Executor]:
    """As many workers as torch has threads, each solving whole tiles on one thread.

    torch is set to one thread meanwhile and set back after. A tile's bits then cannot depend on the thread count,
    and a busy machine does not stall every small product at a barrier (10 to 30 times slower beside one busy core).
    Threads of one process take turns.
    """
    import torch

    with _SOLVING:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                yield pool
        finally:
            torch.set_num_threads(threads)


def _tile_size(length: int) -> int:
    """People in a tile of histories of this padded length: a function of the length alone."""
    return max(4, min(64, TILE_EVENTS // length))


def _tiles(lengths: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Power-of-two buckets of the history length, each cut into tiles: (padded length, row numbers)."""
    padded = np.maximum(SHORTEST, 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64))
    for length in np.unique(padded[lengths > 0]).tolist():
        members = np.flatnonzero((padded == length) & (lengths > 0))
        size = _tile_size(length)
        yield from ((length, members[start : start + size]) for start in range(0, len(members), size))


class _Events:
    """The events of one tile: slices of (item index, √c), both [tile, slice], padded with weight 0."""

    def __init__(self, histories: Histories, people: np.ndarray, length: int) -> None:
        size = _tile_size(length)
        self.histories, self.length = histories, length
        self.starts, self.ends = np.zeros((2, size, 1), np.int64)
        self.starts[: len(people), 0] = histories.indptr[people]
        self.ends[: len(people), 0] = histories.indptr[people + 1]

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        import torch

        for start in range(0, self.length, SLICE):
            at = self.starts + np.arange(start, min(start + SLICE, self.length))
            there = at < self.ends
            at = np.where(there, at, 0)
            roots = np.where(there, np.sqrt(self.histories.weights[at]), 0.0)
            yield torch.from_numpy(self.histories.items[at].astype(np.int64)), torch.from_numpy(roots)


def _woodbury(x: torch.Tensor, D: torch.Tensor, pull: torch.Tensor, events: _Events) -> torch.Tensor:
    """(D + SᵀS)⁻¹ (Sᵀs + g) = D⁻¹ (g + Sᵀ (I + S D⁻¹Sᵀ)⁻¹ (s − S D⁻¹ g)), S = √c x and s = √c: cheap if events < d."""
    import torch

    ((items, s),) = events
    S = _gather(x, items).mul_(s[..., None])
    SD = S / D[:, None, :]
    K = torch.eye(S.shape[1], dtype=S.dtype) + SD @ S.mT
    right = s[..., None] - SD @ pull[..., None]
    y = torch.cholesky_solve(right, torch.linalg.cholesky_ex(K).L)
    return (pull + (S.mT @ y)[..., 0]) / D


def _cholesky(x: torch.Tensor, D: torch.Tensor, pull: torch.Tensor, events: _Events) -> torch.Tensor:
    """(D + SᵀS)⁻¹ (Sᵀs + g) by the d × d normal matrix, added up slice by slice."""
    import torch

    A, right = torch.diag_embed(D), pull[..., None]
    for items, s in events:
        S = _gather(x, items).mul_(s[..., None])
        A = A + S.mT @ S
        right = right + S.mT @ s[..., None]
    return torch.cholesky_solve(right, torch.linalg.cholesky_ex(A).L)[..., 0]


def _gather(x: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """x[items], [tile, slice, d], in a quarter of the time (measured on 2 cores)."""
    return x.index_select(0, items.reshape(-1)).view(*items.shape, -1)


def product(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """X Y by torch: numpy's BLAS keeps threads of its own, and the two pools together took twice the time."""
    import torch

    return (torch.from_numpy(X) @ torch.from_numpy(Y)).numpy()


def project(X: np.ndarray, M: np.ndarray) -> np.ndarray:
    """X Mᵀ [n, d] as products summed along the last axis: a row's bits depend on that row and M alone."""
    out = np.empty((len(X), len(M)))
    step = max(1, PRODUCTS // max(1, M.size))
    room = np.empty((min(step, len(X)), *M.shape))
    for start in range(0, len(X), step):
        here = slice(start, start + step)
        products = np.multiply(X[here, None, :], M, out=room[: len(out[here])])
        products.sum(-1, out=out[here])
    return out
