"""The choice is made on validation, test is not read for it, and little history is said and not raised."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import search as search_module
from mmrec.evaluation import selection as s
from mmrec.evaluation.metrics import ndcg, recall
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.search import CONFIRMATION, CONTENT, FIT, LINKS, NEW, RECENCY, REFIT, RESORT, STAGES, Search
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.fusion.layout import Layout
from mmrec.models import candidates
from mmrec.models.candidates import ITEM_KNN, POPULARITY, Candidate, named, start, with_content
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.factorization import Hyper, fit, fold_in
from mmrec.models.ranking import top_k
from tests.helpers.problems import SETTINGS, problem, table

PROBLEM = problem()


@pytest.fixture(scope="module")
def chosen():
    """What the search gives."""
    return s.select(PROBLEM)


def test_the_whole_way(chosen):
    assert chosen.enough and {trial.stage for trial in chosen.trials} >= set(STAGES) - {REFIT}
    assert chosen.winner.name in {trial.candidate.name for trial in chosen.trials}
    rows = s.evaluate(PROBLEM, chosen.winner)
    found = {(row.label, row.split, row.metric, row.segment): row for row in rows}
    assert len(found) == len(rows)
    gain = found["mf − popularity", "test", "NDCG@10", "all"]
    assert gain.low <= gain.value <= gain.high and gain.people == 120
    mine, theirs = (found[name, "test", "NDCG@10", "all"].value for name in ("mf", "popularity"))
    assert gain.value == pytest.approx(mine - theirs) and gain.low > 0
    assert "λ" in found["EASE", "test", "Recall@10", "all"].note
    assert found["mf − item-kNN", "test", "NDCG@10", "all"].people == 120
    assert (
        "half-life" in found["EASE", "test", "NDCG@10", "all"].note + found["item-kNN", "test", "NDCG@10", "all"].note
    )
    assert {"Coverage@10", "Novelty@10", "Diversity@10"} <= {row.metric for row in rows}
    assert s.evaluate(PROBLEM, chosen.winner) == rows


def test_the_test_figure_is_fitted_on_train_with_train_and_validation_masked():
    candidate = replace(PROBLEM.start, links=None)
    factors = fit(PROBLEM.train, 90, candidate.hyper, PROBLEM.features(candidate))
    users = fold_in(factors, PROBLEM.histories(TRAIN, recency=candidate.recency))
    assert (PROBLEM.histories(TRAIN, recency=candidate.recency).weights < 1).any()
    masked, held = PROBLEM.histories(TRAIN, VALIDATION), PROBLEM.histories(TEST)
    lists, _ = top_k(users, factors.H, masked, 10, PROBLEM.item_order)
    expected = {"NDCG@10": ndcg(lists, held, 10).mean(), "Recall@10": recall(lists, held, 10).mean()}
    rows = s.evaluate(PROBLEM, candidate)
    mine = {r.metric: r.value for r in rows if (r.label, r.split, r.segment) == ("mf", "test", "all")}
    assert {metric: mine[metric] for metric in expected} == pytest.approx(expected)


def test_choosing_reads_no_test_event(chosen):
    rng = np.random.default_rng(9)
    test = PROBLEM.part == TEST
    shuffled = PROBLEM.item_idx.copy()
    shuffled[test] = rng.integers(0, PROBLEM.n_items, test.sum())
    assert s.select(replace(PROBLEM, item_idx=shuffled)) == chosen
    keep = ~test
    columns = ("user_idx", "item_idx", "weight", "time_us", "tie_hash", "part")
    without = replace(PROBLEM, **{name: getattr(PROBLEM, name)[keep] for name in columns})
    assert s.select(without) == chosen
    validation = PROBLEM.part == VALIDATION
    shuffled[validation] = rng.integers(0, PROBLEM.n_items, validation.sum())
    assert s.select(replace(PROBLEM, item_idx=shuffled)).trials != chosen.trials  # the test can fail


def test_the_winner_reaches_more_than_the_start_with_people_who_had_no_say(chosen):
    search = Search(PROBLEM)
    best, begin, popularity, knn = (trial for trial in chosen.trials if trial.stage == CONFIRMATION)
    assert begin.people == best.people == 60 and begin.candidate == PROBLEM.start
    assert (popularity.candidate.last_resort, knn.candidate.last_resort) == (POPULARITY, ITEM_KNN)
    assert popularity.value < best.value
    assert chosen.winner == max((best, begin, popularity, knn), key=lambda trial: trial.value).candidate
    assert not set(search.judge.confirmers) & set(search.judge.choosers(1.0))
    hyper = replace(PROBLEM.hyper, alpha=1.0, regularization=100.0)
    poor = replace(PROBLEM.start, block_weights=None, hyper=hyper, links=None)
    poor = search._kept(search._fitted(FIT, poor, 1.0))
    assert search._confirmed(PROBLEM.start, poor) != poor


def test_where_nothing_fitted_beats_popularity_it_is_served():
    rng = np.random.default_rng(4)
    everything = rng.permutation(PROBLEM.n_items)  # everybody meets items in one order, whatever came before
    item = everything[np.minimum(rng.geometric(0.08, len(PROBLEM.item_idx)), PROBLEM.n_items) - 1]
    found = Search(replace(PROBLEM, item_idx=item, blocks={}, present={}))
    poor = replace(found.problem.start, hyper=Hyper(width=1, sweeps=1, regularization=1000.0), links=None)
    found._kept(found._fitted(FIT, poor, 1.0))
    begin = replace(poor, hyper=replace(poor.hyper, seed=1))
    assert found._confirmed(begin, poor).last_resort is not None


def test_features_win_unless_plain_is_better_for_certain():
    search = Search(PROBLEM)
    plain = replace(PROBLEM.start, block_weights=None, links=None)
    search._kept(search._fitted("fit", plain, 1.0))
    even = with_content(plain, {"text": 1.0}, 10**9)
    harmful = replace(plain, block_weights={"image": 1.0}, hyper=replace(plain.hyper, regularization=3.0))
    assert search._content(plain, []) == plain
    assert search._content(plain, [even]).block_weights == even.block_weights
    assert search._content(plain, [harmful]) == plain


def test_beside_an_item_item_part_the_fit_is_chosen_once_more():
    search = Search(PROBLEM)
    poor = replace(PROBLEM.start.hyper, alpha=0.01, regularization=3.0, sweeps=2)
    linked = named(replace(PROBLEM.start, hyper=poor, links=LinkSettings(strength=0.1)))
    linked = search._judged(LINKS, linked, 1.0, search.judge.choosers(1.0))
    found = search._refitted(PROBLEM.start, linked)
    tried = [trial for trial in search.trials if trial.stage == REFIT]
    begin, start_fit = tried[0].candidate, PROBLEM.start.hyper
    assert (begin.hyper.alpha, begin.hyper.regularization) == (start_fit.alpha, start_fit.regularization)
    assert len(tried) > 1 and all(trial.work > 0 for trial in tried)
    assert {trial.candidate.links for trial in tried} == {linked.candidate.links} == {found.links}
    assert found == max(tried, key=lambda trial: trial.value).candidate and found != linked.candidate
    alone = replace(linked, candidate=replace(linked.candidate, links=None))
    assert search._refitted(PROBLEM.start, alone) == alone.candidate


def test_a_fit_is_made_once_for_all_that_differ_in_fold_in_and_links(chosen):
    trials = chosen.trials
    assert all((trial.work > 0) == (trial.stage in (FIT, NEW, CONTENT, REFIT, RESORT)) for trial in trials)
    assert sum(trial.stage == LINKS for trial in trials) >= 19 + 1


def test_of_many_people_a_third_of_the_candidates_goes_on(monkeypatch):
    monkeypatch.setattr(search_module, "SMALLEST", 1)
    found = Search(PROBLEM)
    found.run()
    linked = [trial for trial in found.trials if trial.stage == LINKS]
    counts = [sum(trial.share == share for trial in linked) for share in search_module.SHARES]
    assert counts[0] in (22 + 1, 22 + 3) and counts[1] == 7 + 1 and 2 + 1 < counts[2] <= 2 + 1 + 1 + 4 * 9
    assert {trial.people for trial in linked if trial.share == 0.25} < {trial.people for trial in linked}


def test_a_search_ends_at_a_counted_amount_of_work(chosen):
    most = 25 * 2 + 3 * 4 + 4 * 4 * 4 + 2 * 4 + 2 * 4 + 4 + 4 + 10 + (1 + 2 * 4) * 4  # fits × sweeps, stage by stage
    assert sum(trial.work for trial in chosen.trials) <= most * PROBLEM.n_users


def test_little_history_is_said():
    small = problem(people=6)
    chosen = s.select(small)
    assert not chosen.enough and chosen.winner == small.start and "6 people" in chosen.reason
    (row,) = s.evaluate(small, chosen.winner)
    assert row.value is None and "too little history" in row.note
    nothing = problem(people=0)
    assert not s.select(nothing).enough
    rare = problem(events=3)
    assert "0 people" in s.select(rare).reason


def test_a_global_cut():
    found = problem(split="global")
    last = found.time_us[found.part < TEST].max()
    assert (found.time_us[found.part == TEST] >= last).all()
    assert s.select(found).enough


def test_features_and_their_places():
    candidate = Candidate("c", Hyper(), {"text": 2.0, "image": 0.0})
    layout = Layout.over(candidate.block_weights, PROBLEM.blocks)
    features = PROBLEM.features(candidate)
    assert layout.slices == {"text": slice(0, 4)} and layout.width == 4
    text = np.where(PROBLEM.present["text"][:, None], 2 * PROBLEM.blocks["text"], 0)
    np.testing.assert_allclose(features[:, :3], text)
    assert features[:, 3].tolist() == [0.0 if i == 4 else 2.0 for i in range(90)]
    assert np.array_equal(layout.alone("text", PROBLEM.blocks["text"][5:]), features[5:])
    assert list(Layout.over(PROBLEM.start.block_weights, PROBLEM.blocks).slices) == ["image", "text"]
    assert PROBLEM.features(replace(PROBLEM.start, block_weights=None)) is None
    with pytest.raises(ValueError, match="no block is read"):
        Layout().features(PROBLEM.blocks, PROBLEM.present)


def test_candidates():
    sparse, dense = (start(Hyper(), [], density=each, events=9, ordered=False) for each in (0.001, 0.1))
    assert (sparse.hyper.alpha, dense.hyper.alpha) == (0.01, 0.6) and sparse.half_life is None
    assert PROBLEM.start.half_life == 10 and PROBLEM.start.block_weights == {"image": 1.0, "text": 1.0}
    for one in (sparse, *candidates.fits(dense), *candidates.links(PROBLEM.start, ordered=True)):
        assert Candidate.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert {one.links and one.links.directed for one in candidates.links(sparse, ordered=False)} == {None, False}
    old = {"name": "plain", "hyper": {"width": 8}, "block_weights": None, "half_life": 10.0, "floor": 0.0}
    assert Candidate.from_json(old).links is None, "versions of before links were fitted are read"


def test_without_times_nothing_is_weighed_by_recency_and_nothing_is_directed():
    still = replace(PROBLEM, time_us=np.zeros(len(PROBLEM.time_us), np.int64))
    assert not still.ordered and still.start.half_life is None
    trials = s.select(still).trials
    assert RECENCY not in {trial.stage for trial in trials}
    assert not any(trial.candidate.links and trial.candidate.links.directed for trial in trials)


def test_a_liked_item_that_nobody_sells_takes_part_and_is_in_no_list():
    events = table(["b", "a", "a"], ["gone", "x", "y"], np.arange(3))
    text = np.array([[1.0], [2.0]])
    found = Problem.of(events, ["y", "x"], {"text": text}, {"text": np.array([True, False])}, SETTINGS)
    assert list(found.item_ids) == ["gone", "x", "y"]
    assert found.listable.tolist() == [False, True, True]
    assert found.item_idx.tolist() == [0, 1, 2]
    assert found.blocks["text"].tolist() == [[0.0], [2.0], [1.0]]
    assert found.present["text"].tolist() == [False, False, True]
    whole = problem()
    gone = replace(whole, listable=np.arange(whole.n_items) % 3 > 0)
    lists = s.served(gone, Candidate("plain", Hyper(width=4, sweeps=1)))(gone.met(TRAIN))
    assert gone.listable[lists[lists >= 0]].all()
    assert gone.listable[gone.held(TEST).items].all()
    assert gone.held(TEST).items.size < whole.held(TEST).items.size


def test_what_was_met_and_not_liked_moves_no_cut_is_no_positive_and_is_masked():
    liked = table(["a"] * 10, [f"i{at}" for at in range(10)], np.arange(10) * 10)
    met = table(["a"] * 3, ["m0", "m1", "i9"], np.array([5, 95, 75])).with_columns(weight=0.0)
    catalogue = [*[f"i{at}" for at in range(10)], "m0", "m1"]
    both = Problem.of(pl.concat([met, liked]), catalogue, {}, {}, SETTINGS)
    alone = Problem.of(liked, catalogue, {}, {}, SETTINGS)
    assert both.part[3:].tolist() == alone.part.tolist()
    assert both.part[:3].tolist() == [TRAIN, TEST, TRAIN]
    at = {item: position for position, item in enumerate(both.item_ids)}
    assert both.train.items.tolist() == alone.train.items.tolist()
    assert at["m0"] in both.met(TRAIN).items and at["m0"] not in both.train.items
    assert both.held(TEST).items.size == 0, "its only test item was met before, and not liked"
    assert alone.held(TEST).items.tolist() == [at["i9"]]
