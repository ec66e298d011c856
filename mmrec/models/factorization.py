"""Feature-prior implicit ALS: the matrix factorization that is served, its fit and its exact, bit-stable fold-in.

Belongs here: the objective, the fitted item factors and their arrays, the fit, and the one solve that turns a person's
events into a person's factor. Does not belong here: the events as sparse rows (`histories.py`), ranking (`ranking.py`),
reasons (`reasons.py`), the choice among candidates (`selection.py`), storage, ids and time. torch is imported inside
the functions that solve, so stored factors can be read, ranked and explained without it.

The objective, with w_u a person, h_i an item, f_i its features, c_ui the weight of their event:

    Σ_(u,i) c_ui (1 − w_u·h_i)² + α₀ Σ_u Σ_i (w_u·h_i)² + λ Σ_u n_u^ν ‖w_u‖² + Σ_i r_i ‖h_i − B f_i‖² + λ_B ‖B‖²

n_u and n_i count distinct items of a person and distinct people of an item, and r_i = λ n_i^ν. Items without events
have no term in it: they get B f_i after the fit. Plain iALS is B = 0. Sources: Hu, Koren, Volinsky 2008 (implicit
feedback), Rendle et al. 2022, arXiv:2110.14037 (α₀, ν).
"""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from mmrec.models.histories import Histories

if TYPE_CHECKING:
    import torch

# The shapes every solve runs in. They are part of the numeric recipe: a BLAS picks its kernel, and with it the last
# bit, by shape, so a person always meets the same shape, padded with zero events and with empty people.
SHORTEST = 8  # events in the smallest bucket; with widths padded to 8 every matrix starts on a 64-byte boundary
SLICE = 256  # events a product takes at once; longer histories are added up slice by slice
TILE_EVENTS = 4_096  # events (padding included) in a tile, which fixes the number of people a tile holds

_SOLVING = threading.Lock()  # the number of torch threads belongs to the process


@dataclass(frozen=True)
class Hyper:
    """Settings of the objective and its fit; the symbols are those of the module's formula."""

    width: int = 64  # d, the length of a factor
    alpha: float = 0.6  # α₀, weight of every cell, seen or not
    regularization: float = 0.03  # λ
    exponent: float = 1.0  # ν
    sweeps: int = 8  # passes over people, items and B
    feature_regularization: float = 1000.0  # λ_B
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1 or self.sweeps < 1 or min(self.alpha, self.exponent) < 0:
            raise ValueError(f"width and sweeps start at 1, alpha and exponent at 0; got {self}")
        if self.regularization <= 0 or self.feature_regularization <= 0:
            raise ValueError(f"regularization and feature_regularization must be above 0; got {self}")


@dataclass(frozen=True)
class ItemFactors:
    """A fitted item-factor version: everything a fold-in, a list and a reason need.

    Q and e are the eigenbasis of the weighted Gram matrix, α₀ HᵀH = Q diag(e) Qᵀ, over items with events, and HQ is
    H in that basis. They are stored and never computed again: another thread count gives other last bits.
    """

    H: np.ndarray  # float64 [n_items, d]
    B: np.ndarray | None  # float64 [d, p], None in plain iALS
    Q: np.ndarray  # float64 [d, d]
    e: np.ndarray  # float64 [d], at least 0
    HQ: np.ndarray  # float64 [n_items, d]
    counts: np.ndarray  # int64 [n_items], distinct people of each item in the fit; 0 = cold
    hyper: Hyper

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays by name; the settings are UTF-8 JSON in `hyper`, and B is left out in plain iALS."""
        hyper = np.frombuffer(json.dumps(asdict(self.hyper), sort_keys=True).encode(), np.uint8)
        arrays = {"H": self.H, "Q": self.Q, "e": self.e, "HQ": self.HQ, "counts": self.counts, "hyper": hyper}
        return arrays if self.B is None else arrays | {"B": self.B}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_arrays`: the same bytes, nothing recomputed."""
        hyper = Hyper(**json.loads(np.asarray(arrays["hyper"], np.uint8).tobytes()))
        H, Q, e, HQ, counts = (arrays[name] for name in ("H", "Q", "e", "HQ", "counts"))
        return cls(H, arrays.get("B"), Q, e, HQ, counts, hyper)


