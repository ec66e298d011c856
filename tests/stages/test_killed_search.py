"""A search that was killed goes on behind its last kept trial, and ends with the same winner and version."""

import polars as pl
import pytest

from mmrec.evaluation import selection
from mmrec.evaluation.judge import Judge
from mmrec.evaluation.search import Search
from mmrec.lake.store import Lake
from mmrec.stages.model import boundary, trials
from mmrec.stages.model.trials import KeptTrials
from tests.helpers.problems import problem

PROBLEM = problem(people=110, items=40, events=20, width=4, sweeps=2)
FACTORS = "model/factors"


class Killed(BaseException):
    """Nobody catches it."""


@pytest.fixture(scope="module")
def whole():
    return selection.select(PROBLEM)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def searched(lake):
    """How many trials the lake had kept, and the search with them."""
    kept = KeptTrials(lake, "key", PROBLEM)
    known = len(kept.known)
    found = selection.select(PROBLEM, kept.known, kept.add)
    kept.commit()
    return known, found


@pytest.mark.parametrize("at", [3, 45, *(pytest.param(at, marks=pytest.mark.full) for at in (30, 60))])
def test_killed_anywhere_it_ends_as_if_it_had_not_been(lake, whole, monkeypatch, at):
    monkeypatch.setattr(trials, "SECONDS", 0.0)
    asked, ndcg = [], Judge.ndcg

    def dying(self, *arguments):
        asked.append(1)
        if len(asked) == at:
            raise Killed
        return ndcg(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Judge, "ndcg", dying)
        with pytest.raises(Killed):
            searched(lake)
        asked.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Judge, "ndcg", lambda self, *arguments: (asked.append(1), ndcg(self, *arguments))[1])
        known, found = searched(lake)
    assert found == whole
    assert 0 < known < len(whole.trials)
    assert len(asked) <= len(whole.trials) * 2 - known  # a fit is judged after each of its two sweeps
    assert searched(lake) == (len(whole.trials), whole)
    assert KeptTrials(lake, "another key", PROBLEM).known == ()
    assert KeptTrials(lake, "key", problem(seed=1, people=110, items=40, events=20, width=4, sweeps=2)).known == ()


def test_trials_of_another_search_are_not_believed(whole):
    search = Search(PROBLEM, [whole.trials[0], *whole.trials[2:]])
    assert search.run() == whole.winner and tuple(search.trials) == whole.trials


def test_few_trials_make_few_commits_and_none_stays(lake, whole):
    kept = KeptTrials(lake, "key", PROBLEM)
    for number, trial in enumerate(whole.trials):
        kept.add(number, trial)
    assert not lake.exists("model/candidates")
    kept.commit()
    assert KeptTrials(lake, "key", PROBLEM).known == whole.trials
    kept.forget()
    assert lake.rows("model/candidates") == 0


def test_a_killed_run_of_the_model_is_finished_by_the_next(judged_shop, monkeypatch):
    shop = judged_shop
    monkeypatch.setattr(selection, "MINIMUM_CHOOSERS", 1)
    monkeypatch.setattr(trials, "SECONDS", 0.0)
    shop.run(*shop.content)
    add, rows = KeptTrials.add, "model/candidates"

    def dying(self, number, trial):
        if number == 5:
            raise Killed
        add(self, number, trial)

    with monkeypatch.context() as patch:
        patch.setattr(KeptTrials, "add", dying)
        with pytest.raises(Killed):
            shop.run(FACTORS)
    assert shop.rows("model/versions") == 0 and shop.rows(rows) == 5
    assert shop.scan(rows)["version"].str.starts_with("search-").all()
    shop.run(FACTORS)
    versions, kept = shop.scan("model/versions"), shop.scan(rows)
    assert set(kept["version"]) == set(versions["version"]), "they stand under their versions"
    first = kept.filter(pl.col("version") == versions.sort("boundary")["version"][0]).sort("trial")
    assert first["trial"].to_list() == list(range(first.height)) and first.height > 5
    assert first["chosen"].any()
    names = dict(versions.select("boundary", "version").iter_rows())
    with monkeypatch.context() as patch:  # as if there were none, the search begins anew
        patch.setattr(boundary, "stored_version", lambda *_: "")
        shop.run(FACTORS)
    assert dict(shop.scan("model/versions").select("boundary", "version").iter_rows()) == names
