"""Top-K lists: the same bytes whatever the tiling, the batch or the machine's matrix product.

Here: exact scores of factors, and the certified top-K. Not here: how factors come about (`factorization.py`), a score's
item-item part (`interface.py`), and what a list is worth (`mmrec/evaluation/metrics.py`). numpy only, so that a list
can be made from stored factors without torch.

The rule: a float32 product nominates K + 20 items, float64 `(u * v).sum(-1)` scores them, and they are sorted by
(−score, item order). The list stands if the K-th score lies above everything that was not nominated could reach, given
the rounding error of the product; else all items are scored exactly for that row.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

SPARE = 20  # items nominated beyond K
BLOCK = 8  # columns whose maximum says whether to look into them
TILE_SCORES = 16_000_000  # approximate scores held at once, 64 MB
GATHERED = 50_000  # float64 factors gathered at once for exact scores, .4 MB: what the core's own cache holds

Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]  # row numbers [n], lists of columns [n, m] → float64 [n, m]


class Rows(Protocol):
    """What is read of people's histories (`histories.Histories`): sparse rows of item indexes."""

    @property
    def indptr(self) -> np.ndarray:
        """int64 [n + 1]."""
        ...

    @property
    def items(self) -> np.ndarray:
        """Item indexes, row after row."""
        ...


