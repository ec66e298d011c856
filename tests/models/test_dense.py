"""Models of last resort: what is served is popularity or item-kNN, folded in, ranked and explained as ever."""

from dataclasses import replace

import numpy as np

from mmrec.models import candidates, cooccurrence, dense
from mmrec.models.candidates import ITEM_KNN, POPULARITY, start
from mmrec.models.decomposition import Evidence, Past, word
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.item_knn import ItemKnn
from mmrec.models.popularity import Popularity

PEOPLE, ITEMS = 40, 30
RNG = np.random.default_rng(2)
LIKED = Histories.build(RNG.integers(0, PEOPLE - 1, 300), (RNG.random(300) ** 2 * 25).astype(int), n_users=PEOPLE)
BEGIN = start(Hyper(), [], density=0.1, events=300, ordered=True)
RESORTS = candidates.last_resorts(BEGIN)


def lists(scores):
    return scores.top_k(LIKED, 10, np.arange(ITEMS))[0]


def test_popularity_ranks_alike_for_everybody_who_likes_something():
    factors = dense.fit(RESORTS[0], LIKED, ITEMS, None)
    found = lists(FittedFactors(factors).scores(LIKED))
    expected = lists(Popularity().fit(LIKED, ITEMS).scores(LIKED))
    somebody = LIKED.lengths > 0
    items = expected[somebody]
    assert np.array_equal(found[somebody], np.where(factors.counts[items] > 0, items, -1))
    assert (found[~somebody] == -1).all() and not somebody.all()


def test_shares_of_popularity_sum_to_the_score():
    factors = dense.fit(RESORTS[0], LIKED, ITEMS, None)
    fitted, own, targets = FittedFactors(factors), LIKED.take(np.array([0])), np.arange(ITEMS)
    parts = fitted.explain(own.items, own.weights, targets)
    np.testing.assert_allclose(parts.sum(1), fitted.scores(own).exact(np.array([0]), targets[None])[0], atol=1e-12)


def test_item_knn_is_its_item_item_part_alone():
    for each in RESORTS[1:]:
        assert each.last_resort == ITEM_KNN and each.links is not None
        links = cooccurrence.together(LIKED, ITEMS, each.links.damping).links(each.links)
        scores = FittedFactors(dense.fit(each, LIKED, ITEMS, None)).scores(LIKED)
        found = lists(replace(scores, histories=LIKED, links=links))
        shape = each.links.from_exponent, each.links.to_exponent, each.links.damping
        expected = ItemKnn(*shape).fit(LIKED, ITEMS).scores(LIKED)
        assert np.array_equal(found, lists(expected))


def test_they_are_named_and_stored_like_any_candidate():
    assert len({each.name for each in RESORTS}) == len(RESORTS) == 1 + 5 * 2
    assert [each.name for each in RESORTS[:1]] == [POPULARITY]
    for each in RESORTS:
        assert candidates.Candidate.from_json(each.to_json()) == each
        factors = dense.fit(each, LIKED, ITEMS, None)
        again = ItemFactors.from_arrays(factors.to_arrays())
        assert np.array_equal(again.HQ, factors.HQ) and np.isfinite(again.HQ).all()


def test_without_any_event_nobody_has_a_list():
    nobody = Histories.build(np.zeros(0, int), np.zeros(0, int), n_users=3)
    for each in RESORTS:
        scores = FittedFactors(dense.fit(each, nobody, ITEMS, None)).scores(nobody)
        assert (scores.top_k(nobody, 5, np.arange(ITEMS))[0] == -1).all()


def test_a_popular_item_is_called_that_and_nobody_s_past_is_named():
    past = [Past("Blue Harbour", "view", 0.3)]
    assert word(Evidence(past, {POPULARITY: 0.3})) == "Many people like it."
