"""Models beside each other: figures by cut-off and segment, and tests of differences held to their definition."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mmrec.evaluation import comparison, metrics, selection, significance
from mmrec.evaluation.segments import segments
from mmrec.evaluation.split import TEST, TRAIN
from mmrec.models.histories import Histories
from mmrec.models.popularity import Popularity
from tests.helpers.problems import problem

PROBLEM = problem()


@pytest.fixture(scope="module")
def rows():
    """The start beside popularity."""
    popularity = {"popularity": lambda n_items: (Popularity(),)}
    plain = replace(PROBLEM.start, name="plain", block_weights=None, links=None)
    return selection.evaluate(PROBLEM, PROBLEM.start, popularity, {"mf without content": plain})


def test_a_p_is_the_share_of_signs_that_reach_as_far():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.4, 1.0, (2, 8))
    differences[1, 3] = np.nan
    known = np.nan_to_num(differences)
    signs = np.array(list(product([-1, 1], repeat=8)))
    exact = (np.abs(signs @ known.T) >= np.abs(known.sum(1)) - 1e-12).mean(axis=0)
    found = significance.randomisation(differences, draws=20_000)
    np.testing.assert_allclose(found, exact, atol=0.015)
    assert significance.randomisation(np.zeros((1, 5)))[0] == 1.0
    assert significance.randomisation(np.ones((1, 200)))[0] == pytest.approx(1 / (significance.DRAWS + 1))
    assert np.array_equal(found, significance.randomisation(differences, draws=20_000))


def test_a_p_of_nothing_but_chance_is_small_as_seldom_as_it_says():
    rng = np.random.default_rng(1)
    found = significance.randomisation(rng.normal(size=(1000, 60)), draws=999)
    assert 0.03 < (found <= 0.05).mean() < 0.07


def test_holm_by_hand():
    corrected = significance.holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert significance.holm(np.zeros(0)).tolist() == []


def test_figures_at_every_cut_off_are_those_of_the_lists(rows):
    scores = Popularity().fit(PROBLEM.train, PROBLEM.n_items).scores(PROBLEM.train)
    masked, held = PROBLEM.met(TRAIN, 1), PROBLEM.held(TEST)
    lists, _ = scores.top_k(masked, 50, PROBLEM.item_order)
    found = {(r.model, r.split, r.metric, r.segment): r for r in rows if r.minus is None}
    for k in (5, 10, 20, 50):
        for name, figure in (("NDCG", metrics.ndcg), ("Recall", metrics.recall)):
            mine = found["popularity", "test", f"{name}@{k}", "all"]
            assert mine.value == pytest.approx(figure(lists, held, k).mean()) and mine.low < mine.value < mine.high
    assert {r.model for r in rows} == {"mf", "mf without content", "popularity"}
    assert found["mf without content", "test", "NDCG@20", "all"].note == "plain"


def test_one_family_of_differences_is_corrected_together(rows):
    family = [row for row in rows if row.p is not None and row.split == "test"]
    assert {(row.minus, row.metric) for row in family} == {
        (minus, metric) for minus in ("popularity", "mf without content") for metric, _ in comparison.FAMILY
    }
    assert all(row.model == "mf" and row.segment == "all" for row in family)
    sure = next(row for row in family if (row.minus, row.metric) == ("popularity", "NDCG@20"))
    assert sure.low > 0 and sure.p == pytest.approx(4 / (significance.DRAWS + 1))


def test_too_few_people_have_neither_interval_nor_p():
    small = problem(people=40)
    rows = selection.evaluate(small, small.start, {"popularity": lambda n_items: (Popularity(),)})
    pairs = [row for row in rows if row.minus]
    assert pairs and all(row.p is None and row.low is None for row in pairs)
    assert all("too few people for an interval: 40" in row.note for row in pairs if row.segment == "all")


def test_segments_part_people_and_items():
    found = {each.name: each for each in segments(PROBLEM)}
    assert list(found) == [
        *("people with few events", "people with some events", "people with many events"),
        *("oldest third of items", "middle third of items", "newest third of items"),
        *("items with image", "items without image", "items with text", "items without text"),
    ]
    ages = [found[f"{name} third of items"].items for name in ("oldest", "middle", "newest")]
    assert np.array_equal(sum(each.astype(int) for each in ages), (~PROBLEM.cold).astype(int))
    train = PROBLEM.part == TRAIN
    first = {
        name: [PROBLEM.time_us[train & (PROBLEM.item_idx == item)].min() for item in np.flatnonzero(mask)]
        for name, mask in zip(("oldest", "middle", "newest"), ages, strict=True)
    }
    assert max(first["oldest"]) <= min(first["middle"]) and max(first["middle"]) <= min(first["newest"])
    held = PROBLEM.held(TEST)
    with_text, without = found["items with text"].of(held), found["items without text"].of(held)
    assert with_text.items.size + without.items.size == held.items.size and set(without.items) <= {4}


def test_people_are_parted_by_how_much_they_did():
    lengths = np.array([1, 1, 1, 2, 2, 3, 9, 9, 0])
    train = Histories.build(np.repeat(np.arange(9), lengths), np.arange(lengths.sum()) % 9, n_users=9)
    found = {each.name: each for each in segments(_WithTrain(train))}
    few, some, many = (found[f"people with {name} events"].people for name in ("few", "some", "many"))
    assert (few.tolist(), some.tolist(), many.tolist()) == (
        [True] * 3 + [False] * 6,
        [False] * 3 + [True] * 2 + [False] * 4,
        [False] * 5 + [True] * 3 + [False],
    )
    held = Histories.build(np.array([0, 5]), np.array([3, 4]), n_users=9)
    assert found["people with few events"].of(held).lengths.tolist() == [1, *[0] * 8]


class _WithTrain:
    """As much of a problem as segments by activity read."""

    ordered, present, blocks = False, {}, {}

    def __init__(self, train):
        self.train, self.cold = train, np.zeros(9, bool)


def test_intervals_are_those_of_drawing_people_again():
    """Whichever way the draws are held: as numbers of people, or as how often each is drawn."""
    values = np.random.default_rng(3).normal(size=300)
    drawn = np.random.default_rng(5).integers(0, 300, (1000, 300))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    found = metrics.interval(values, seed=5)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))


def test_the_share_of_the_popular_by_hand():
    counts = np.array([5, 9, 1, 1, 1, 1, 1, 1, 1, 1, 7])  # a tenth of eleven is two: items 1 and 10
    lists = np.array([[1, 10, 2, -1], [3, 4, 5, 0], [-1, -1, -1, -1]])
    assert metrics.popular_share(lists, counts).tolist()[:2] == pytest.approx([2 / 3, 0.0])
    assert np.isnan(metrics.popular_share(lists, counts)[2])
