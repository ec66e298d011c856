"""Each model of the zoo beside an independent reference: a dense formula, or what is counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmrec.models import adam_mf, l3ae, lightgcn, zoo
from mmrec.models.adam_mf import AdamMf
from mmrec.models.ease import Ease
from mmrec.models.factorization import Hyper, fit, fold_in
from mmrec.models.graph_filter import GraphFilter
from mmrec.models.histories import Histories
from mmrec.models.l3ae import L3ae
from mmrec.models.lightgcn import Graph, LightGcn
from mmrec.models.recent_popularity import RecentPopularity
from mmrec.models.side import SideInformation
from mmrec.models.transitions import Transitions
from tests.helpers.problems import problem

PEOPLE, ITEMS = 14, 9
COLD = 8  # nobody has it


def histories(seed=0):
    rng = np.random.default_rng(seed)
    return Histories.build(rng.integers(0, PEOPLE, 60), rng.integers(0, COLD, 60), n_users=PEOPLE)


def table(own):
    X = np.zeros((len(own), ITEMS))
    X[own.rows, own.items] = 1
    return X


def content(seed=1, width=4):
    return np.random.default_rng(seed).normal(size=(ITEMS, width))


def matrix(fitted):
    return fitted.links.rows(np.arange(ITEMS), np.arange(ITEMS)).T


def test_recent_popularity_counts_the_window_and_all_of_its_first_moment():
    items, times = np.array([0, 1, 2, 2, 3, 3]), np.array([1, 5, 5, 7, 9, 2])
    counts = RecentPopularity(0.5, items, times).fit(histories(), 5).counts
    assert counts.tolist() == [0, 1, 2, 1, 0]
    assert RecentPopularity(0.5, items[:0], times[:0]).fit(histories(), 5).counts.tolist() == [0] * 5


def test_transitions_count_what_came_soon_after():
    users, items = np.array([0, 0, 0, 1, 1]), np.array([1, 2, 3, 1, 2])
    W = matrix(Transitions(1.0, 0.0, users, items).fit(histories(), ITEMS))
    expected = np.zeros((ITEMS, ITEMS))
    expected[1, 2], expected[1, 3], expected[2, 3] = 2 / 2, 0.9 / 2, 1 / 2  # over the people of the one before
    np.testing.assert_allclose(W, expected)


@pytest.mark.parametrize(("ideal", "rank"), [(0.0, 0), (0.7, 3)])
def test_a_graph_filter_is_the_formula_by_singular_values(ideal, rank):
    X = table(own := histories())
    R = np.zeros_like(X)
    for u, i in zip(*X.nonzero(), strict=True):
        R[u, i] = 1 / np.sqrt(X[u].sum() * X[:, i].sum())
    V = np.linalg.svd(R)[2][:rank].T
    roots = np.sqrt(np.maximum(X.sum(0), 1))
    expected = R.T @ R + ideal * np.diag(1 / roots) @ V @ V.T @ np.diag(roots)
    expected[:, COLD] = 0
    found = GraphFilter(ideal, rank).fit(own, ITEMS)
    np.testing.assert_allclose(matrix(found), expected, atol=1e-12)
    assert found.links.known.tolist() == [True] * COLD + [False]


def test_l3ae_minimises_its_objective():
    """By gradient steps on the free cells, from nothing: the objective is convex, so there is one answer."""
    X, F = table(own := histories()), content()
    total, share, of_content = 3.0, 0.4, 0.5
    P = np.linalg.inv(F @ F.T + of_content * np.eye(ITEMS))
    C = -P / np.diag(P)
    np.fill_diagonal(C, 0)
    W, free = np.zeros((ITEMS, ITEMS)), 1 - np.eye(ITEMS)
    rate = 1 / np.linalg.norm(X.T @ X + total * np.eye(ITEMS), 2)
    for _ in range(4000):
        W -= rate * free * (X.T @ (X @ W - X) + total * (1 - share) * W + total * share * (W - C))
    found = L3ae(total, share, of_content, F).fit(own, ITEMS)
    np.testing.assert_allclose(matrix(found), W, atol=1e-9)
    np.testing.assert_allclose(matrix(found)[:COLD, COLD], share * C[:COLD, COLD] + _through_others(X, C, total, share))
    assert found.links.known.all(), "an item that nobody has met is placed by its content"


def _through_others(X, C, total, share):
    """What the links of a new item change where people of one item have others: λ_E P₂ C − (λ_E / λ) C."""
    P = np.linalg.inv(X.T @ X + total * np.eye(ITEMS))
    return (total * share * P @ C - share * C)[:COLD, COLD]


def test_l3ae_without_a_pull_is_ease_and_its_content_is_read_by_either_matrix():
    own, wide = histories(), content(width=20)
    np.testing.assert_allclose(
        matrix(L3ae(5.0, 0.0, 1.0, wide).fit(own, ITEMS))[:COLD, :COLD],
        matrix(Ease(5.0).fit(own, ITEMS))[:COLD, :COLD],
        atol=1e-12,
    )
    for F in (wide, content(width=3)):
        P = np.linalg.inv(F @ F.T + 2.0 * np.eye(ITEMS))
        expected = np.where(np.eye(ITEMS) > 0, 0, -P / np.diag(P))
        np.testing.assert_allclose(l3ae.content_links(F, 2.0), expected, atol=1e-12)


def test_the_objective_of_adam_is_that_of_the_factorization():
    rng, own = np.random.default_rng(3), histories()
    own = Histories(own.indptr, own.items, rng.uniform(0.5, 2, own.items.size))
    W, H, hyper = rng.normal(size=(PEOPLE, 3)), rng.normal(size=(ITEMS, 3)), Hyper(3, alpha=0.2, regularization=0.1)
    expected = 0.2 * ((W @ H.T) ** 2).sum()
    for u, i, c in zip(own.rows, own.items, own.weights, strict=True):
        expected += c * (1 - W[u] @ H[i]) ** 2 + 0.1 * (W[u] @ W[u] + H[i] @ H[i])
    parts = [
        adam_mf.objective(torch.from_numpy(W[rows]), torch.from_numpy(H), own.take(rows), hyper).item()
        for rows in np.array_split(np.arange(PEOPLE), 3)
    ]
    assert sum(parts) == pytest.approx(expected)


SMALL = problem(people=60, items=40, events=15)


def test_adam_comes_near_the_exact_factorization():
    hyper = Hyper(width=6, alpha=0.3, regularization=0.05, sweeps=20)

    def total(factors):
        W = torch.from_numpy(fold_in(factors, SMALL.train))
        return adam_mf.objective(W, torch.from_numpy(factors.H), SMALL.train, hyper).item()

    exact = total(fit(SMALL.train, SMALL.n_items, hyper))
    few, many = (AdamMf(hyper, epochs=each).fit(SMALL.train, SMALL.n_items).factors for each in (5, 40))
    assert exact < total(many) < 1.04 * exact < total(few)
    assert np.array_equal(few.H, AdamMf(hyper, epochs=5).fit(SMALL.train, SMALL.n_items).factors.H)


@pytest.mark.parametrize("layers", [0, 2])
def test_the_graph_network_is_the_formula_by_dense_matrices(layers):
    X, F = table(own := histories()), content()
    degree, people = X.sum(0), np.maximum(X.sum(1), 1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1)), 0)
    A = X * scale / np.sqrt(people)[:, None]
    unit = F / np.linalg.norm(F, axis=1, keepdims=True)
    S = np.zeros((ITEMS, ITEMS))
    for i in range(ITEMS):
        others = sorted((j for j in range(ITEMS) if j != i), key=lambda j: -unit[i] @ unit[j])
        S[i, others[: lightgcn.NEIGHBOURS]] = 1 / min(lightgcn.NEIGHBOURS, ITEMS - 1)
    E = np.random.default_rng(5).normal(size=(ITEMS, 3)).astype(np.float32)
    smooth = sum(np.linalg.matrix_power(A.T @ A, power) @ E for power in range(layers + 1)) / (layers + 1)
    graph = Graph.of(own, ITEMS, F)
    found, items = graph.embeddings(torch.from_numpy(E), layers)
    np.testing.assert_allclose(found, smooth, atol=1e-5)
    np.testing.assert_allclose(items, smooth + S @ E, atol=1e-5)
    hidden = np.random.default_rng(6).random(own.items.size) < 0.5
    seen = X.copy()
    seen[own.rows[hidden], own.items[hidden]] = 0
    left = (seen * scale) @ smooth / np.sqrt(np.maximum(seen.sum(1), 1))[:, None]
    logits = left @ (smooth + S @ E).T
    chances = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -((chances * X).sum(1) / people).mean()
    assert graph.loss(torch.from_numpy(E), layers, own, hidden).item() == pytest.approx(expected, abs=1e-5)


def test_the_nearest_by_content_leave_out_who_has_none():
    F = np.array([[1.0, 0], [0, 0], [2, 0.1], [0, 1]])
    (rows, columns), shares = lightgcn.nearest(F, 1)
    assert list(zip(rows, columns, strict=True)) == [(0, 2), (2, 0), (3, 2)] and shares.tolist() == [1.0] * 3
    (rows, _), _ = lightgcn.nearest(np.zeros((3, 2)), 2)
    assert rows.size == 0


def test_a_graph_network_learns_folds_in_places_new_items_and_explains():
    found = SMALL
    model = LightGcn(1, found.side.content, width=8, epochs=20)
    fitted = model.fit(found.train, found.n_items)
    begun = replace(model, epochs=0).fit(found.train, found.n_items)
    assert _loss(found.train, fitted) < 0.95 * _loss(found.train, begun)
    one = found.train.take(np.array([5]))
    scores = fitted.scores(one)
    shares = fitted.explain(one.items, one.weights, np.arange(found.n_items))
    np.testing.assert_allclose(shares.sum(1), scores.left[0] @ scores.right.T, atol=1e-12)
    again = replace(model, epochs=2)
    assert np.array_equal(*(again.fit(found.train, found.n_items).items for _ in range(2)))


def _loss(own, fitted):
    """The mean −log-likelihood of what people have, by their scores."""
    scores = fitted.scores(own)
    chances = torch.log_softmax(torch.from_numpy(scores.left @ scores.right.T), dim=1).numpy()
    return -chances[own.rows, own.items].mean()


@pytest.mark.parametrize("name", [*zoo.ZOO, *zoo.MORE])
def test_every_model_lists_for_strangers_and_survives_odd_histories(name):
    found = problem(people=30, items=40, events=8)
    side = replace(found.side, width=4)
    made = zoo.ZOO[name](40)[0] if name in zoo.ZOO else zoo.MORE[name](side)[-1]
    fitted = made.fit(found.train, found.n_items)
    strangers = Histories.build(np.array([0, 2, 2]), np.array([3, 0, 39]), n_users=3)  # the second has nothing
    lists, scores = fitted.scores(strangers).top_k(strangers, 5, found.item_order)
    assert np.isfinite(scores[lists >= 0]).all() and (lists[0] >= 0).all() and 3 not in lists[0]
    assert fitted.weighs == (lists[1] < 0).all(), "who has nothing has a list of what is popular, or none"


def test_models_that_read_times_or_content_are_left_out_without_them():
    nothing = np.zeros(0, np.int64)
    bare = SideInformation(5, nothing, nothing, nothing, ordered=False)
    assert [name for name, made in zoo.MORE.items() if not made(bare)] == [
        *("recent popularity", "session transitions", "L3AE")
    ]
    vast = replace(bare, n_items=10**6, content=np.zeros((1, 1)))
    assert not zoo.MORE["graph filter"](vast) and not zoo.MORE["L3AE"](vast)
