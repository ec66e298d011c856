"""Odd ids, alphabets and times work, from bytes to lists."""

import datetime as dt
import json
import unicodedata
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from mmrec.keys import text_hash
from mmrec.queries import recommend
from tests.helpers.odd import DAY, EVENTS, ITEMS, deliver, events_of, items_of, judge, rejected, rows_of, write

# What a spreadsheet or a data frame would like to make a number, a date or nothing of.
IDS = ["007", "7", "1e5", "1.0", "1", "12345678901234567890", "-0", "0", "NaN", "null", "true", "2024-01-01", "1,5"]
ALPHABETS = ["红色杯子", "كوب أحمر", "красная кружка", "☕🏽", "Cafe\u0301 Zoe\u0308", "กาแฟ", "a\u2028b"]

# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".csv", ".jsonl.gz", ".parquet"])
def test_ids_that_look_like_something_else_stay_the_text_they_are(new_shop, kind):
    events, items = rows_of(IDS, users=IDS)
    assert judge(deliver(new_shop, kind, events, items)) == {}
    assert list(items_of(new_shop)) == sorted(IDS)
    assert events_of(new_shop) == sorted((each, each) for each in IDS)
    assert rejected(new_shop) == []


def test_json_numbers_are_the_digits_that_were_written(new_shop):
    ids = ["7", "-0", "0", "1.0", "1", "1e5", "12345678901234567890"]
    deliver(new_shop, ".jsonl", *rows_of(ids))
    for name in ("items.jsonl", "events-1.jsonl"):
        path = new_shop.data / name
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        bare = [json.dumps(line).replace(json.dumps(line["item_id"]), line["item_id"], 1) for line in lines]
        path.write_text("\n".join(bare))
    assert judge(new_shop) == {}
    assert list(items_of(new_shop)) == sorted(ids)
    assert len(events_of(new_shop)) == len(ids)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.Categorical])
def test_typed_ids_of_events_meet_the_same_ids_of_a_csv(new_shop, dtype):
    events, items = rows_of(["1", "2", "30"])
    texts = pl.Series("item_id", [*events["item_id"], None])
    padded = {name: [*values, values[-1]] for name, values in events.items()}
    typed = texts if dtype == pl.Categorical else texts.cast(pl.Int64)
    deliver(new_shop, ".parquet", padded | {"item_id": typed.cast(dtype)}, items)
    (new_shop.data / "items.parquet").unlink()
    write(new_shop.data / "items.csv", items)
    assert judge(new_shop) == {}
    assert [item for _, item in events_of(new_shop)] == ["1", "2", "30"]
    assert [row[2] for row in rejected(new_shop)] == ["item_missing"]  # the missing one, which made floats of them all


def test_ids_of_two_normal_forms_are_one_id(new_shop):
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    events, items = rows_of([composed, "tea", "milk"])
    events["item_id"] = [composed, "tea", apart]
    assert judge(deliver(new_shop, ".csv", events, items)) == {}
    assert rejected(new_shop) == []
    assert composed in items_of(new_shop)


# -- alphabets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_any_alphabet_is_published_as_it_is(new_shop, kind):
    deliver(new_shop, kind, *rows_of(ALPHABETS, users=ALPHABETS, titles=ALPHABETS))
    assert judge(new_shop) == {}
    named = sorted(unicodedata.normalize("NFC", name) for name in ALPHABETS)
    assert list(items_of(new_shop)) == named
    assert events_of(new_shop) == [(name, name) for name in named]
    for row in new_shop.scan(ITEMS).iter_rows(named=True):
        assert row["text"] == unicodedata.normalize("NFC", row["item_id"]).replace("\u2028", " ")
        assert row["text_hash"] == text_hash(row["text"])


def test_any_alphabet_and_items_that_nobody_touched_reach_the_lists(new_shop):
    people = [f"zq-person-{unicodedata.normalize('NFC', name)}" for name in ALPHABETS]
    events, items = rows_of([*ALPHABETS, "从未"], users=[*people, people[0]], titles=[*ALPHABETS, "从未"])
    deliver(new_shop, ".csv", {name: values[:-1] for name, values in events.items()}, items)
    new_shop.configure(recommendations={"k": 20}).run(periods=[DAY])
    for person in people:
        titles = {row["title"] for row in recommend.recommend(new_shop.lake, new_shop.settings, person)["items"]}
        assert "从未" in titles
        assert titles < {*ALPHABETS, "从未"}


