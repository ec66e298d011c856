"""The content map that places new items and people's own words, fitted once the factors of known items are there.

    iALS          B, from features onto the item factors, of the candidate's kind (`maps.py`)
    popularity    B, onto how many people each item has; words and new items that are liked count as a liking
    item-kNN      W, the item-item part with what each item says of itself, is cut to rank r: W ≈ U Vᵀ. A map from
                  features onto U and V says what a new item adds to others, and what others add to it
    EASE, L3AE    likewise, of a W whose diagonal is 0; what W links to by content alone needs no other place

What the model says of people and items that it has met does not change by one bit. For that, item-kNN's dense part has
two halves: one is shared by texts with known items, the other by past events with new items.

Here: what is mapped. Not here: which blocks are read (`mmrec/evaluation/unmet.py`), how a map is fitted (`maps.py`),
placing by it (`mmrec/models/factorization.py`). Source of the randomised cut: Halko, Martinsson, Tropp 2011,
arXiv:0909.4061.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmrec.fusion import maps
from mmrec.fusion.deep import Network
from mmrec.fusion.layout import Layout
from mmrec.models import factorization
from mmrec.models.candidates import POPULARITY, Candidate
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.linear import LinearSettings
from mmrec.models.links import SparseLinks

RANK = 32  # r of item-kNN
_OVERSAMPLED, _POWERS = 16, 3  # of the randomised cut
_FAINT = 1e-4  # the length of what is folded in of item-kNN: so short that a fold-in is a sum, to 1e-8 of it


def with_map(
    candidate: Candidate, factors: ItemFactors, layout: Layout, features: np.ndarray | None, links: SparseLinks | None
) -> tuple[ItemFactors, Network | None]:
    """`factors` with the map that places what they have not met by its features [n_items, p], and its network if any.

    They come back as they are where there are no features, and where nobody has met an item.
    """
    warm = factors.counts > 0
    if features is None or not warm.any():
        return factors, None
    kind, seed = candidate.fusion, candidate.hyper.seed
    if candidate.last_resort not in (None, POPULARITY) and links is not None:
        return _of_links(candidate, factors, layout, features, links)
    if candidate.last_resort == POPULARITY:
        A = np.zeros((1, layout.width))
        for place in layout.places:
            A[0, place.end] = factors.Q[0, 0] / place.weight
        factors, kind = replace(factors, A=A), maps.CONCAT
    made = maps.fit(kind, layout, features, warm, factors.H[warm], seed)
    return _placed(replace(factors, B=made.matrix), made.features), made.network


def _of_links(
    candidate: Candidate, factors: ItemFactors, layout: Layout, features: np.ndarray, links: SparseLinks
) -> tuple[ItemFactors, Network | None]:
    """Item-kNN's zeros with U and V in their place, in halves that known items do not share with past events."""
    warm, seed = factors.counts > 0, candidate.hyper.seed
    U, V = _cut(links, _of_itself(candidate, factors.counts), seed)
    made = maps.fit(candidate.fusion, layout, features, warm, np.hstack([U, V])[warm], seed)
    to_u, to_v = made.matrix[: U.shape[1]], made.matrix[U.shape[1] :]
    nothing, width = np.zeros(U.shape), 2 * U.shape[1]
    # What W does not know stays out of lists, and who has only what says nothing keeps having none.
    H = np.hstack([V * links.known[:, None], nothing]) / _FAINT
    HQ = np.hstack([nothing, U * links.telling[:, None]]) * _FAINT
    placed = ItemFactors(
        H,
        np.vstack([np.zeros(to_v.shape), to_v / _FAINT]),
        np.eye(width),
        np.zeros(width),
        HQ,
        factors.counts,
        Hyper(width=width, alpha=0.0, regularization=1.0, exponent=0.0, sweeps=1, seed=seed),
        np.vstack([to_u, to_u]) * _FAINT,
    )
    return _placed(placed, made.features, links.known), made.network


def _placed(factors: ItemFactors, features: np.ndarray, known: np.ndarray | bool = False) -> ItemFactors:
    """The items that nobody has met at their places, but for those that are `known` otherwise (bool [n_items])."""
    cold = np.flatnonzero((factors.counts == 0) & ~np.asarray(known))
    new = factorization.with_new_items(factors, features[cold])
    H, HQ = factors.H.copy(), factors.HQ.copy()
    H[cold], HQ[cold] = new.H[len(H) :], new.HQ[len(H) :]
    return replace(factors, H=H, HQ=HQ)


def _of_itself(candidate: Candidate, counts: np.ndarray) -> np.ndarray:
    """W_jj = κ n_j^(1 − p − b), as if an item were its own neighbour; 0 for who has nobody, and of linear models."""
    assert candidate.links is not None
    if isinstance(candidate.links, LinearSettings):
        return np.zeros(len(counts))
    links, n = candidate.links, np.maximum(counts, 1).astype(np.float64)
    return links.strength * n ** (1 - links.from_exponent - links.to_exponent) * (counts > 0)


def _cut(links: SparseLinks, itself: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """U and V, float64 [items, r], of the best W + diag(itself) ≈ U Vᵀ that a seeded draw finds."""
    import torch

    n, rows = len(itself), links.weights
    at = np.stack([np.r_[rows.rows, np.arange(n)], np.r_[rows.items, np.arange(n)]]).astype(np.int64)
    values = torch.from_numpy(np.r_[rows.weights, itself])
    W = torch.sparse_coo_tensor(torch.from_numpy(at), values, (n, n), check_invariants=True).coalesce()
    draw = np.random.default_rng(seed).normal(size=(n, min(n, RANK + _OVERSAMPLED)))
    Y = torch.linalg.qr(torch.sparse.mm(W, torch.from_numpy(draw))).Q
    for _ in range(_POWERS):
        Y = torch.linalg.qr(torch.sparse.mm(W, torch.linalg.qr(torch.sparse.mm(W.t(), Y)).Q)).Q
    left, sizes, right = torch.linalg.svd(torch.sparse.mm(W.t(), Y).T, full_matrices=False)
    roots = sizes[:RANK].sqrt()
    return ((Y @ left[:, :RANK]) * roots).numpy(), (right[:RANK].T * roots).contiguous().numpy()
