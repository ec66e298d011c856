"""Each row rule by example, and that no landed row is lost between good and rejected."""

import datetime as dt
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec import periods, tables
from mmrec.ingest import times
from mmrec.quality import rules
from mmrec.quality.contracts import GOOD, IGNORED, UNNAMED
from mmrec.settings import Settings

SHOP = Settings.model_validate(
    {
        "name": "shop",
        "calendar": {"start": "2024-01-01", "end": "2024-02-01", "timezone": "Europe/Berlin"},
        "interactions": {"files": ["*.csv"], "event": "view", "value_range": [1, 5]},
        "events": {"view": 1, "search": 1, "ignore": ["impression"]},
        "items": {"files": ["items.csv"]},
    }
)
EVENT = {
    "user_id": "u1",
    "item_id": "i1",
    "event": "view",
    "time": "2024-01-05T10:00:00",
    "value": None,
    "query": None,
    "review": None,
    "split": None,
}


def landed(*events):
    """raw/interactions as the raw stage lands it, two events a file."""
    rows = [
        {"problem": None, "source_file": f"f{at // 2}.csv", "source_row": at % 2 + 1, **EVENT, **event}
        for at, event in enumerate(events)
    ]
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys([*EVENT, "problem"], pl.String))
    frame = frame.with_columns(time_utc=times.utc_time("time", SHOP.calendar))
    return frame.with_columns(period=periods.of_time(SHOP.calendar, "time_utc")).with_columns(
        time_utc=pl.when(pl.col("period").is_not_null()).then("time_utc")
    )


def judge(*events):
    return rules.judge_interactions(landed(*events), SHOP).sort("source_file", "source_row")


def rules_of(*events):
    return judge(*events)["rule"].to_list()


# -- events ------------------------------------------------------------------------------------------------------------


def test_a_good_event_is_typed_and_cleaned():
    row = judge({"user_id": " u1 ", "item_id": "i1\t", "value": " 4.5 "}).row(0, named=True)
    assert (row["rule"], row["reason"]) == (GOOD, None)
    assert (row["user_id"], row["item_id"], row["value"]) == ("u1", "i1", 4.5)
    assert row["time"] == dt.datetime(2024, 1, 5, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("event", "rule", "reason"),
    [
        ({"problem": "the line has 2 fields, the header 3"}, "malformed", "the line has 2 fields, the header 3"),
        ({"user_id": None}, "user_missing", "user_id is empty"),
        ({"user_id": "  "}, "user_missing", "user_id is empty"),
        ({"user_id": "u\x00"}, "control_characters", "an id holds a control character"),
        ({"item_id": "i\x1b1"}, "control_characters", "an id holds a control character"),
        ({"event": None}, "event_missing", "event is empty; [events] has: search, view"),
        ({"event": " "}, "event_missing", "event is empty; [events] has: search, view"),
        ({"event": " impression "}, IGNORED, "the type of the event is in [events] ignore"),
        ({"event": "buy"}, UNNAMED, "the type of the event has no weight in [events], nor is it ignored"),
        (
            {"event": "buy", "time": "soon", "user_id": None},
            UNNAMED,
            "the type of the event has no weight in [events], nor is it ignored",
        ),
        (
            {"time": "soon"},
            "time_unusable",
            "time cannot be read or lies outside the calendar (2024-01-01 to 2024-02-01)",
        ),
        (
            {"time": None},
            "time_unusable",
            "time cannot be read or lies outside the calendar (2024-01-01 to 2024-02-01)",
        ),
        (
            {"time": "2023-12-31"},
            "time_unusable",
            "time cannot be read or lies outside the calendar (2024-01-01 to 2024-02-01)",
        ),
        (
            {"time": "2024-02-01"},
            "time_unusable",
            "time cannot be read or lies outside the calendar (2024-01-01 to 2024-02-01)",
        ),
        ({"item_id": None}, "item_missing", "item_id is empty"),
        ({"item_id": " "}, "item_missing", "item_id is empty"),
        ({"value": "NaN"}, "value_unusable", "value is no finite number"),
        ({"value": "inf"}, "value_unusable", "value is no finite number"),
        ({"value": "-inf"}, "value_unusable", "value is no finite number"),
        ({"value": "1e999"}, "value_unusable", "value is no finite number"),
        ({"value": "five"}, "value_unusable", "value is no finite number"),
        ({"value": "1,234,5"}, "value_unusable", "value is no finite number"),
        ({"value": "-1"}, "value_out_of_range", "value lies outside 1 to 5"),
        ({"value": "5.01"}, "value_out_of_range", "value lies outside 1 to 5"),
        ({"value": "0"}, "value_out_of_range", "value lies outside 1 to 5"),
        ({"event": "search", "item_id": None}, "item_missing", "item_id is empty"),
        ({"event": "view", "item_id": None, "query": "red shoes"}, "item_missing", "item_id is empty"),
    ],
)
def test_each_rule_and_its_reason(event, rule, reason):
    assert judge(event).select("rule", "reason").row(0) == (rule, reason)


