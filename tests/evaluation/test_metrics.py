"""Metrics against hand-worked examples, brute force, and coverage of the intervals."""

import numpy as np
import pytest

from mmrec.evaluation import metrics as m
from mmrec.models.histories import Histories

LISTS = np.array([[3, 1, 2, 0], [5, -1, -1, -1], [1, 2, 3, 4], [0, 1, 2, 3]], np.int32)
HELD = Histories.build(np.array([0, 0, 1, 3, 3, 3]), np.array([1, 0, 5, 7, 8, 9]), n_users=4)


def test_hand_worked_recall_ndcg_and_map():
    np.testing.assert_allclose(m.recall(LISTS, HELD, 2), [0.5, 1, np.nan, 0])
    gain = 1 / np.log2([2, 3, 4, 5])
    np.testing.assert_allclose(m.ndcg(LISTS, HELD, 4), [(gain[1] + gain[3]) / (gain[0] + gain[1]), 1, np.nan, 0])
    np.testing.assert_allclose(m.average_precision(LISTS, HELD, 4), [(1 / 2 + 2 / 4) / 2, 1, np.nan, 0])
    np.testing.assert_allclose(m.ndcg(LISTS, HELD, 10), m.ndcg(LISTS, HELD, 4))


def test_against_brute_force():
    rng = np.random.default_rng(0)
    lists = np.array([rng.permutation(40)[:10] for _ in range(60)], np.int32)
    held = Histories.build(rng.integers(0, 60, 300), rng.integers(0, 40, 300), n_users=60)
    for row in range(60):
        wanted = held.items[held.indptr[row] : held.indptr[row + 1]].tolist()
        found = [i in wanted for i in lists[row, :5]]
        if wanted:
            assert m.recall(lists, held, 5)[row] == pytest.approx(sum(found) / len(wanted))
            ideal = sum(1 / np.log2(r + 2) for r in range(min(5, len(wanted))))
            dcg = sum(hit / np.log2(r + 2) for r, hit in enumerate(found))
            assert m.ndcg(lists, held, 5)[row] == pytest.approx(dcg / ideal)


def test_segments():
    cold = np.arange(10) == 5
    assert m.only(HELD, cold).indptr.tolist() == [0, 0, 1, 1, 1]
    left = m.without(HELD, Histories.build(np.array([0, 2, 3]), np.array([0, 1, 9]), n_users=4))
    assert left.items.tolist() == [1, 5, 7, 8] and left.indptr.tolist() == [0, 1, 2, 2, 4]
    figures = m.accuracy(LISTS, HELD, cold, 4)
    np.testing.assert_allclose(figures["Recall@4", m.COLD], [np.nan, 1, np.nan, np.nan])
    np.testing.assert_allclose(figures["Recall@4", m.WARM], [1, np.nan, np.nan, 0])


def test_breadth():
    assert m.coverage(LISTS, 10) == 0.6
    counts = np.array([7, 3, 1, 0, 0, 7])
    np.testing.assert_allclose(m.novelty(LISTS[:2], counts, 7), [(3 + 1 + 2 + 0) / 4, 0])
    vectors = np.array([[1.0, 0], [2, 0], [0, 3], [0, 0]])
    np.testing.assert_allclose(m.diversity(np.array([[0, 1], [0, 2], [0, 3], [0, -1]]), vectors), [0, 1, 1, np.nan])
    np.testing.assert_allclose(m.diversity(np.array([[0, 1, 2]]), vectors), [2 / 3])


def test_an_interval_is_seeded_and_leaves_out_people_without_a_figure():
    values = np.r_[np.random.default_rng(0).normal(2, 1, 400), np.nan]
    found = m.interval(values)
    assert found == m.interval(values) and found != m.interval(values, seed=1)
    assert found.people == 400 and found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert m.interval(np.array([np.nan])).people == 0


def test_nineteen_of_twenty_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    held = [m.interval(rng.exponential(1.0, 200), draws=400) for _ in range(200)]
    assert 0.88 <= np.mean([one.low <= 1 <= one.high for one in held]) <= 0.99


def test_paired_differences_are_person_by_person():
    easy = np.random.default_rng(0).normal(0, 10, 300)
    figures = {"mf": {("x", "all"): easy + 1}, "other": {("x", "all"): easy}}
    (row,) = m.differences(figures, "mf", "test")
    assert (
        (row.model, row.minus, row.label) == ("mf", "other", "mf − other")
        and row.low == pytest.approx(1)
        and row.high == pytest.approx(1)
    )
