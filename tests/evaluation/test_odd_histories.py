"""Whatever people's histories look like, the search ends, lists are finite, and figures are numbers or say why not."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import selection
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.search import Search
from mmrec.evaluation.split import PARTS
from mmrec.models import dense
from mmrec.models.feature_ials import FittedFactors
from tests.helpers.problems import SETTINGS, table

ITEMS = [f"item-{at:02}" for at in range(90)]
SMALL = SETTINGS.model_copy(update={"width": 4, "sweeps": 2})
_RNG = np.random.default_rng(1)
WHOLE = table(
    [f"PERSON-{at % 24}" for at in range(480)],
    [ITEMS[at] for at in _RNG.integers(0, 90, 480)],
    _RNG.integers(0, 10**9, 480),
)


def one_event():
    """Everybody has one event, each of another item."""
    return WHOLE.unique("user_id", keep="first", maintain_order=True).with_columns(
        item_id=pl.Series([ITEMS[at] for at in range(24)])
    )


def everything_met():
    """Everybody has met all items at one time."""
    rows = pl.DataFrame({"user_id": [f"PERSON-{at}" for at in range(24)]}).join(
        pl.DataFrame({"item_id": ITEMS}), how="cross"
    )
    return rows.with_columns(time=WHOLE["time"][0], weight=1.0)


ODD = {
    "one event each": one_event,
    "one person": lambda: WHOLE.filter(pl.col("user_id") == WHOLE["user_id"][0]),
    "one item": lambda: WHOLE.filter(pl.col("item_id") == WHOLE["item_id"][0]),
    "all times equal": lambda: WHOLE.with_columns(time=WHOLE["time"][0]),
    "weight 0 alone": lambda: WHOLE.with_columns(weight=0.0),
    "everything met": everything_met,
    "nothing": lambda: WHOLE.clear(),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_list_or_a_line_and_no_nan(odd):
    problem = Problem.of(ODD[odd](), ITEMS, {}, {}, SMALL)
    chosen = selection.select(problem)
    assert chosen.enough or "too little history" in chosen.reason
    rows = selection.evaluate(problem, chosen.winner)
    assert all(row.value is None or np.isfinite(row.value) for row in rows)
    assert all(row.note for row in rows if row.value is None and row.segment == "all")
    known = problem.histories(*PARTS)
    scores = FittedFactors(dense.fit(chosen.winner, known, problem.n_items, None)).scores(known)
    scores = replace(scores, histories=known, links=problem.links(chosen.winner.links, *PARTS))
    items, values = scores.top_k(problem.met(*PARTS), 10, problem.item_order, problem.listable)
    assert np.isfinite(values[items >= 0]).all()


@pytest.mark.parametrize("odd", ["all times equal", "everything met"])
def test_a_search_over_few_people_ends(odd):
    search = Search(Problem.of(ODD[odd](), ITEMS, {}, {}, SMALL))
    assert search.run().name in {trial.candidate.name for trial in search.trials}
