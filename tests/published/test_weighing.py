"""What an event says about a taste, by its type and its value."""

import polars as pl
import pytest

from mmrec.published.weighing import Weighing
from mmrec.settings import Settings

EVENTS = {"view": 1.0, "buy": 3.0, "dislike": 0.0}


def weights(*events, **rule):
    frame = pl.DataFrame(events, schema={"event": pl.String, "value": pl.Float64}, orient="row")
    return frame.select(Weighing(EVENTS, **rule).weight()).to_series().to_list()


def test_a_type_says_what_an_event_weighs_and_an_unknown_one_says_nothing():
    assert weights(("view", None), ("buy", None), ("dislike", None), ("other", None)) == [1, 3, 0, 0]


@pytest.mark.parametrize("rule", [{}, {"liked_from": -5.0}, {"value_scale": "linear"}, {"value_scale": "log"}])
def test_a_value_of_at_most_nothing_is_met_and_not_liked(rule):
    assert weights(("buy", -1.0), ("buy", 0.0), ("view", -0.5), **rule) == [0, 0, 0]


def test_below_the_threshold_an_item_was_met_and_not_liked():
    assert weights(("view", 2.9), ("view", 3.0), ("view", 5.0), ("view", None), liked_from=3.0) == [0, 1, 1, 1]


def test_a_value_can_be_the_weight():
    assert weights(("buy", 2.0), ("view", 0.5), ("buy", None), value_scale="linear") == [6, 0.5, 3]
    found = weights(("buy", 1.0), ("buy", 3.0), ("view", None), value_scale="log")
    assert found == pytest.approx([3 * 0.6931471805599453, 3 * 1.3862943611198906, 0.6931471805599453])
    assert weights(("buy", 1.0), ("buy", 4.0), value_scale="linear", liked_from=2.0) == [0, 12]


def test_without_any_setting_a_positive_value_changes_nothing():
    assert weights(("view", 1.0), ("view", 5.0)) == [1, 1]


def test_it_comes_back_as_it_was_stored():
    settings = Settings.model_validate(
        {
            "name": "shop",
            "calendar": {"start": "2024-01-01"},
            "interactions": {"files": ["*.csv"], "event": "view", "liked_from": 3, "value_scale": "log"},
            "events": {**EVENTS, "ignore": ["impression"]},
            "items": {"files": ["items.csv"]},
        }
    )
    rule = Weighing.of(settings)
    assert rule == Weighing(EVENTS, 3.0, "log")
    assert Weighing.from_json(rule.to_json()) == rule
