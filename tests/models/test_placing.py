"""A map beside a model without content: new items and texts have a place, and nothing that was met moves by one bit."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.evaluation import fitting
from mmrec.evaluation.split import TRAIN
from mmrec.fusion import maps
from mmrec.fusion.deep import Reading
from mmrec.models import candidates, dense
from mmrec.models.candidates import ITEM_KNN, POPULARITY, Candidate, with_placing
from mmrec.models.factorization import Hyper, ItemFactors, fold_in, with_new_items
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from tests.helpers.problems import problem

HIDDEN = np.arange(90) % 9 == 0  # ten items nobody has met
WEIGHTS = {"text": 1.0, "image": 0.3}


@pytest.fixture(scope="module")
def shop():
    """People of three tastes; a text tells an item's taste, and a ninth of the items is in nobody's history."""
    whole = problem()
    keep = ~HIDDEN[whole.item_idx]
    columns = ("user_idx", "item_idx", "weight", "time_us", "tie_hash", "part")
    return replace(whole, **{name: getattr(whole, name)[keep] for name in columns})


@pytest.fixture(scope="module")
def fit(shop):
    """Fits candidates on train, each of them once."""
    known = {}

    def fitted(candidate):
        named = str(candidate.to_json())
        if named not in known:
            known[named] = fitting.fitted(shop, candidate, TRAIN)
        return known[named]

    return fitted


@pytest.fixture(params=maps.KINDS)
def kind(request):
    return request.param


def without_content(shop):
    plain = replace(shop.start, block_weights=None, links=None)
    linked = replace(plain, links=candidates.LinkSettings(False, 0.3))
    return [plain, linked, *candidates.last_resorts(plain)]


def scores(shop, candidate, fit):
    made = FittedFactors(fit(candidate).factors).scores(shop.histories(TRAIN, recency=candidate.recency))
    if candidate.links is None:
        return made
    return replace(made, histories=shop.histories(TRAIN, recency=candidate.links.recency), links=fit(candidate).links)


def everything(made: Scores):
    people = np.arange(len(made.left))
    return made.exact(people, np.tile(np.arange(len(made.right)), (len(people), 1)))


def test_what_was_met_keeps_its_score_to_the_last_bit(shop, fit, kind):
    for plain in without_content(shop):
        before = everything(scores(shop, plain, fit))
        placed = with_placing(plain, WEIGHTS, kind)
        assert placed.name == plain.name and placed.placing == WEIGHTS and plain.placing is None
        after = everything(scores(shop, placed, fit))
        assert np.array_equal(after[:, ~shop.cold], before[:, ~shop.cold]), plain.name
        assert not before[:, shop.cold].any() and after[:, shop.cold].any(), plain.name


def test_lists_of_what_was_met_are_the_same_too(shop, fit):
    for plain in without_content(shop):
        placed = with_placing(plain, WEIGHTS)
        lists = [scores(shop, each, fit).top_k(shop.train, 20, shop.item_order, ~shop.cold) for each in (plain, placed)]
        assert np.array_equal(lists[0][0], lists[1][0]), plain.name


def taste(shop):
    """Of every item, from its text alone."""
    return shop.blocks["text"].argmax(1)


def test_new_items_stand_with_what_they_are_like(shop, fit, kind):
    tastes = taste(shop)
    likes = np.stack([np.bincount(tastes[row], minlength=3) for row in rows(shop.train)]).argmax(1)
    for plain in without_content(shop):
        if plain.last_resort == POPULARITY:
            continue
        placed = with_placing(plain, WEIGHTS, kind)
        found = scores(shop, placed, fit)
        lists, _ = found.top_k(shop.train, 3, shop.item_order, shop.cold)
        assert (tastes[lists[:, 0]] == likes).mean() > (0.4 if kind == maps.DEEP else 0.7), plain.name


def rows(histories):
    return [histories.items[begin:end] for begin, end in zip(histories.indptr, histories.indptr[1:], strict=False)]


def test_somebody_known_by_a_text_alone_has_a_list_of_their_taste(shop, fit, kind):
    for plain in without_content(shop):
        placed = with_placing(plain, WEIGHTS, kind)
        factors, network = fit(placed).factors, fit(placed).network
        texts = np.array([np.flatnonzero(taste(shop) == each)[1] for each in range(3)])
        layout = shop.layout(placed)
        layout = Reading(layout, network) if network else layout
        with_texts = with_new_items(factors, layout.alone("text", shop.blocks["text"][texts]))
        said = Histories.build(np.arange(3), shop.n_items + np.arange(3), n_users=3)
        users = fold_in(with_texts, said)
        lists, found = Scores(users, factors.H).top_k(
            Histories.build([], [], n_users=3), 10, shop.item_order, np.ones(shop.n_items, bool)
        )
        assert (lists >= 0).all() and np.isfinite(found).all(), plain.name
        if plain.last_resort == POPULARITY:
            warm = lists[0][~shop.cold[lists[0]]]
            assert (np.diff(factors.counts[warm]) <= 0).all()  # what many people like stands first for anybody
        else:
            right = (taste(shop)[lists] == np.arange(3)[:, None]).mean()
            assert right > (0.4 if kind == maps.DEEP else 0.7), plain.name  # a third of them by chance


def test_shares_of_a_new_item_sum_to_its_score(shop, fit):
    for plain in without_content(shop):
        placed = with_placing(plain, WEIGHTS)
        factors = fit(placed).factors
        fitted, own, cold = FittedFactors(factors), shop.train.take(np.array([3])), np.flatnonzero(shop.cold)
        parts = fitted.explain(own.items, own.weights, cold)
        np.testing.assert_allclose(parts.sum(1), fitted.scores(own).exact(np.array([0]), cold[None])[0], atol=1e-9)


def test_a_map_is_stored_with_its_factors_and_fitted_the_same_again(shop, fit):
    for plain in without_content(shop):
        placed = with_placing(plain, WEIGHTS)
        factors = fit(placed).factors
        again = fitting.fitted(shop, placed, TRAIN).factors
        stored = ItemFactors.from_arrays(factors.to_arrays())
        for name, array in factors.to_arrays().items():
            assert np.array_equal(array, again.to_arrays()[name]) and np.array_equal(array, stored.to_arrays()[name])
        assert Candidate.from_json(placed.to_json()) == placed


def test_there_is_no_map_where_there_is_nothing_to_read(shop):
    plain = replace(shop.start, block_weights=None, links=None)
    assert with_placing(plain, {}) == with_placing(plain, None) == plain
    assert with_placing(shop.start, WEIGHTS) == shop.start
    assert fitting.fitted(shop, plain, TRAIN).factors.B is None
    nobody = replace(shop, part=np.full(len(shop.part), 2))
    for each in without_content(shop):
        factors = fitting.fitted(nobody, with_placing(each, WEIGHTS), TRAIN).factors
        assert factors.B is None and not factors.H.any()


def test_item_knn_weighs_events_in_both_parts_alike():
    [knn] = [
        each
        for each in candidates.last_resorts(Candidate("", Hyper(), None, 5.0, 0.1))
        if each.half_life is None and each.last_resort == ITEM_KNN and each.links.recency.half_life == 5.0
    ][:1]
    assert with_placing(knn, WEIGHTS).recency == knn.links.recency
    assert dense.fit(knn, Histories.build([0], [0], n_users=1), 2, None).H.shape == (2, 1)
