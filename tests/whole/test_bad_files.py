"""Bad files end as one clear line: never a traceback, never a lost good row."""

import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.queries import recommend
from tests.helpers.refreshed import EVENTS, ITEMS, add, delivered, published, refresh


@pytest.mark.parametrize("setting", ["interactions", "items"])
def test_no_file_at_all_is_one_line_that_names_the_setting(new_shop, setting):
    for path in new_shop.data.glob("events-*.csv" if setting == "interactions" else "items.csv"):
        path.unlink()
    with pytest.raises(
        MmrecError, match=f"^{setting}.files: no file matches .*; put files there or change {setting}.files$"
    ):
        new_shop.run(f"raw/{setting}")


def test_a_renamed_header_refuses_that_file_by_name_and_lands_the_others(new_shop):
    day = new_shop.days[1]
    new_shop.write_events(day, new_shop.lines(day), header=new_shop.event_header.replace("user_id", "uid"))
    report = new_shop.run("raw/interactions", strict=False)
    told = f"events-{day}.csv has no column user_id; its header is: uid, item_id, time, event, rating, query"
    assert report.refusals[0] == told
    [check] = report.checks
    assert (check.name, check.passed, check.found) == ("files_readable", False, f"1 of 4 files refused: {told}")
    assert new_shop.scan("ledger/landing", file=f"events-{day}.csv")["refused"].to_list() == [told.partition(" ")[2]]
    refresh(new_shop)
    assert published(new_shop) == delivered(new_shop, *(each for each in new_shop.days if each != day))


def test_a_file_that_was_good_and_is_now_refused_costs_no_published_row(shop):
    day = shop.days[1]
    before = published(shop)
    good = shop.events_file(day).read_bytes()
    shop.write_events(day, shop.lines(day), header=shop.event_header.replace("user_id", "uid"))
    for _ in range(2):
        told = refresh(shop)
        assert set(told) == {"raw/interactions"}
        assert f"events-{day}.csv has no column user_id" in told["raw/interactions"][0]
        assert published(shop) == before
    shop.events_file(day).write_bytes(good)
    assert refresh(shop) == {}
    assert published(shop) == before
    assert all(report.total("computed") == 0 for report in shop.run(*shop.answers).values())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "its header is: empty"),
        (
            "user_id,item_id,time,event,rating,query\nzq-person-1,item-01,soon,view,,\n",
            "has 1 row but no usable time in column 'time': the first holds no digit; expected are unix seconds or ISO",
        ),
        (
            "user_id,item_id,time,event,rating,query\nzq-person-1,item-01,zq-person-1,view,,\n",
            "is written like 'aa-aaaaaa-9'",
        ),
        (
            "user_id,item_id,time,event,rating,query\nzq-person-1,item-01,2019-01-01,view,,\n",
            "all are of 2019-01-01, the calendar goes from 2024-01-01 up to 2024-01-05",
        ),
        ("zq-person-1,item-01,2024-01-01T00:00:00,view,,\n", "instead of column names"),
        (
            "user_id,item_id,time,event,rating,query\nzq-person-1,item-01,05.01.2024,view,,\n",
            "the first is written like '99.99.9999'; expected are unix seconds or ISO 8601",
        ),
        ("user_id,item_id,time,event,rating,query\nzq-person-1,item-01,,view,,\n", "column 'time': all are empty;"),
        (
            "user_id,item_id,time,event,rating,query\na,b\na,b,c\n",
            "has no row that can be read, of 2; the first: the line has 2 fields, the header 6",
        ),
        (
            "user_id,item_id,time,event,rating,query\na,b,2019-01-01,view,,\na,b,2019-03-01,view,,\n",
            "they go from 2019-01-01 to 2019-03-01, the calendar goes",
        ),
    ],
)
def test_a_file_that_touches_no_period_is_refused_whole(new_shop, text, part):
    (new_shop.data / "events-odd.csv").write_text(text)
    report = new_shop.run("raw/interactions", strict=False)
    assert report.refusals[0].startswith("events-odd.csv ")
    assert part in report.refusals[0]
    assert "zq-person" not in report.refusals[0]
    refresh(new_shop)
    assert published(new_shop) == delivered(new_shop)


def test_a_damaged_parquet_file_is_refused_by_name(new_shop):
    (new_shop.data / "events-odd.parquet").write_bytes(b"PAR1 nothing")
    new_shop.configure(interactions={"files": ["events-*"]})
    assert refresh(new_shop)["raw/interactions"][0].startswith("events-odd.parquet cannot be read as parquet: ")
    assert published(new_shop) == delivered(new_shop)


def test_events_may_come_in_every_kind_of_file(new_shop):
    good = delivered(new_shop)
    for day, kind in zip(new_shop.days, ("parquet", "jsonl", "csv", "csv"), strict=True):
        frame = pl.read_csv(new_shop.events_file(day), try_parse_dates=True)
        if kind == "parquet":
            frame.write_parquet(new_shop.data / f"events-{day}.parquet")
        elif kind == "jsonl":
            frame.with_columns(pl.col("time").dt.epoch("s")).write_ndjson(new_shop.data / f"events-{day}.jsonl")
        if kind != "csv":
            new_shop.events_file(day).unlink()
    new_shop.configure(interactions={"files": ["events-*"]})
    assert refresh(new_shop) == {}
    assert published(new_shop) == good