def fit(histories: Histories, n_items: int, hyper: Hyper, features: np.ndarray | None = None) -> ItemFactors:
    """Alternate exact solves over people, items and B, cold from a seeded start.

    `features` is [n_items, p], rows of zeros for items without content; None is plain iALS. Same arguments give the
    same factors on the same machine and thread count. Served people are always `fold_in` on the result. Only items with
    events take part: another cold item in the catalogue moves no bit of the others. Cold ones are placed at B f.
    """
    counts = np.bincount(histories.items, minlength=n_items)
    warm = counts > 0
    own = None if features is None else features[warm]
    fitted = _fit_warm(histories.renumbered(np.cumsum(warm) - 1), int(warm.sum()), hyper, own)
    H = np.zeros((n_items, hyper.width))
    H[warm] = fitted.H
    if fitted.B is not None and features is not None:
        H[~warm] = _project(features[~warm], fitted.B)
    return replace(fitted, H=H, HQ=rotate(H, fitted.Q), counts=counts)


def _fit_warm(histories: Histories, n_items: int, hyper: Hyper, features: np.ndarray | None) -> ItemFactors:
    """The fit of items that all have events."""
    by_item = histories.transpose(n_items)
    r = hyper.regularization * by_item.lengths.astype(np.float64) ** hyper.exponent
    r_people = hyper.regularization * histories.lengths.astype(np.float64) ** hyper.exponent
    rng = np.random.default_rng(hyper.seed)
    H = rng.normal(0.0, 0.1 / np.sqrt(hyper.width), (n_items, hyper.width))
    B: np.ndarray | None = None
    with _workers() as pool:
        ridge = None if features is None else _Ridge.of(features, r, hyper.feature_regularization)
        for _ in range(hyper.sweeps):
            Q, e = eigenbasis(H, hyper.alpha)
            W = _product(solve(_product(H, Q), e, histories, r_people, pool=pool), Q.T)
            Q, e = eigenbasis(W, hyper.alpha)
            prior = None if B is None or features is None else r[:, None] * _product(features, _product(B.T, Q))
            H = _product(solve(_product(W, Q), e, by_item, r, prior, pool=pool), Q.T)
            B = None if ridge is None else ridge.solve(H)
        Q, e = eigenbasis(H, hyper.alpha)
    return ItemFactors(H, B, Q, e, H, by_item.lengths, hyper)


def fold_in(factors: ItemFactors, histories: Histories) -> np.ndarray:
    """People's factors, float64 [n, d]: the exact minimiser of the objective in w_u, given the item factors.

    Bit-stable: a row depends on that person's own events and the bytes of `factors` and on nothing else, be it the
    order of people, who else is in the batch, or the thread count. A person without events gets zeros.
    """
    r = factors.hyper.regularization * histories.lengths.astype(np.float64) ** factors.hyper.exponent
    with _workers() as pool:
        return _project(solve(factors.HQ, factors.e, histories, r, pool=pool), factors.Q)


