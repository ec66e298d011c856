"""A linear item-item model that is served by a setting: chosen on validation, cut, placed beside, stored and read."""

import json

import numpy as np
import pytest

from mmrec.errors import MmrecError
from mmrec.evaluation import fitting, linear, metrics, rivals, selection
from mmrec.evaluation.split import TRAIN, VALIDATION
from mmrec.models import ease, l3ae
from mmrec.models import linear as models
from mmrec.models.candidates import Candidate
from mmrec.models.ease import Ease
from mmrec.models.item_item import ItemItem
from mmrec.models.linear import EASE, KINDS, L3AE
from mmrec.models.links import DenseLinks
from tests.helpers.problems import problem


@pytest.fixture(autouse=True)
def few_settings(monkeypatch):
    """Two λ of each: the choice is what is tried here, not the grid."""
    monkeypatch.setattr(ease, "REGULARIZATIONS", (3.0, 300.0))
    monkeypatch.setattr(l3ae, "REGULARIZATIONS", (3.0, 300.0))
    monkeypatch.setattr(l3ae, "TOWARDS_CONTENT", (0.5,))


@pytest.mark.parametrize("kind", KINDS)
def test_what_wins_on_validation_is_what_is_fitted_and_stored(kind):
    found = problem(kind=kind)
    chosen = selection.select(found)
    winner = chosen.winner
    assert chosen.enough and winner.last_resort == kind and winner.name.startswith(f"{kind}; λ ")
    assert {each.stage for each in chosen.trials} == {linear.STAGE, "new items"}
    assert found.audit.models == {}  # no test event was read
    assert Candidate.from_json(json.loads(json.dumps(winner.to_json()))) == winner
    best = rivals.best(found, models.models(kind, found.side))
    assert f"λ = {winner.links.regularization:g}" in best.note and winner.links.recency == best.recency
    worth = next(each.value for each in chosen.trials if each.stage == linear.STAGE)
    lists = selection.served(found, winner)(found.met(TRAIN))
    assert worth == pytest.approx(np.nanmean(metrics.ndcg(lists, found.held(VALIDATION), 20)), abs=0.02)


def test_where_nothing_is_cut_the_lists_are_those_of_the_model_itself():
    found = problem(kind=EASE)
    winner = selection.select(found).winner
    theirs = Ease(winner.links.regularization).fit(found.train, found.n_items)
    histories = found.histories(TRAIN, recency=winner.links.recency)
    wanted, _ = theirs.scores(histories).top_k(found.met(TRAIN), 10, found.item_order, found.listable & ~found.cold)
    links = fitting.fitted(found, winner, TRAIN).links
    served, _ = (
        ItemItem(links).scores(histories).top_k(found.met(TRAIN), 10, found.item_order, found.listable & ~found.cold)
    )
    assert np.array_equal(wanted, served)


def test_the_strongest_links_of_each_item_are_kept(monkeypatch):
    monkeypatch.setattr(models, "KEPT", 2)
    W = np.array([[0.0, -3, 1, 2], [0, 0, 0, 0], [5, 1, 0, 1], [0, 0, -1, 0]])
    rows = models.strongest(DenseLinks(W, np.ones(4, bool)), 4).weights
    assert rows.rows.tolist() == [0, 0, 2, 2, 3] and rows.items.tolist() == [1, 3, 0, 1, 2]
    assert rows.weights.tolist() == [-3, 2, 5, 1, -1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_nobody_has_met_has_one_place(kind):
    """L3AE links to it by content; of EASE the content map beside it says where it stands."""
    found = problem(kind=kind, events=12, items=200)
    winner = selection.select(found).winner
    fit, cold = fitting.fitted(found, winner, TRAIN), found.cold
    assert cold.any()
    by_links = fit.links.known & cold
    by_map = (fit.factors.H != 0).any(axis=1) & cold & ~by_links
    assert by_links.sum() + by_map.sum() >= cold.sum() - 1  # one has neither a text nor anything else to go by
    assert by_links.any() == (kind == L3AE)
    half = fit.factors.H.shape[1] // 2
    assert not fit.factors.H[by_links, half:].any()  # the half that past events of people reach


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_people_are_served_a_variant_from_the_middle(kind):
    found = problem(kind=kind, people=40)
    chosen = selection.select(found)
    assert not chosen.enough and "too little history" in chosen.reason and chosen.trials == ()
    assert chosen.winner.last_resort == kind and chosen.winner.links.regularization == 300.0


def test_what_cannot_be_fitted_is_one_line(monkeypatch):
    monkeypatch.setattr(ease, "MOST_ITEMS", 50)
    with pytest.raises(MmrecError, match=r"^model.kind: found 'EASE' with 90 items; expected at most 12,000 items, or"):
        selection.select(problem(kind=EASE))
