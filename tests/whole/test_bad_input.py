"""Bad input ends as a rejected row, a recorded failure or one clear line: never a traceback, never a lost good row."""

import json
import os

import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.queries import recommend, why

pytestmark = pytest.mark.usefixtures("quick_judge")
EVENTS, ITEMS = "validated/interactions", "validated/items"


def published(shop):
    """Every published event as (person, item, time)."""
    rows = shop.scan(EVENTS).filter(pl.col("item_id").is_not_null())
    return sorted(rows.select("user_id", "item_id", pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S")).rows())


def delivered(shop, *days):
    lines = [line.split(",") for day in days or shop.days for line in shop.lines(day)]
    return sorted((cells[0], cells[1], cells[2]) for cells in lines if cells[1])


def rejected(shop):
    """(file, row) → rule."""
    found = shop.scan("validated/rejected").select("source_file", "source_row", "rule")
    return {(file, row): rule for file, row, rule in found.iter_rows()}


def refresh(shop):
    """Lands and judges the catalogue and the events; the problems by asset."""
    reports = shop.run(*shop.assets[:5], strict=False)
    return {asset: report.refusals for asset, report in reports.items() if report.refusals}


def add(shop, day, *lines):
    """Adds lines to a day's file; the number of the first of them."""
    before = shop.lines(day)
    shop.write_events(day, [*before, *lines])
    return len(before) + 1


# -- rows --------------------------------------------------------------------------------------------------------------


def test_everything_bad_at_once_costs_no_good_row(new_shop):
    day, person = new_shop.days[1], new_shop.people[5]
    good = delivered(new_shop)
    first = add(
        new_shop,
        day,
        f",item-01,{day}T01:00:00,view,,",
        f"{person},item-01,{day}T01:00:00,rating,NaN,",
        f"{person},item-01,{day}T01:00:00,rating,9,",
        f"{person},item-01,soon,view,,",
        f"{person},item-01",
        f"{person},item-01,{day}T01:00:00,buy,,",
        f"{person},,{day}T01:00:00,view,,",
        new_shop.lines(day)[0],
    )
    new_shop.add_item("item-01,Again,twice,")
    new_shop.add_item(",Nameless,text,")
    new_shop.add_item("item-20,,no title,")
    new_shop.add_item("item-21,Only a title,,")
    new_shop.edit_item("item-02", picture="nowhere.png")
    assert refresh(new_shop) == {}
    assert published(new_shop) == good
    rules = ["user_missing", "value_unusable", "value_out_of_range", "time_unusable", "malformed"]
    rules += ["event_unnamed", "item_missing", "duplicate"]
    catalogue = {("items.csv", 16): "duplicate", ("items.csv", 17): "item_missing", ("items.csv", 18): "title_missing"}
    assert rejected(new_shop) == {(f"events-{day}.csv", first + at): rule for at, rule in enumerate(rules)} | catalogue
    assert new_shop.rows(ITEMS) == 16
    new_shop.run(*new_shop.assets[5:])
    assert new_shop.scan("embeddings/image/failed")["item_id"].to_list() == ["item-02"]
    for person in new_shop.people:
        assert recommend.recommend(new_shop.lake, new_shop.settings, person)["items"]


def test_a_duplicated_item_keeps_the_first_and_a_bad_one_costs_no_good_one(new_shop):
    lines = new_shop.catalogue()
    new_shop.write_catalogue(["item-03,,no title,", *lines, "item-04,Second,twice,"])
    assert refresh(new_shop) == {}
    titles = dict(new_shop.scan(ITEMS).select("item_id", "title").iter_rows())
    assert len(titles) == 15
    assert (titles["item-03"], titles["item-04"]) == ("Title 3", "Title 4")
    assert rejected(new_shop) == {("items.csv", 1): "title_missing", ("items.csv", 17): "duplicate"}


def test_two_files_with_the_same_events_count_once(new_shop):
    day = new_shop.days[1]
    good = delivered(new_shop)
    copy = new_shop.data / "events-z-again.csv"
    copy.write_bytes(new_shop.events_file(day).read_bytes())
    assert refresh(new_shop) == {}
    assert published(new_shop) == good
    assert set(rejected(new_shop).values()) == {"duplicate"}
    assert {file for file, _ in rejected(new_shop)} == {copy.name}
    copy.unlink()
    assert refresh(new_shop) == {}
    assert published(new_shop) == good
    assert rejected(new_shop) == {}


def test_items_without_any_modality_are_kept_and_said(new_shop):
    new_shop.run(*new_shop.content)
    report = new_shop.run("fused/items")
    assert report.facts["items_without_any_modality"] == 2
    assert new_shop.run(ITEMS).facts["items_without_any_modality"] == 2
    assert {tuple(row) for row in new_shop.scan("fused/current", item_id=new_shop.rare)["modalities"]} == {()}


def test_a_row_without_a_usable_time_is_rejected_in_the_newest_period_of_its_file(new_shop):
    first, second = new_shop.days[:2]
    row = add(
        new_shop,
        first,
        f"{new_shop.people[0]},item-01,{second}T00:00:00,view,,",
        f"{new_shop.people[0]},item-01,,view,,",
    )
    assert refresh(new_shop) == {}
    assert new_shop.scan("validated/rejected").select("period", "source_row").rows() == [(second, row + 1)]


@pytest.mark.full
def test_text_with_any_character_goes_through(new_shop):
    odd = 'A \x00 "quoted" \x1b[31mred\x1b[0m \u202e title \U0001f600'
    row = {"item_id": "item-99", "title": odd, "about": odd, "picture": None}
    (new_shop.data / "items-more.jsonl").write_text(json.dumps(row) + "\n")
    new_shop.configure(items={"files": ["items*"]})
    add(new_shop, new_shop.days[0], f"{new_shop.people[0]},item-99,{new_shop.days[0]}T00:00:01,view,,")
    new_shop.run(*new_shop.assets[:8])
    new_shop.run(*new_shop.answers, periods=new_shop.days[:1])
    assert new_shop.scan(ITEMS, item_id="item-99")["text"].item() == 'A "quoted" [31mred [0m \u202e title \U0001f600'
    assert why.why(new_shop.lake, new_shop.settings, new_shop.people[0], "item-99")["score"]


# -- files -------------------------------------------------------------------------------------------------------------


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


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_pictures_that_cannot_be_read_are_recorded_and_the_others_go_on(new_shop):
    pictures = new_shop.data / "pictures"
    (pictures / "item-00.png").unlink()
    os.mkfifo(pictures / "item-00.png")
    (pictures / "item-01.png").unlink()
    (pictures / "item-01.png").symlink_to("/etc/hostname")
    new_shop.edit_item("item-02", picture="nowhere.png")
    new_shop.edit_item("item-03", picture="../items.csv")
    new_shop.edit_item("item-04", picture="/etc/hostname")
    assert refresh(new_shop) == {}
    new_shop.run("embeddings/image")
    failures = dict(new_shop.scan("embeddings/image/failed").select("item_id", "reason").iter_rows())
    assert failures == {
        "item-00": "not a regular file",
        "item-01": "the file is a symbolic link",
        "item-02": "the file does not exist",
        "item-03": "the file is outside the media folder",
        "item-04": "the file is outside the media folder",
    }
    assert new_shop.rows("embeddings/image/current") == 5
    report = new_shop.run("raw/media")
    assert report.warnings == ["5 of 10 named files cannot be used"]
    assert new_shop.rows(ITEMS) == 15


def test_a_media_folder_that_is_not_there_costs_the_pictures_alone(new_shop):
    new_shop.configure(media={"root": "nowhere"})
    assert refresh(new_shop) == {}
    new_shop.run("embeddings/text", "embeddings/image", "fused/items")
    assert new_shop.rows("embeddings/image/failed") == 10
    assert new_shop.rows("embeddings/text/current") == 13
    assert new_shop.rows("fused/current") == 15