def exact_scores(user_factors: np.ndarray, item_factors: np.ndarray) -> np.ndarray:
    """float64 dot products of aligned rows, [n, d] and [n, d] → [n]: no bit depends on how many rows there are.

    float32 rows give the exact products of their numbers too.
    """
    out = np.empty(len(user_factors))
    step = max(1, GATHERED // max(1, user_factors.shape[1]))
    for start in range(0, len(out), step):
        here = slice(start, start + step)
        out[here] = (user_factors[here].astype(np.float64, copy=False) * item_factors[here]).sum(-1)
    return out


def top_k(
    user_factors: np.ndarray,
    item_factors: np.ndarray,
    seen: Rows,
    k: int,
    item_order: np.ndarray,
    servable: np.ndarray | None = None,
    *,
    tile: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The K best unseen items of every person: (items int32 [n, k], scores float64 [n, k]), best first.

    Row u of `seen` is masked for person u. `item_order` [n_items] is the rank of each item's id and settles ties.
    Only items where `servable` (bool [n_items], default all) and with a factor that is not zero are candidates;
    people with a zero factor get an empty list. Where candidates run out, items are −1 and scores NaN. `tile` is the
    number of people per product; it changes memory and speed, never a list. Raises ValueError on non-finite factors.
    """
    if not (np.isfinite(user_factors).all() and np.isfinite(item_factors).all()):
        raise ValueError("factors hold NaN or infinite numbers; expected finite ones: fit again")
    n, n_items = len(user_factors), len(item_factors)
    items, scores = np.full((n, k), -1, np.int32), np.full((n, k), np.nan)
    norms = np.sqrt((user_factors**2).sum(-1))
    lengths = np.sqrt((item_factors**2).sum(-1))
    allowed = (lengths > 0) & (True if servable is None else servable)
    pool = np.flatnonzero(allowed)
    if k == 0 or not pool.size:
        return items, scores
    scale, slack, order = float(lengths[pool].max()), rounding(item_factors.shape[1]), item_order[pool]
    V = np.ascontiguousarray((item_factors[pool] / scale).astype(np.float32).T)
    column = np.full(n_items, -1)
    column[pool] = np.arange(pool.size)

    def rank(rows: np.ndarray, approximate: np.ndarray) -> None:
        np.matmul((user_factors[rows] / norms[rows, None]).astype(np.float32), V, out=approximate)
        mask(approximate, rows, seen, column)

        def exact(at: np.ndarray, lists: np.ndarray) -> np.ndarray:
            return score_lists(user_factors[rows[at]], item_factors, named(pool, lists))

        lists, scores[rows] = certified(approximate, exact, k, order, slack, norms[rows] * scale)
        items[rows] = named(pool, lists)

    _in_tiles(rank, np.flatnonzero(norms > 0), pool.size, tile or max(1, TILE_SCORES // pool.size))
    return items, scores


def _in_tiles(rank: Callable[[np.ndarray, np.ndarray], None], people: np.ndarray, width: int, tile: int) -> None:
    """Calls `rank` with rows of people and room for their scores, float32 [rows, width], on as many threads as cores.

    A thread keeps its room: fresh memory for each product costs a third of the product (measured on 2 cores).
    """
    tiles = list(batches(people, tile))
    threads = min(len(tiles), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

    def work(own: list[np.ndarray]) -> None:
        room = np.empty((min(tile, people.size), width), np.float32)
        for rows in own:
            rank(rows, room[: rows.size])

    if threads == 1:
        work(tiles)
    elif threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, [tiles[start::threads] for start in range(threads)]))


def certified(
    approximate: np.ndarray,
    exact: Scores,
    k: int,
    item_order: np.ndarray,
    slack: float | np.ndarray = 0.0,
    unit: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The K best columns of every row by exact score: (columns int32 [n, k], scores float64 [n, k]), best first.

    `approximate` [n, m] nominates; −inf is no candidate. `exact` gives the scores of lists of columns, −inf where a
    column is −1; divided by `unit` ([n] or one for all) they differ from `approximate` by at most `slack` ([n] or one
    for all). A row whose list is not certain, such as one with a tie across the cut, is scored in full.
    """
    lists, limit = _nominate(approximate, k + SPARE)
    columns, scores = sort_lists(lists, exact(np.arange(len(lists)), lists), item_order, k)
    for row in np.flatnonzero((limit > -np.inf) & ~(scores[:, -1] / unit > limit + slack)):
        everything = np.flatnonzero(approximate[row] > -np.inf)[None, :]
        full = exact(np.array([row]), everything)
        columns[row], scores[row] = (part[0] for part in sort_lists(everything, full, item_order, k))
    return columns, scores


def rounding(width: int) -> float:
    """A bound on |float32 product − exact score| for vectors of length ≤ 1 (Higham 2002, section 3.1: γ_n ‖u‖‖v‖).

    n counts d products and sums and two roundings to float32; the factor 2 covers their cross terms, the float64
    rounding of the exact score and its division by the norms, and the constant underflow.
    """
    return 2 * (width + 4) * 2.0**-24 + 1e-30


def batches(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """The rows in order, `size` at a time."""
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


def mask(scores: np.ndarray, rows: np.ndarray, seen: Rows, column: np.ndarray) -> None:
    """−inf where person rows[a] has seen an item; `column` maps items to columns of `scores`, −1 = none."""
    lengths = seen.indptr[rows + 1] - seen.indptr[rows]
    starts = np.cumsum(lengths) - lengths
    at = np.arange(lengths.sum()) + np.repeat(seen.indptr[rows] - starts, lengths)
    columns = column[seen.items[at]]
    scores[np.repeat(np.arange(len(rows)), lengths)[columns >= 0], columns[columns >= 0]] = -np.inf


def _nominate(approximate: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the `count` largest scores of each row (−1 = masked), and the most that the others can have."""
    n, m = approximate.shape
    if count >= m:
        return np.where(approximate > -np.inf, np.arange(m), -1), np.full(n, -np.inf)
    nominated, scores = _largest(approximate, count)
    return np.where(scores > -np.inf, nominated, -1), scores.min(axis=1).astype(np.float64)


def _largest(approximate: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` largest scores of each row, in any order: (columns, scores).

    Of many columns only the blocks with the `count` largest maxima are looked into: nothing outside of these is above
    any of their maxima, which are found in the same way. A block's columns stand far apart, so that maxima are taken
    over long runs of memory.
    """
    n, m = approximate.shape
    blocks = m // BLOCK
    columns = np.broadcast_to(np.arange(m), (n, m))
    if blocks >= 4 * count:
        best, _ = _largest(approximate[:, : blocks * BLOCK].reshape(n, BLOCK, blocks).max(axis=1), count)
        inside = (best[:, None, :] + blocks * np.arange(BLOCK)[:, None]).reshape(n, -1)
        columns = np.hstack([inside, columns[:, blocks * BLOCK :]])
        # One flat `take` needs a quarter of the time of `take_along_axis` here.
        approximate = approximate.reshape(-1).take(columns + m * np.arange(n)[:, None])
    best = np.argpartition(approximate, approximate.shape[1] - count, axis=1)[:, approximate.shape[1] - count :]
    return np.take_along_axis(columns, best, axis=1), np.take_along_axis(approximate, best, axis=1)


def named(pool: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Lists of columns as lists of items, −1 where there is none."""
    return np.where(lists >= 0, pool[lists], -1)


def score_lists(user_factors: np.ndarray, item_factors: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Exact scores of item lists [n, m], −inf where an item is −1."""
    out = np.empty(lists.shape)
    n, m = lists.shape
    step = max(1, GATHERED // max(1, m * user_factors.shape[1]))
    room = np.empty((min(step, n), m, user_factors.shape[1]))
    for start in range(0, n, step):
        here = slice(start, start + step)
        products = room[: len(out[here])]
        item_factors.take(lists[here], axis=0, out=products, mode="clip")  # −1 reads item 0 and is taken out below
        products *= user_factors[here, None]
        products.sum(-1, out=out[here])
    out[lists < 0] = -np.inf
    return out


def merged(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], item_order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The K best of two lists of each row, all as `top_k` gives them; no item may be on both lists of a row."""
    items, scores = np.hstack([one[0], other[0]]), np.hstack([one[1], other[1]])
    return sort_lists(items, np.where(items >= 0, scores, -np.inf), item_order, one[0].shape[1])


def sort_lists(lists: np.ndarray, scores: np.ndarray, item_order: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first K of each row by (−score, item order), padded with −1 and NaN."""
    order = np.lexsort((item_order[lists], -scores), axis=1)[:, :k]
    items, best = np.take_along_axis(lists, order, axis=1), np.take_along_axis(scores, order, axis=1)
    padding = ((0, 0), (0, k - items.shape[1]))
    items = np.where(best > -np.inf, items, -1)
    best = np.where(items >= 0, best, np.nan)
    items = np.pad(items, padding, constant_values=-1).astype(np.int32)
    return items, np.pad(best, padding, constant_values=np.nan)
