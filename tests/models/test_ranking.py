"""Lists against brute force, whatever the tiling, with ties planted where they hurt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.models import ranking
from mmrec.models.histories import Histories
from mmrec.models.ranking import exact_scores, top_k


def brute(U, V, seen, k, order, servable=None):
    items, scores = np.full((len(U), k), -1), np.full((len(U), k), np.nan)
    allowed = (V != 0).any(1) if servable is None else servable & (V != 0).any(1)
    for row, u in enumerate(U):
        mine = set(seen.items[seen.indptr[row] : seen.indptr[row + 1]].tolist())
        if not (u != 0).any():
            continue
        every = exact_scores(np.broadcast_to(u, V.shape), V)
        ranked = sorted((-every[i], order[i], i) for i in range(len(V)) if allowed[i] and i not in mine)[:k]
        items[row, : len(ranked)] = [i for *_, i in ranked]
        scores[row, : len(ranked)] = [-s for s, *_ in ranked]
    return items, scores


def case(seed, n=23, n_items=300, d=9, levels=None, duplicates=0):
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(n, d)), rng.normal(size=(n_items, d))
    if levels:
        U, V = np.round(U * levels) / levels, np.round(V * levels) / levels
    V[:duplicates] = V[0]
    U[3], V[7] = 0, 0
    user, item = np.repeat(np.arange(n), 12), rng.integers(0, n_items, n * 12)
    return U, V, Histories.build(user, item, n_users=n), rng.permutation(n_items)


def same(found, expected):
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1], equal_nan=True)
    assert found[0].dtype == np.int32 and found[1].dtype == np.float64


@given(
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(1, 30),
    st.sampled_from([2, 3, ranking.BLOCK]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_lists_are_those_of_brute_force_for_any_tiling(seed, k, tile, block, levels, with_duplicates):
    U, V, seen, order = case(seed, levels=levels, duplicates=150 if with_duplicates else 0)
    servable = np.random.default_rng(seed).random(len(V)) < 0.8
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK", block)
        same(top_k(U, V, seen, k, order, servable, tile=tile), brute(U, V, seen, k, order, servable))


@pytest.mark.parametrize("count", [1, 3, 12, 40])
def test_the_largest_of_many_columns_are_found_in_a_few_blocks(monkeypatch, count):
    monkeypatch.setattr(ranking, "BLOCK", 4)
    scores = np.random.default_rng(count).normal(size=(50, 810)).astype(np.float32)
    scores[:, 100:] = np.where(scores[:, 100:] > 1, -np.inf, scores[:, 100:])
    scores[7, 3:] = -np.inf
    scores[8] = 1.0
    columns, largest = ranking._largest(scores, count)
    assert np.array_equal(np.sort(largest, axis=1), np.sort(scores, axis=1)[:, -count:])
    assert np.array_equal(np.take_along_axis(scores, columns, axis=1), largest)
    assert largest.shape == (50, count) and all(np.unique(row).size == count for row in columns)


@pytest.mark.parametrize("levels", [None, 1])
def test_lists_of_two_halves_of_the_items_merge_into_those_of_all(levels):
    U, V, seen, order = case(5, levels=levels)
    half = np.random.default_rng(5).random(len(V)) < 0.5
    for k in (1, 7, 200):
        parts = [top_k(U, V, seen, k, order, part) for part in (half, ~half)]
        same(ranking.merged(*parts, order), top_k(U, V, seen, k, order))


def test_more_ties_than_spare_candidates():
    U, V = np.ones((2, 4)), np.ones((500, 4))
    seen = Histories.build(np.array([1]), np.array([499]), n_users=2)
    order = np.arange(500)[::-1]
    items, scores = top_k(U, V, seen, 3, order)
    assert items.tolist() == [[499, 498, 497], [498, 497, 496]] and (scores == 4).all()


def test_scores_that_float32_cannot_tell_apart():
    rng = np.random.default_rng(0)
    U, V = np.abs(rng.normal(size=(5, 8))), np.ones((400, 8)) + rng.normal(size=(400, 8)) * 1e-12
    seen = Histories.build(np.zeros(0, int), np.zeros(0, int), n_users=5)
    same(top_k(U, V, seen, 10, np.arange(400)), brute(U, V, seen, 10, np.arange(400)))


def test_a_persons_list_does_not_see_the_batch():
    U, V, seen, order = case(1)
    whole = top_k(U, V, seen, 10, order)
    for row in range(len(U)):
        same(top_k(U[[row]], V, seen.take(np.array([row])), 10, order), (whole[0][[row]], whole[1][[row]]))


def test_scale_does_not_matter():
    U, V, seen, order = case(2)
    for scale in (1e-60, 1e60):
        same(top_k(U * scale, V, seen, 10, order), brute(U * scale, V, seen, 10, order))


def test_too_few_candidates_zero_factors_and_seen_everything():
    U, V, seen, order = case(3, n=5, n_items=12, d=3)
    everything = Histories.build(np.repeat(np.arange(5), 12), np.tile(np.arange(12), 5), n_users=5)
    assert (top_k(U, V, everything, 4, order)[0] == -1).all()
    items, scores = top_k(U, V, seen, 20, order)
    assert (items[3] == -1).all() and np.isnan(scores[3]).all() and not (items == 7).any()
    assert ((items >= 0) == ~np.isnan(scores)).all()
    assert top_k(U, V, seen, 4, order, np.zeros(12, bool))[0].tolist() == [[-1] * 4] * 5
    assert top_k(U[:0], V, seen.take(np.zeros(0, int)), 4, order)[0].shape == (0, 4)


def test_broken_factors_are_named():
    U, V, seen, order = case(4)
    V[5, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        top_k(U, V, seen, 3, order)


def test_exact_scores_do_not_depend_on_the_number_of_rows():
    rng = np.random.default_rng(0)
    for d in (1, 7, 64, 130):
        U, V = rng.normal(size=(300, d)), rng.normal(size=(300, d))
        whole = exact_scores(U, V)
        assert all(exact_scores(U[[i]], V[[i]])[0] == whole[i] for i in range(300))
