"""Splits and what they leak; and the account of who reads test rows: no search, and every evaluation once a model."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import selection
from mmrec.evaluation.audit import COUNTING
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import LEAKS, NAMES, TEST, TRAIN, VALIDATION, given
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.popularity import Popularity
from mmrec.settings import Model
from tests.helpers.problems import SETTINGS, problem, table

POPULARITY = {"popularity": lambda n_items: (Popularity(),)}


def test_a_search_reads_no_test_row_and_an_evaluation_reads_them_once_a_model():
    found = problem()
    chosen = selection.select(found)
    assert chosen.enough and found.audit.rows == 0 and not found.audit.reads
    plain = replace(chosen.winner, links=None)
    selection.evaluate(found, chosen.winner, POPULARITY, {"mf without links": plain})
    assert found.audit.models == {"mf": 1, "mf without links": 1, "popularity": 1}
    rows = int((found.part == TEST).sum())
    assert found.audit.reads[COUNTING] == 1 and found.audit.rows == 4 * rows


def test_every_way_to_test_rows_is_noted():
    found = problem()
    for read in (found.met, found.histories, lambda part: found.counts(LinkSettings(directed=True), part), found.held):
        before = found.audit.rows
        read(TEST)
        assert found.audit.rows == before + int((found.part == TEST).sum())
    before = found.audit.rows
    for part in (TRAIN, VALIDATION):
        found.held(part)
    assert found.side.users.size and found.train.items.size and found.audit.rows == before


def test_at_random_a_persons_later_events_are_in_train():
    by_time, at_random = problem(), problem(split="random")
    assert np.bincount(by_time.part).tolist() == np.bincount(at_random.part).tolist()

    def later(found):
        last = np.full(found.n_users, -1)
        np.maximum.at(last, found.user_idx[found.part == TRAIN], found.time_us[found.part == TRAIN])
        test = found.part == TEST
        return (last[found.user_idx[test]] > found.time_us[test]).mean()

    assert later(by_time) == 0 and later(at_random) > 0.8
    again = problem(split="random")
    assert np.array_equal(again.part, at_random.part)


def test_a_given_column_takes_the_place_of_the_split():
    events = table(["a", "a", "a", "b"], ["x", "y", "z", "x"], np.arange(4))
    named = events.with_columns(split=pl.Series(["train", "validation", "test", "train"]))
    found = Problem.of(named, ["x", "y", "z"], {}, {}, SETTINGS)
    assert found.part.tolist() == [TRAIN, VALIDATION, TEST, TRAIN]
    with pytest.raises(ValueError, match=r"^found the part 'dev'; expected one of: train, validation, test$"):
        given(["train", "dev"])


def test_every_split_says_what_it_leaks():
    kinds = Model.model_fields["split"].annotation.__args__
    assert set(kinds) == set(LEAKS) and all(LEAKS.values()) and NAMES[TEST] == "test"