@pytest.mark.parametrize(
    "event",
    [{"value": "1"}, {"value": "5"}, {"value": "4,5"}, {"value": ""}, {"value": " "}, {"item_id": "of no catalogue"}],
)
def test_what_is_just_good_enough(event):
    assert rules_of(event) == [GOOD]


def test_the_first_rule_that_breaks_is_the_one_told():
    assert rules_of({"user_id": None, "value": "NaN"}) == ["user_missing"]
    assert rules_of({"problem": "broken", "user_id": None}) == ["malformed"]


def test_a_search_has_words_instead_of_an_item():
    row = judge({"event": "search", "item_id": None, "query": " red shoes "}).row(0, named=True)
    assert (row["rule"], row["item_id"], row["query"]) == (GOOD, None, "red shoes")
    assert rules_of({"event": "search", "item_id": "i1", "query": None}) == [GOOD]


def test_without_a_range_any_finite_value_will_do():
    free = SHOP.model_copy(update={"interactions": SHOP.interactions.model_copy(update={"value_range": None})})
    found = rules.judge_interactions(landed({"value": "-1e9"}, {"value": "nan"}), free)
    assert found.sort("source_row")["rule"].to_list() == [GOOD, "value_unusable"]


def test_of_equal_events_the_first_by_file_and_row_stays():
    same, other = {"user_id": "u1"}, {"user_id": "u2"}
    assert rules_of(same, other, same, same, {**same, "value": "3"}) == [
        GOOD,
        GOOD,
        "duplicate",
        "duplicate",
        "duplicate",
    ]
    backwards = landed(same, other, same).reverse()
    found = rules.judge_interactions(backwards, SHOP).sort("source_file", "source_row")
    assert found["rule"].to_list() == [GOOD, GOOD, "duplicate"]
    assert found["reason"][2] == "the same event stands in an earlier row"


@pytest.mark.parametrize("change", [{"user_id": "u2"}, {"item_id": "i2"}, {"time": "2024-01-05T10:00:01"}])
def test_events_that_differ_are_no_duplicates(change):
    assert rules_of({}, change) == [GOOD, GOOD]


def test_a_rejected_event_makes_no_later_one_a_duplicate():
    assert rules_of({"value": "9"}, {"value": "4"}, {"value": "9"}) == [
        "value_out_of_range",
        GOOD,
        "value_out_of_range",
    ]


def test_searches_without_an_item_are_told_apart_by_their_words():
    search = {"event": "search", "item_id": None, "query": "shoes"}
    assert rules_of(search, {**search, "query": "hats"}, search) == [GOOD, GOOD, "duplicate"]


def test_reasons_never_repeat_what_was_delivered():
    person = "zq-person-1"
    mixed_up = [{column: person} for column in ("item_id", "event", "time", "value")]
    assert not judge(*mixed_up)["reason"].str.contains(person).any()
    assert rules_of(*mixed_up) == [GOOD, UNNAMED, "time_unusable", "value_unusable"]


