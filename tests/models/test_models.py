"""The model interface: ranking by dense factors and an item-item part, shares that sum to scores, and one more of each.

Not here: the factorization itself (`test_factorization.py`) and its shares in words (`test_reasons.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmrec.evaluation import metrics, selection, unmet
from mmrec.fusion import maps
from mmrec.fusion.layout import Layout
from mmrec.models import zoo
from mmrec.models.ease import Ease
from mmrec.models.factorization import Hyper
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.item_item import ItemItem
from mmrec.models.item_knn import ItemKnn
from mmrec.models.links import DenseLinks, SparseLinks
from mmrec.models.popularity import Popularity
from tests.helpers.problems import problem

PEOPLE, ITEMS = 23, 60


def histories(seed=0, people=PEOPLE, items=ITEMS, events=300):
    rng = np.random.default_rng(seed)
    return Histories.build(
        rng.integers(0, people, events), rng.integers(0, items, events), rng.uniform(0.5, 2, events), n_users=people
    )


def sparse_links(seed=1, each=7):
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(ITEMS), each)
    at = np.concatenate([rng.choice(ITEMS - 5, each, replace=False) for _ in range(ITEMS)])  # the last five: to none
    made = Histories.build(rows, at, n_users=ITEMS)
    return SparseLinks(Histories(made.indptr, made.items, rng.normal(size=len(made.items))))


def as_array(links):
    out = np.zeros((ITEMS, ITEMS))
    out[links.weights.rows, links.weights.items] = links.weights.weights
    return out


def ranked(scores, seen, k, order, allowed):
    out = []
    for row, own in enumerate(scores):
        mine = set(seen.items[seen.indptr[row] : seen.indptr[row + 1]].tolist())
        best = sorted((-own[i], order[i], i) for i in range(ITEMS) if allowed[i] and i not in mine)[:k]
        out.append([i for *_, i in best])
    return out


@pytest.mark.parametrize("k", [1, 10, ITEMS])
@pytest.mark.parametrize("width", [0, 4])
@pytest.mark.parametrize("dense", [True, False])
def test_both_parts_of_a_score_are_ranked_together_whatever_the_tiling(dense, width, k):
    rng = np.random.default_rng(2)
    own, sparse = histories(), sparse_links()
    W = as_array(sparse)
    links = DenseLinks(W, (W != 0).any(axis=0)) if dense else sparse
    left, right = rng.normal(size=(PEOPLE, width)), rng.normal(size=(ITEMS, width))
    X = np.zeros((PEOPLE, ITEMS))
    X[own.rows, own.items] = own.weights
    exact = left @ right.T + X @ W
    order, servable = rng.permutation(ITEMS), rng.random(ITEMS) < 0.9
    scores = Scores(left, right, own, links)
    items, values = scores.top_k(own, k, order, servable)
    allowed = servable & (links.known | (right != 0).any(axis=1))
    assert [row[row >= 0].tolist() for row in items] == ranked(exact, own, k, order, allowed)
    at, rank = (items >= 0).nonzero()
    np.testing.assert_allclose(values[at, rank], exact[at, items[at, rank]], atol=1e-12)
    for tile in (1, 5):
        again = scores.top_k(own, k, order, servable, tile=tile)
        assert np.array_equal(items, again[0]) and np.array_equal(values, again[1], equal_nan=True)


def test_the_sum_of_a_large_and_a_small_part_is_certified():
    """Both parts are added with rounding: what ties after it must not be settled by the sums that nominate."""
    own, order = histories(), np.random.default_rng(3).permutation(ITEMS)
    W = np.full((ITEMS, ITEMS), 2.0**20)
    rng = np.random.default_rng(4)
    left, right = rng.normal(size=(PEOPLE, 4)) * 1e-9, rng.normal(size=(ITEMS, 4))
    at = np.arange(ITEMS).repeat(ITEMS), np.tile(np.arange(ITEMS), ITEMS)
    scores = Scores(left, right, own, SparseLinks(Histories.build(*at, W.ravel(), n_users=ITEMS)))
    items, values = scores.top_k(own, 10, order)
    for row in range(PEOPLE):
        exact = scores.exact(np.full(1, row), np.arange(ITEMS)[None])[0]
        assert items[row].tolist() == ranked(exact[None], own.take(np.array([row])), 10, order, np.ones(ITEMS, bool))[0]
        assert np.array_equal(values[row], exact[items[row]])


def test_whoever_has_only_what_nothing_links_from_has_an_empty_list():
    links = SparseLinks(Histories.build(np.array([0]), np.array([1]), n_users=ITEMS))
    own = Histories.build(np.array([0, 1]), np.array([0, 2]), n_users=2)
    items, _ = Scores(np.zeros((2, 3)), np.ones((ITEMS, 3)), own, links).top_k(own, 2, np.arange(ITEMS))
    assert items[0].tolist() == [1, 2] and (items[1] == -1).all()


def test_ties_of_the_item_item_part_are_settled_by_the_order_of_ids():
    own, order = histories(), np.random.default_rng(3).permutation(ITEMS)
    scores = Scores(
        np.zeros((PEOPLE, 0)), np.zeros((ITEMS, 0)), own, DenseLinks(np.ones((ITEMS, ITEMS)), np.ones(ITEMS, bool))
    )
    items, _ = scores.top_k(own, 5, order)
    assert [row.tolist() for row in items] == ranked(np.ones((PEOPLE, ITEMS)), own, 5, order, np.ones(ITEMS, bool))


def test_who_and_what_nothing_is_known_of_is_in_no_list():
    own = Histories(np.array([0, 0, 1]), np.array([3], np.int32), np.array([1.0]))
    links = sparse_links()
    items, scores = Scores(np.zeros((2, 0)), np.zeros((ITEMS, 0)), own, links).top_k(own, ITEMS, np.arange(ITEMS))
    assert (items[0] == -1).all() and np.isnan(scores[0]).all()
    assert set(items[1][items[1] >= 0].tolist()) == set(np.flatnonzero(links.known).tolist()) - {3}


@pytest.mark.parametrize(
    "model", [Ease(10.0), ItemKnn(), FeatureIALS(Hyper(width=6, sweeps=2)), Popularity()], ids=lambda m: m.name
)
def test_shares_sum_to_the_score_where_a_model_can_explain(model):
    own = histories()
    fitted = model.fit(own, ITEMS)
    scores = fitted.scores(own)
    lists, values = scores.top_k(own, 5, np.arange(ITEMS))
    for row in range(PEOPLE):
        begin, end = own.indptr[row], own.indptr[row + 1]
        targets = lists[row][lists[row] >= 0]
        shares = fitted.explain(own.items[begin:end], own.weights[begin:end], targets)
        if model.name == "popularity":
            assert shares is None
        else:
            np.testing.assert_allclose(shares.sum(axis=1), values[row][: len(targets)], atol=1e-9)


def test_links_of_a_few_items_are_those_of_the_matrix():
    links = sparse_links()
    items, targets = np.array([3, 8, 1]), np.array([0, 50, 7, 59])
    assert np.array_equal(links.rows(items, targets), as_array(links)[items[None, :], targets[:, None]])


# -- one more of each: the very lines that CONTRIBUTING shows ----------------------------------------------------------

USED = (dataclass, Sequence, Histories, ItemItem, SparseLinks, Layout, metrics.hits, maps.ridge)
NAMES = {each.__name__: each for each in USED} | {"np": np}


def shown(title, name):
    """What a block of CONTRIBUTING defines."""
    page = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [code] = re.findall(rf"```python title={title}\n(.*?)```", page, re.DOTALL)
    assert code.count("\n") - code.count("\n\n") < 15
    names = dict(NAMES)
    exec(code, names)
    return names[name]


def of_test(found):
    """Test figures over all items, by what a row is of and its metric."""
    rows = selection.evaluate(found, found.start)
    return {(row.label, row.metric): row for row in rows if (row.split, row.segment) == ("test", "all")}


def test_a_reference_model_is_one_class_and_one_line(monkeypatch):
    monkeypatch.setattr(
        selection, "ZOO", {**zoo.ZOO, "also had": lambda n_items: (shown("a reference model", "AlsoHad")(),)}
    )
    found = problem()
    rows = selection.evaluate(found, found.start)
    mine = {
        (row.model, row.minus, row.metric): row.value for row in rows if row.split == "test" and row.segment == "all"
    }
    assert mine["also had", None, "NDCG@10"] > 0
    gain = mine["mf", None, "NDCG@10"] - mine["also had", None, "NDCG@10"]
    assert mine["mf", "also had", "NDCG@10"] == pytest.approx(gain)


def test_a_metric_is_one_entry(monkeypatch):
    first_hit = shown("a metric", "first_hit")
    monkeypatch.setattr(metrics, "ACCURACY", {**metrics.ACCURACY, "MRR": first_hit})
    monkeypatch.setattr(metrics, "BREADTH", {**metrics.BREADTH, "Filled": lambda of: float((of.lists >= 0).mean())})
    rows = of_test(problem())
    assert 0 < rows["mf", "MRR@10"].value <= 1 and rows["mf − EASE", "MRR@10"].low is not None
    assert rows["popularity", "Filled@10"].value == 1.0


def test_a_kind_of_fusion_is_one_function_and_one_line(monkeypatch):
    monkeypatch.setattr(maps, "KINDS", {**maps.KINDS, "mean": shown("a kind of fusion", "mean")})
    found = problem(fusion=["concat", "mean"])
    assert {each.kind for each in unmet.choose(found, found.start.hyper)} == {"concat", "mean"}