@pytest.mark.full
def test_an_empty_period_is_green_with_no_row(new_shop):
    empty, alone = new_shop.days[1], new_shop.days[2]
    new_shop.events_file(empty).unlink()
    new_shop.write_events(alone, [])
    reports = new_shop.run()
    assert reports["raw/interactions"].warnings == [f"2 days between others have no event: {empty}, {alone}"]
    for day in (empty, alone):
        assert reports[EVENTS].periods[day].rows == 0
        assert recommend.recommend(new_shop.lake, new_shop.settings, new_shop.people[0], day)["items"]
    assert published(new_shop) == delivered(new_shop, new_shop.days[0], new_shop.days[3])


def test_days_without_events_are_named_over_the_whole_calendar(new_shop):
    """Whatever the periods of a run are, and also by a run that has nothing to do."""
    for day in new_shop.days[1:3]:
        new_shop.events_file(day).unlink()
    new_shop.configure(calendar={"end": "2024-02-01"})
    for _ in range(2):
        assert new_shop.run("raw/interactions", periods=["2024-01-04"]).warnings == [
            "2 days between others have no event: 2024-01-02, 2024-01-03",
            "27 days after 2024-01-04, the newest with events, are empty; if the data ends there, set [calendar] "
            "end = 2024-01-05",
        ]


def test_many_empty_weeks_are_counted_and_a_refused_file_leaves_none(shop):
    shop.write_events(shop.days[1], shop.lines(shop.days[1]), header="nothing")
    assert shop.run("raw/interactions", strict=False).warnings == []  # what had landed of that day is there
    shop.write_events(shop.days[1], [f"{shop.people[0]},item-01,2024-03-01T00:00:00,view,,"])
    shop.configure(calendar={"period": "week", "end": None})
    [between, behind] = shop.run("raw/interactions", periods=["2024-01-01"]).warnings
    first = "7 weeks between others have no event: 2024-01-08, 2024-01-15, 2024-01-22, 2024-01-29, 2024-02-05"
    assert between == f"{first} and 2 more"
    assert "weeks after the week of 2024-02-26, the newest with events, are empty; if the data ends" in behind
    assert behind.endswith("set [calendar] end = 2024-03-04")


def test_the_ledger_says_where_every_line_of_a_file_went(new_shop):
    day = new_shop.days[0]
    count = len(new_shop.lines(day))
    add(new_shop, day, "", "short", f'{new_shop.people[0]},item-01,{day}T01:00:00,search,,"two\nlines"')
    report = new_shop.run("raw/interactions")
    [landed] = new_shop.scan("ledger/landing", file=f"events-{day}.csv").rows(named=True)
    parts = {name: landed[f"lines_{name}"] for name in ("total", "head", "rows", "continued", "rejected", "blank")}
    assert parts == {"total": count + 5, "head": 1, "rows": count + 1, "continued": 1, "rejected": 1, "blank": 1}
    assert landed["rows"] == parts["rows"] + parts["rejected"]
    assert (report.facts["lines_rejected"], report.facts["lines_blank"]) == (1, 1)


def test_a_ledger_from_before_lines_were_counted_is_completed(shop):
    shop.run("raw/interactions")
    full = shop.scan("ledger/landing")
    lines = [name for name in full.columns if name.startswith("lines_")]
    shop.lake.replace("ledger/landing", full.with_columns(pl.lit(None).alias(name) for name in [*lines, "day_only"]))
    report = shop.run("raw/interactions")
    assert report.total("computed") == 0
    assert shop.scan("ledger/landing").sort("file", "period").equals(full.sort("file", "period"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("item_id,title,about,picture\n1,a\n2,b\n", "has no row that can be read, of 2; the first: the line has 2"),
        (
            'item_id,title,about,picture\n1,"a" b,c,\n',
            "has no row that can be read, of 1; the first: a quote opens",
        ),
    ],
)
def test_a_catalogue_of_which_no_line_can_be_read_is_refused_by_its_reason(shop, text, part):
    before = shop.scan(ITEMS).sort("item_id")
    (shop.data / "items.csv").write_text(text)
    [told] = refresh(shop)["raw/items"]
    assert told.startswith(f"items.csv {part}")
    assert shop.scan(ITEMS).sort("item_id").equals(before)


def test_a_file_that_is_gone_takes_its_rows_with_it(shop):
    day = shop.days[2]
    shop.events_file(day).unlink()
    assert refresh(shop) == {}
    assert published(shop) == delivered(shop, *(each for each in shop.days if each != day))
    assert shop.scan("ledger/landing", file=f"events-{day}.csv").is_empty()


def test_a_catalogue_with_another_header_is_one_line_and_changes_nothing(shop):
    before = shop.scan(ITEMS).sort("item_id")
    shop.write_catalogue(shop.catalogue(), header="item,title,about,picture")
    told = refresh(shop)
    assert told == {"raw/items": ["items.csv has no column item_id; its header is: item, title, about, picture"]}
    assert shop.scan(ITEMS).sort("item_id").equals(before)
