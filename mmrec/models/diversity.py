"""Maximal marginal relevance: a list whose next item is worth much to the person and unlike those above it.

    next = argmax_i (1 − δ) r_i − δ max_j cos(v_i, v_j)        over the items j that are listed already

r_i is the item's score, moved to 0 … 1 over the person's candidates, and v_i its content. δ = 0 is the order of scores.
Here: the rule, on arrays. Not here: which content, and when a stored list still holds (`mmrec/lists/top_k.py`). numpy
only. Source: Carbonell, Goldstein 1998, "The use of MMR, diversity-based reranking for reordering documents", SIGIR.
"""

from __future__ import annotations

import numpy as np

MOST = 200  # candidates beyond the places of a list
_GRID = 2.0**20  # of unit vectors: see `directions`
_HELD = 8_000_000  # float64 values held at once, 64 MB


def candidates(k: int) -> int:
    """How many of the best items compete for k places: five a place, for long lists fewer."""
    return k + min(4 * k, MOST)


def directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors [n, d] at length 1, float64, each number a multiple of 2⁻²⁰; zeros stay zeros.

    The products of two such rows are multiples of 2⁻⁴⁰ whose sizes sum to about 1 at most. So float64 holds every
    partial sum, and a cosine has the same bits in whatever order a machine sums it.
    """
    rows = vectors.astype(np.float64)
    lengths = np.sqrt((rows**2).sum(-1, keepdims=True))
    unit = np.divide(rows, lengths, out=np.zeros(rows.shape), where=lengths > 0)
    return np.round(unit * _GRID) / _GRID


def reranked(
    listed: tuple[np.ndarray, np.ndarray], content: np.ndarray, k: int, diversity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lists of items and scores [n, k] out of everybody's candidates [n, m], the best first, as `ranking.top_k` gives
    them; in the order in which they were chosen, so that scores need not descend.

    `content` [items, d] are `directions`; an item without content is like nothing. `diversity` is δ, 0 to 1. Of equal
    ones the candidate that stands first is chosen.
    """
    items, scores = listed
    at = np.full((len(items), k), -1, np.int64)
    # Of few items all cosines are read from one table: the same bits in a fifth of the time (1,682 items, 943 people).
    table = content @ content.T if len(content) ** 2 <= _HELD else None
    step = max(1, _HELD // max(1, items.shape[1] * (content.shape[1] + items.shape[1])))
    for start in range(0, len(items), step):
        here = slice(start, start + step)
        own = np.maximum(items[here], 0)  # −1 reads item 0, and has no relevance
        if table is not None:
            alike = table[own[:, :, None], own[:, None, :]]
        else:
            vectors = content[own]
            alike = np.matmul(vectors, vectors.transpose(0, 2, 1))
        at[here] = _chosen(_relevance(items[here], scores[here]), alike, k, diversity)
    found, amounts = (np.take_along_axis(each, np.maximum(at, 0), axis=1) for each in (items, scores))
    return np.where(at >= 0, found, -1).astype(np.int32), np.where(at >= 0, amounts, np.nan)


def _relevance(items: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scores [n, m] from 0, the last candidate's, to 1, the first one's; −inf where there is no item."""
    there = items >= 0
    last = np.where(there, scores, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    above = np.where(there, scores - np.where(there, last, 0.0), -np.inf)
    span = above.max(axis=1, initial=0.0, keepdims=True)
    return np.divide(above, span, out=np.where(there, 0.0, -np.inf), where=there & (span > 0))


def _chosen(relevance: np.ndarray, alike: np.ndarray, k: int, diversity: float) -> np.ndarray:
    """Positions of the chosen candidates [n, k], −1 where there is none left; `alike` [n, m, m] are cosines."""
    people = np.arange(len(relevance))
    nothing, nearest = np.full(relevance.shape, -np.inf), np.full(relevance.shape, -1.0)
    worth = np.multiply(1 - diversity, relevance, out=nothing, where=relevance > -np.inf)  # 0 × −∞ is no number
    at = np.full((len(relevance), k), -1, np.int64)
    for place in range(min(k, relevance.shape[1])):
        value = worth - diversity * nearest
        best = value.argmax(axis=1)
        at[:, place] = np.where(value[people, best] > -np.inf, best, -1)
        worth[people, best] = -np.inf
        nearest = np.maximum(nearest, alike[people, best])
    return at
