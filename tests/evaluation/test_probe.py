"""The cold-item probe: content that decides who likes what is above chance, and numbers without meaning are not."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import probe
from mmrec.evaluation.problem import Problem
from mmrec.settings import Model

PEOPLE, ITEMS, TASTES = 150, 200, 4


@pytest.fixture(scope="module")
def events():
    """People who like the items of one of four tastes, mostly."""
    draw = np.random.default_rng(0)
    of_item = np.arange(ITEMS) % TASTES
    rows = []
    for person in range(PEOPLE):
        liked = np.flatnonzero(of_item == person % TASTES)
        chosen = [*draw.choice(liked, 16, replace=False), *draw.choice(ITEMS, 4, replace=False)]
        rows += [(f"p{person:03}", f"i{item:03}", at) for at, item in enumerate(dict.fromkeys(map(int, chosen)))]
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "at"], orient="row")
    times = frame["at"].map_elements(lambda at: start + dt.timedelta(days=at), pl.Datetime("us", "UTC"))
    return frame.with_columns(time=times, weight=pl.lit(1.0)).drop("at"), of_item


def problem(events, block, present=None):
    there = np.ones(ITEMS, bool) if present is None else present
    names = [f"i{item:03}" for item in range(ITEMS)]
    return Problem.of(events, names, {"text": block * there[:, None]}, {"text": there}, Model())


def test_content_that_decides_is_above_chance_and_noise_is_not(events):
    rows, of_item = events
    draw = np.random.default_rng(1)
    telling = np.eye(TASTES)[of_item] + 0.05 * draw.normal(size=(ITEMS, TASTES))
    good = probe.cold_items(problem(rows, telling.astype(np.float32)), "text")
    assert good.is_telling
    assert good.ndcg.low > good.best_chance + 0.15
    assert good.chance < good.best_chance
    noise = [draw.normal(size=(ITEMS, TASTES)).astype(np.float32) for _ in range(8)]
    bad = [probe.cold_items(problem(rows, each), "text") for each in noise]
    assert sum(each.is_above_chance for each in bad) <= 2  # each of them once in twenty times
    assert probe.cold_items(problem(rows, noise[0]), "text") == bad[0]


def test_items_without_the_modality_are_not_asked_for(events):
    rows, of_item = events
    has = np.arange(ITEMS) % 3 > 0
    block = np.eye(TASTES)[of_item].astype(np.float32)
    found = probe.cold_items(problem(rows, block, has), "text")
    assert found.is_above_chance
    none = probe.cold_items(problem(rows, block, np.zeros(ITEMS, bool)), "text")
    assert (none.ndcg.people, none.is_telling) == (0, False)