FIELDS = {
    "user_id": st.sampled_from([None, "", "u1", "u2", "u\x00"]),
    "item_id": st.sampled_from([None, " ", "i1", "i2", "i9", "\x7f"]),
    "event": st.sampled_from([None, "view", "search", "buy", "impression"]),
    "time": st.sampled_from([None, "x", "2024-01-05", "1704446400", "2023-01-01", "9e18"]),
    "value": st.sampled_from([None, "", "3", "nan", "9", "x"]),
    "query": st.sampled_from([None, "words"]),
    "review": st.sampled_from([None, " good  fun "]),
    "problem": st.sampled_from([None, None, None, "broken"]),
}


@settings(max_examples=60)
@given(st.lists(st.fixed_dictionaries(FIELDS), min_size=1, max_size=12))
def test_good_and_rejected_are_everything_that_landed(events):
    found = judge(*events)
    places = found.select("source_file", "source_row")
    assert places.rows() == landed(*events).select("source_file", "source_row").rows()
    assert (found["reason"].is_null() == (found["rule"] == GOOD)).all()
    good = found.filter(pl.col("rule") == GOOD)
    contract = tables.contract("validated/interactions")
    published = contract.conform(good)
    assert not published.select(list(contract.key)).is_duplicated().any()
    for column in contract.columns_:
        assert column.nullable or not published[column.name].null_count()
    assert published["value"].drop_nulls().is_between(1, 5).all()


# -- items -------------------------------------------------------------------------------------------------------------


def items(*entries):
    rows = [
        {"item_id": "i1", "title": "T", "text": ["a"], "image": None, "categories": None, "problem": None, **entry}
        | {"source_file": "items.csv", "source_row": at}
        for at, entry in enumerate(entries, 1)
    ]
    schema = tables.contract("raw/items").schema
    return rules.judge_items(pl.DataFrame(rows, schema=schema)).sort("source_row")


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ({}, GOOD),
        ({"problem": "broken"}, "malformed"),
        ({"item_id": " "}, "item_missing"),
        ({"item_id": None}, "item_missing"),
        ({"item_id": "i\x00"}, "control_characters"),
        ({"title": ""}, "title_missing"),
        ({"text": None}, GOOD),
        ({"text": [], "image": None}, GOOD),
    ],
)
def test_each_rule_of_an_item(entry, rule):
    assert items(entry)["rule"].to_list() == [rule]


def test_the_first_of_equal_items_stays():
    assert items({"title": "one"}, {"item_id": "i2"}, {"title": "two"})["rule"].to_list() == [GOOD, GOOD, "duplicate"]
    assert items({"item_id": " i1 "}, {})["rule"].to_list() == [GOOD, "duplicate"]


def test_a_rejected_item_does_not_cost_the_good_one_of_the_same_id():
    assert items({"title": ""}, {"title": "good"}, {})["rule"].to_list() == ["title_missing", GOOD, "duplicate"]
    assert items({"item_id": None}, {"item_id": None})["rule"].to_list() == ["item_missing", "item_missing"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["a", "b"], "a. b"),
        ([" a\n\t b ", None, "c"], "a b. c"),
        (["", "  ", "c"], "c"),
        (["cafe\u0301"], "caf\u00e9"),
        (["a\x00b\x07"], "a b"),
        ([" ", None], None),
        ([], None),
        (None, None),
    ],
)
def test_text_is_cleaned_to_one_form(parts, text):
    assert items({"text": parts})["text"].item() == text


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["12.50", "Lynch"], '{"price":12.50,"who \\"":"Lynch"}'),
        (["007", None], '{"price":"007"}'),
        (["-3", " "], '{"price":-3}'),
        (["1e5", 'a "b" \\ \n c'], None),
        ([" ", None], None),
        (None, None),
    ],
)
def test_attributes_are_kept_as_numbers_or_text(values, kept):
    frame = pl.DataFrame([{"attributes": values}], schema={"attributes": pl.List(pl.String)})
    found = frame.select(rules._attributes(["price", 'who "'])).item()
    if values and values[0] == "1e5":
        assert json.loads(found) == {"price": "1e5", 'who "': 'a "b" \\ \n c'}
    else:
        assert found == kept