def test_a_text_in_either_normal_form_is_one_text(new_shop):
    forms = [unicodedata.normalize(form, "Café Zoë") for form in ("NFC", "NFD")]
    deliver(new_shop, ".csv", *rows_of(["a", "b"], titles=forms))
    judge(new_shop)
    assert new_shop.scan(ITEMS)["text_hash"].n_unique() == 1


# -- times -------------------------------------------------------------------------------------------------------------


def test_times_of_every_form_fall_on_the_same_instant(new_shop):
    instant = dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC)
    seconds = int(instant.timestamp())
    forms = [
        "2024-01-01T10:00:00Z",
        "2024-01-01 12:00+02:00",
        "2024-01-01 10:00",
        seconds,
        f"{seconds}.0",
        seconds * 1000,
        seconds * 10**6,
    ]
    events, items = rows_of([f"i{at}" for at in range(len(forms))])
    deliver(new_shop, ".csv", events | {"time": [str(form) for form in forms]}, items)
    assert judge(new_shop) == {}
    assert new_shop.scan(EVENTS)["time"].unique().to_list() == [instant]
    assert new_shop.rows(EVENTS) == len(forms)


ZONES = ["Europe/Berlin", "America/Santiago", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia", "Etc/UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_files_land_in_the_days_of_any_time_zone(new_shop, zone):
    """Half past midnight of four days, the first before the calendar and the last two behind it."""
    local = [dt.datetime(2024, 1, day, 0, 30, tzinfo=ZoneInfo(zone)) for day in range(1, 5)]
    events, items = rows_of([f"i{at}" for at in range(len(local))])
    times = [instant.astimezone(dt.UTC).isoformat() for instant in local]
    deliver(new_shop, ".csv", events | {"time": times}, items)
    new_shop.configure(calendar={"timezone": zone, "start": "2024-01-02", "end": "2024-01-03"})
    assert new_shop.run("raw/interactions", periods=["2024-01-02"]).refusals == []
    assert new_shop.scan("raw/interactions", item_id="i1")["time_utc"].to_list() == [local[1]]
    assert new_shop.scan("ledger/landing").select("period", "rows", "beyond").rows() == [("2024-01-02", 4, 2)]
    new_shop.configure(calendar={"end": "2024-01-04"})
    assert new_shop.run("raw/interactions", periods=["2024-01-02", "2024-01-03"]).refusals == []
    assert new_shop.scan("raw/interactions", item_id="i2")["time_utc"].to_list() == [local[2]]


@pytest.mark.parametrize(
    ("zone", "day"), [("Africa/Cairo", "2026-04-24"), ("America/Santiago", "2026-09-06"), ("Asia/Beirut", "2026-03-29")]
)
def test_a_day_without_midnight_keeps_its_events_and_says_so_again_without_work(new_shop, zone, day):
    """Dates alone on three days, the second of which begins at one o'clock, and a clock time that is skipped there."""
    dates = [str(dt.date.fromisoformat(day) + dt.timedelta(days=at)) for at in (-1, 0, 1)]
    events, items = rows_of(["a", "b", "c", "d"])
    deliver(new_shop, ".csv", events | {"time": [*dates, f"{day} 00:30:00"]}, items)
    new_shop.configure(calendar={"timezone": zone, "start": dates[0], "end": None})
    for _ in range(2):
        report = new_shop.run("raw/interactions", periods=dates)
        assert [report.periods[each].rows for each in dates] == [1, 2, 1]
        assert (report.facts["rows_with_day_only"], report.facts["rows_with_clock_skipped"]) == (3, 1)
    assert report.total("computed") == 0
    new_shop.run("raw/items", "raw/media", ITEMS, "validated/interactions", periods=dates)
    assert rejected(new_shop) == []
