"""The choice is made on validation, test is not read for it, and little history is said and not raised."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import selection as s
from mmrec.evaluation.metrics import ndcg, recall
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.fusion.layout import Layout
from mmrec.models.candidates import Candidate, default_candidates
from mmrec.models.factorization import Hyper, fit, fold_in
from mmrec.models.ranking import top_k
from tests.helpers.problems import SETTINGS, problem, table

PROBLEM = problem()


def test_the_whole_way():
    chosen = s.select(PROBLEM)
    assert chosen.enough and len(PROBLEM.candidates) == 6 and {row.split for row in chosen.rows} == {"validation"}
    assert {row.model for row in chosen.rows} == {c.name for c in PROBLEM.candidates}
    rows = s.evaluate(PROBLEM, chosen.winner)
    found = {(row.label, row.split, row.metric, row.segment): row for row in rows}
    assert len(found) == len(rows)
    gain = found["mf − popularity", "test", "NDCG@10", "all"]
    assert gain.low <= gain.value <= gain.high and gain.people == 120
    mine, theirs = (found[name, "test", "NDCG@10", "all"].value for name in ("mf", "popularity"))
    assert gain.value == pytest.approx(mine - theirs) and gain.low > 0
    assert "λ" in found["EASE", "test", "Recall@10", "all"].note
    assert {"Coverage@10", "Novelty@10", "Diversity@10"} <= {row.metric for row in rows}
    assert s.evaluate(PROBLEM, chosen.winner) == rows


def test_the_test_figure_is_fitted_on_train_with_train_and_validation_masked():
    candidate = PROBLEM.candidates[0]
    factors = fit(PROBLEM.train, 90, candidate.hyper, PROBLEM.features(candidate))
    users = fold_in(factors, PROBLEM.histories(TRAIN, candidate=candidate))
    assert (PROBLEM.histories(TRAIN, candidate=candidate).weights < 1).any()
    masked, held = PROBLEM.histories(TRAIN, VALIDATION), PROBLEM.histories(TEST)
    lists, _ = top_k(users, factors.H, masked, 10, PROBLEM.item_order)
    expected = {"NDCG@10": ndcg(lists, held, 10).mean(), "Recall@10": recall(lists, held, 10).mean()}
    rows = s.evaluate(PROBLEM, candidate)
    mine = {r.metric: r.value for r in rows if (r.label, r.split, r.segment) == ("mf", "test", "all")}
    assert {metric: mine[metric] for metric in expected} == pytest.approx(expected)


def test_choosing_reads_no_test_event():
    rng = np.random.default_rng(9)
    test = PROBLEM.part == TEST
    shuffled = PROBLEM.item_idx.copy()
    shuffled[test] = rng.integers(0, PROBLEM.n_items, test.sum())
    assert s.select(replace(PROBLEM, item_idx=shuffled)) == s.select(PROBLEM)
    keep = ~test
    columns = ("user_idx", "item_idx", "weight", "time_us", "tie_hash", "part")
    without = replace(PROBLEM, **{name: getattr(PROBLEM, name)[keep] for name in columns})
    assert s.select(without) == s.select(PROBLEM)
    validation = PROBLEM.part == VALIDATION
    shuffled[validation] = rng.integers(0, PROBLEM.n_items, validation.sum())
    assert s.select(replace(PROBLEM, item_idx=shuffled)).rows != s.select(PROBLEM).rows  # the test can fail


def test_the_better_candidate_wins_and_features_win_a_draw():
    good, bad = Candidate("good", Hyper(width=8)), Candidate("bad", Hyper(width=1, sweeps=1, regularization=100.0))
    assert s.select(replace(PROBLEM, candidates=(bad, good))).winner == good
    placing = Candidate("placing", Hyper(width=8, feature_regularization=1e9), {"text": 1.0})
    assert s.select(replace(PROBLEM, candidates=(good, placing))).winner == placing
    poor = Candidate("poor", bad.hyper, {"text": 1.0})
    assert s.select(replace(PROBLEM, candidates=(poor, good))).winner == good


def test_little_history_is_said():
    small = problem(people=6)
    chosen = s.select(small)
    assert not chosen.enough and chosen.winner == small.candidates[0] and "6 people" in chosen.reason
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
    assert list(Layout.over(PROBLEM.candidates[0].block_weights, PROBLEM.blocks).slices) == ["image", "text"]
    assert PROBLEM.features(PROBLEM.candidates[-1]) is None
    with pytest.raises(ValueError, match="no block is read"):
        Layout().features(PROBLEM.blocks, PROBLEM.present)


def test_candidates():
    assert len(default_candidates(Hyper(), [], 100)) == 2
    assert len(default_candidates(Hyper(), ["text"], 100)) == 5
    for one in PROBLEM.candidates:
        assert Candidate.from_json(one.to_json()) == one
    with pytest.raises(ValueError, match="1 to 6"):
        replace(PROBLEM, candidates=())


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
    lists = s._served(gone, Candidate("plain", Hyper(width=4, sweeps=1)))(gone.met(TRAIN))
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
