"""Places of a list for items that nobody has met, so that somebody meets them and their factors can be learnt.

The last places of a list go to new items: of the best new ones for a person those that a draw names, so that people
meet different ones. Here: which and where, on arrays. Not here: who draws, nor what a reason says of it. numpy only.
"""

from __future__ import annotations

import numpy as np

POOL = 5  # new items a place is drawn from


def places(k: int, share: float) -> int:
    """How many of k places a share of them is: at least one, where it is above 0."""
    return max(1, round(share * k)) if share > 0 else 0


def explored(
    listed: tuple[np.ndarray, np.ndarray],
    new: tuple[np.ndarray, np.ndarray],
    draws: np.ndarray,
    count: int,
    item_order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Lists of items and scores [n, k] whose last `count` places are for new items, where there are any.

    `new` are everybody's best new items [n, m] with their scores, `draws` [n, m] a number each: the smallest are shown.
    A place that no new item takes keeps an item of the list. Scores descend as before.
    """
    items, scores = listed
    head = items.shape[1] - count
    among, its_scores = new
    taken = (among < 0) | (among[:, :, None] == items[:, None, :head]).any(2)
    order = np.argsort(np.where(taken, np.inf, draws.astype(np.float64)), axis=1, kind="stable")[:, :count]
    shown = np.where(np.take_along_axis(taken, order, 1), -1, np.take_along_axis(among, order, 1))
    twice = (items[:, head:, None] == shown[:, None, :]).any(2)
    rest = np.where(twice, -1, items[:, head:])
    tail = np.concatenate([shown, rest], axis=1)
    tail_scores = np.concatenate([np.take_along_axis(its_scores, order, 1), scores[:, head:]], axis=1)
    there = np.argsort(tail < 0, axis=1, kind="stable")[:, :count]  # new ones first, then the list's own
    tail, tail_scores = (np.take_along_axis(each, there, 1) for each in (tail, tail_scores))
    best = np.lexsort((np.where(tail < 0, 0, item_order[tail]), np.where(tail < 0, np.inf, -tail_scores)), axis=1)
    tail, tail_scores = (np.take_along_axis(each, best, 1) for each in (tail, tail_scores))
    found = np.concatenate([items[:, :head], tail], axis=1).astype(items.dtype)
    return found, np.where(found < 0, np.nan, np.concatenate([scores[:, :head], tail_scores], axis=1))