def fold_in_liked(factors: ItemFactors, vectors: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """The factors of people who liked one item each, given by its factor [n, d] (such as B f of a typed sentence)."""
    n = len(vectors)
    one_each = Histories(np.arange(n + 1), np.arange(n, dtype=np.int32), np.full(n, weight))
    r = np.full(n, factors.hyper.regularization)
    with _workers() as pool:
        return _project(solve(rotate(vectors, factors.Q), factors.e, one_each, r, pool=pool), factors.Q)


def cold_items(factors: ItemFactors, features: np.ndarray) -> np.ndarray:
    """B f for items the fit has not seen, float64 [n, d]; zeros in plain iALS. A row depends on its features alone."""
    return np.zeros((len(features), factors.Q.shape[0])) if factors.B is None else _project(features, factors.B)


def with_new_items(factors: ItemFactors, features: np.ndarray) -> ItemFactors:
    """The same version with new items behind the fitted ones, placed at B f; the Gram matrix stays the fitted one."""
    H = cold_items(factors, features)
    counts = np.concatenate([factors.counts, np.zeros(len(H), factors.counts.dtype)])
    HQ = np.vstack([factors.HQ, _project(H, factors.Q.T)])
    return replace(factors, H=np.vstack([factors.H, H]), HQ=HQ, counts=counts)


def rotate(vectors: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """X Q, such as item factors in the eigenbasis (what HQ is to H). A row's bits depend on that row and Q alone."""
    return _project(vectors, Q.T)


def eigenbasis(factors: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Q [d, d] and e [d] of α₀ XᵀX = Q diag(e) Qᵀ; rounding below zero is cut off."""
    import torch

    X = torch.from_numpy(factors)
    e, Q = torch.linalg.eigh(alpha * (X.T @ X))
    return Q.contiguous().numpy(), e.clamp(min=0).numpy()


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
        step = _woodbury if length < d else _cholesky
        answer = step(x, eigenvalues + shifts, pull, _Events(histories, people, length))
        out[people] = answer[:size, :d].numpy()

    list(pool.map(solve_tile, _tiles(histories.lengths)))
    return out


@contextmanager
def _workers() -> Iterator[Executor]:
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

    def __iter__(self) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
        import torch

        for start in range(0, self.length, SLICE):
            at = self.starts + np.arange(start, min(start + SLICE, self.length))
            there = at < self.ends
            at = np.where(there, at, 0)
            roots = np.where(there, np.sqrt(self.histories.weights[at]), 0.0)
            yield torch.from_numpy(self.histories.items[at].astype(np.int64)), torch.from_numpy(roots)


def _woodbury(x: "torch.Tensor", D: "torch.Tensor", pull: "torch.Tensor", events: _Events) -> "torch.Tensor":
    """(D + SᵀS)⁻¹ (Sᵀs + g) = D⁻¹ (g + Sᵀ (I + S D⁻¹Sᵀ)⁻¹ (s − S D⁻¹ g)), S = √c x and s = √c: cheap if events < d."""
    import torch

    ((items, s),) = events
    S = x[items] * s[..., None]
    SD = S / D[:, None, :]
    K = torch.eye(S.shape[1], dtype=S.dtype) + SD @ S.mT
    right = s[..., None] - SD @ pull[..., None]
    y = torch.cholesky_solve(right, torch.linalg.cholesky_ex(K).L)
    return (pull + (S.mT @ y)[..., 0]) / D


def _cholesky(x: "torch.Tensor", D: "torch.Tensor", pull: "torch.Tensor", events: _Events) -> "torch.Tensor":
    """(D + SᵀS)⁻¹ (Sᵀs + g) by the d × d normal matrix, added up slice by slice."""
    import torch

    A, right = torch.diag_embed(D), pull[..., None]
    for items, s in events:
        S = x[items] * s[..., None]
        A = A + S.mT @ S
        right = right + S.mT @ s[..., None]
    return torch.cholesky_solve(right, torch.linalg.cholesky_ex(A).L)[..., 0]


def _product(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """X Y by torch: numpy's BLAS keeps threads of its own, and the two pools together took twice the time."""
    import torch

    return (torch.from_numpy(X) @ torch.from_numpy(Y)).numpy()


def _project(X: np.ndarray, M: np.ndarray) -> np.ndarray:
    """X Mᵀ [n, d] as products summed along the last axis: a row's bits depend on that row and M alone."""
    out = np.empty((len(X), len(M)))
    step = max(1, 2_000_000 // max(1, M.size))
    for start in range(0, len(X), step):
        out[start : start + step] = (X[start : start + step, None, :] * M).sum(-1)
    return out


@dataclass(frozen=True)
class _Ridge:
    """The B step, B = (Σ r h fᵀ)(Σ r f fᵀ + λ_B I)⁻¹, with the Cholesky factor computed once: r and f never change.

    With G = √r f, row by row, (GᵀG + λ_B I)⁻¹Gᵀ = Gᵀ(GGᵀ + λ_B I)⁻¹: the smaller of the two matrices is factored. Four
    modalities are 3,460 numbers of 1,682 films, where this costs .4 of the other side (measured on 2 cores).
    """

    G: "torch.Tensor"  # √r_i f_i, [n_warm, p]
    roots: "torch.Tensor"  # √r_i, [n_warm, 1]
    L: "torch.Tensor"  # [p, p], or [n_warm, n_warm] where items are fewer than features

    @classmethod
    def of(cls, features: np.ndarray, r: np.ndarray, regularization: float) -> Self:
        import torch

        roots = torch.from_numpy(np.sqrt(r))[:, None]
        G = torch.from_numpy(np.ascontiguousarray(features, np.float64)) * roots
        normal = G @ G.T if len(G) < G.shape[1] else G.T @ G
        normal.diagonal().add_(regularization)
        return cls(G, roots, torch.linalg.cholesky(normal))

    def solve(self, H: np.ndarray) -> np.ndarray:
        import torch

        pulled = self.roots * torch.from_numpy(H)
        if len(self.L) == len(self.G):
            B = self.G.T @ torch.cholesky_solve(pulled, self.L)
        else:
            B = torch.cholesky_solve(self.G.T @ pulled, self.L)
        return B.T.contiguous().numpy()
