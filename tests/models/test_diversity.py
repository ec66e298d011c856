"""Maximal marginal relevance: the rule itself against a plain loop, and bits that no tiling moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.evaluation import metrics
from mmrec.models import diversity

ITEMS, WIDTH = 40, 6


def candidates(rng, people, many):
    """Lists of so many candidates as `ranking.top_k` gives them, some of them short."""
    scores = np.sort(rng.normal(size=(people, many)), axis=1)[:, ::-1]
    items = np.stack([rng.permutation(ITEMS)[:many] for _ in range(people)]).astype(np.int32)
    gone = np.arange(many) >= rng.integers(0, many + 1, people)[:, None]
    return np.where(gone, -1, items), np.where(gone, np.nan, scores)


def by_hand(items, scores, unit, k, share):
    """One person's list, by the definition."""
    left = [at for at, item in enumerate(items) if item >= 0]
    if not left:
        return []
    low, high = scores[left[-1]], scores[left[0]]
    relevance = {at: (scores[at] - low) / (high - low) if high > low else 0.0 for at in left}
    chosen = []
    while left and len(chosen) < k:
        nearest = {at: max((unit[items[at]] @ unit[items[one]] for one in chosen), default=-1.0) for at in left}
        worth = {at: (1 - share) * relevance[at] - share * nearest[at] for at in left}
        best = max(left, key=lambda at: worth[at])  # of equal ones the first
        chosen.append(best)
        left.remove(best)
    return [int(items[at]) for at in chosen]


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_each_place_goes_to_what_the_definition_says(seed, share):
    rng = np.random.default_rng(seed)
    unit = diversity.directions(rng.normal(size=(ITEMS, WIDTH)) * (rng.random(ITEMS) < 0.9)[:, None])
    items, scores = candidates(rng, 7, 20)
    found, amounts = diversity.reranked((items, scores), unit, 8, share)
    assert found.dtype == np.int32 and found.shape == (7, 8)
    for row in range(7):
        mine = [item for item in found[row].tolist() if item >= 0]
        assert mine == by_hand(items[row], scores[row], unit, 8, share)
        assert (found[row][len(mine) :] == -1).all() and np.isnan(amounts[row][len(mine) :]).all()
        of = dict(zip(items[row].tolist(), scores[row].tolist(), strict=True))
        assert [of[item] for item in mine] == amounts[row][: len(mine)].tolist()


def test_nothing_moves_at_0_and_the_best_item_stays_first():
    rng = np.random.default_rng(3)
    unit = diversity.directions(rng.normal(size=(ITEMS, WIDTH)))
    listed = candidates(rng, 30, 20)
    assert np.array_equal(diversity.reranked(listed, unit, 10, 0.0)[0], listed[0][:, :10])
    assert np.array_equal(diversity.reranked(listed, unit, 10, 1.0)[0][:, 0], listed[0][:, 0])


def test_more_of_it_makes_lists_more_diverse():
    rng = np.random.default_rng(4)
    content = rng.normal(size=(ITEMS, WIDTH))
    listed = np.stack([rng.permutation(ITEMS)[:30] for _ in range(50)]), np.sort(rng.random((50, 30)))[:, ::-1]
    lists = [diversity.reranked(listed, diversity.directions(content), 6, share)[0] for share in (0.0, 0.3, 0.7, 1.0)]
    reached = [metrics.diversity(each, content).mean() for each in lists]
    assert reached == sorted(reached) and reached[-1] > reached[0] + 0.1


@pytest.mark.parametrize("width", [3, 700])
def test_a_list_has_the_same_bits_whoever_else_is_ranked(monkeypatch, width):
    """Cosines tie to the last bit here: a sum in another order would turn some of them round."""
    rng = np.random.default_rng(5)
    content = rng.normal(size=(ITEMS, width)).repeat(2, axis=0)[:ITEMS]
    unit, listed = diversity.directions(content), candidates(rng, 40, 24)
    whole = diversity.reranked(listed, unit, 9, 0.6)
    some = rng.permutation(40)[:11]
    alone = diversity.reranked((listed[0][some], listed[1][some]), unit, 9, 0.6)
    monkeypatch.setattr(diversity, "_HELD", 1)
    tiled = diversity.reranked(listed, unit, 9, 0.6)
    for one, other in ((whole, tiled), ((whole[0][some], whole[1][some]), alone)):
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1], equal_nan=True)


def test_every_sum_of_products_of_directions_is_exact():
    unit = diversity.directions(np.random.default_rng(6).normal(size=(50, 2000)).astype(np.float32))
    whole = [
        [sum(int(a) * int(b) for a, b in zip(one, other, strict=True)) for other in unit[:5] * 2**20]
        for one in unit[:5] * 2**20
    ]
    assert np.array_equal(unit[:5] @ unit[:5].T * 2.0**40, np.array(whole, dtype=np.float64))
    assert np.allclose((unit**2).sum(1), 1, atol=1e-4)
    assert not diversity.directions(np.zeros((2, 3))).any()


def test_long_lists_have_fewer_candidates_a_place():
    assert [diversity.candidates(k) for k in (1, 20, 50, 1000)] == [5, 100, 250, 1200]


def test_nobody_and_nothing_are_ranked_without_a_word():
    unit = diversity.directions(np.ones((3, 2)))
    for shape in ((0, 10), (2, 10)):
        found, amounts = diversity.reranked((np.full(shape, -1, np.int32), np.full(shape, np.nan)), unit, 2, 0.5)
        assert found.shape == (shape[0], 2) and (found == -1).all() and np.isnan(amounts).all()
