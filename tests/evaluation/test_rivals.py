"""The settings of the models beside the served one: chosen on validation, stored with a version, only read after."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.evaluation import rivals, selection
from mmrec.evaluation.metrics import ndcg
from mmrec.evaluation.rivals import Rival
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.models.ease import REGULARIZATIONS, Ease
from mmrec.models.zoo import ZOO
from tests.helpers.problems import problem

PROBLEM = problem()


@pytest.fixture(scope="module")
def chosen():
    return rivals.chosen(PROBLEM)


def reached(rival):
    """Validation NDCG@20 of EASE, by a dense product and a sort of its own."""
    fitted = Ease(float(rival.note.removeprefix("λ = "))).fit(PROBLEM.train, PROBLEM.n_items)
    own = PROBLEM.histories(TRAIN, recency=rival.recency)
    X = np.zeros((PROBLEM.n_users, PROBLEM.n_items))
    X[own.rows, own.items] = own.weights
    scores = np.where((X > 0) | PROBLEM.cold, -np.inf, X @ fitted.links.weights)
    return ndcg(np.argsort(-scores, axis=1, kind="stable")[:, :20], PROBLEM.held(VALIDATION), 20).mean()


def test_every_model_has_one_and_no_other_variant_or_half_life_is_better(chosen):
    assert [each.model for each in chosen] == list(ZOO)
    popularity, _, ease = chosen
    assert popularity == Rival("popularity") and popularity.told is None
    assert "chosen on validation" in ease.told and ease.note in ease.told
    begin = PROBLEM.start.recency
    first = {each: reached(Rival("EASE", f"λ = {each:g}", begin.half_life, begin.floor)) for each in REGULARIZATIONS}
    assert first[float(ease.note.removeprefix("λ = "))] == max(first.values())
    best = reached(ease)
    assert all(best >= reached(replace(ease, half_life=each)) for each in (3.0, 5.0, 10.0, 20.0, 40.0))


def test_no_test_event_is_read(chosen):
    moved = PROBLEM.item_idx.copy()
    test = PROBLEM.part == TEST
    moved[test] = np.random.default_rng(9).integers(0, PROBLEM.n_items, test.sum())
    assert rivals.chosen(replace(PROBLEM, item_idx=moved)) == chosen


def test_what_is_stored_is_read_back_and_used_without_a_choice(chosen, monkeypatch):
    assert rivals.from_arrays(rivals.to_arrays(chosen)) == chosen
    assert rivals.from_arrays({}) == () and rivals.to_arrays(()) == {}
    rows = selection.evaluate(PROBLEM, PROBLEM.start)
    monkeypatch.setattr(rivals, "best", lambda *_: pytest.fail("chosen again"))
    assert selection.evaluate(PROBLEM, PROBLEM.start, stored=chosen) == rows
    other = [replace(each, note="λ = 3000") if each.model == "EASE" else each for each in chosen]
    assert selection.evaluate(PROBLEM, PROBLEM.start, stored=other) != rows


def test_a_variant_that_is_tried_no_more_is_chosen_again(chosen):
    gone = [replace(each, note="λ = 7") if each.model == "EASE" else each for each in chosen]
    assert tuple(rivals.models(PROBLEM, ZOO, gone)) == chosen
    assert tuple(rivals.models(PROBLEM, ZOO)) == chosen


def test_little_history_and_no_order():
    assert rivals.chosen(problem(people=6)) == ()
    still = replace(PROBLEM, time_us=np.zeros(len(PROBLEM.time_us), np.int64))
    assert all(each.half_life is None for each in rivals.chosen(still))
