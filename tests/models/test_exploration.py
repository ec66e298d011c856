"""The last places of a list go to items that nobody has met, and the rest of it stays as it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmrec.models.exploration import POOL, explored, places

ITEMS, K = 40, 10


def lists(rng, people, pool, k):
    """The best k of a pool by random scores, as `ranking.top_k` gives them."""
    scores = rng.random((people, ITEMS))
    scores[:, ~pool] = -np.inf
    order = np.argsort(-scores, axis=1)[:, :k]
    best = np.take_along_axis(scores, order, 1)
    return np.where(np.isfinite(best), order, -1).astype(np.int32), np.where(np.isfinite(best), best, np.nan)


def test_a_share_is_at_least_one_place():
    assert [places(20, share) for share in (0.0, 0.01, 0.1, 0.5)] == [0, 1, 2, 10]
    assert places(3, 0.1) == 1


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 12))
def test_new_items_take_the_last_places_and_nothing_else_moves(seed, count, fresh):
    rng = np.random.default_rng(seed)
    new = np.arange(ITEMS) < fresh
    listed = lists(rng, 6, np.ones(ITEMS, bool), K)
    scores = rng.random((6, ITEMS))
    others = lists(rng, 6, new, POOL * count)
    found, amounts = explored(listed, others, rng.random(others[0].shape), count, np.arange(ITEMS))
    head = K - count
    assert np.array_equal(found[:, :head], listed[0][:, :head]) and found.dtype == np.int32
    for row, whole in zip(found, listed[0], strict=True):
        assert len(set(row)) == K and (row >= 0).all()
        there = sum(item < fresh for item in row[head:])
        assert there >= min(count, fresh - sum(item < fresh for item in whole[:head]))
    tail = amounts[:, head:]
    assert (np.diff(tail, axis=1) <= 0).all() and scores.shape == (6, ITEMS)


def test_the_draw_decides_which():
    rng = np.random.default_rng(1)
    new = np.arange(ITEMS) >= 30
    listed, others = lists(rng, 200, ~new, K), lists(rng, 200, new, 2 * POOL)
    one, two = (explored(listed, others, rng.random(others[0].shape), 2, np.arange(ITEMS))[0] for _ in range(2))
    assert set(one[:, -2:].ravel()) == set(np.flatnonzero(new))  # everybody together meets all of them
    assert (one[:, -2:] != two[:, -2:]).any() and (one[:, :-2] == two[:, :-2]).all()


def test_a_short_list_grows_by_new_items():
    listed = np.array([[4, -1, -1]], np.int32), np.array([[0.9, np.nan, np.nan]])
    others = np.array([[7, 8]], np.int32), np.array([[0.2, 0.1]])
    found, amounts = explored(listed, others, np.array([[2.0, 1.0]]), 1, np.arange(10))
    assert found.tolist() == [[4, -1, 8]] or found.tolist() == [[4, 8, -1]]
    assert np.isnan(amounts[found < 0]).all()
