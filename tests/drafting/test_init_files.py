"""`mmrec init`: which files are read and how far, the calendar they give, and that nobody is named."""

import datetime as dt
import gzip
import tomllib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec import drafting
from mmrec.drafting import ends, samples
from mmrec.drafting.names import fit
from mmrec.drafting.writing import Line, Section, toml
from tests.helpers.drafted import (
    PERSON,
    START,
    TODAY,
    catalogue,
    draft,
    events,
    renamed,
    rich_folder,
    told,
    when,
    write,
)

# -- the calendar ------------------------------------------------------------------------------------------------------


def calendar_of(folder, moments, today):
    write(
        folder / "events.csv",
        [row | {"time": str(moment)} for row, moment in zip(events(len(moments)), moments, strict=True)],
    )
    write(folder / "items.csv", catalogue())
    return draft(folder, today)["calendar"]


def test_a_history_that_goes_on_has_no_end_and_one_of_the_future_has(tmp_path):
    days = [START.date() + dt.timedelta(days=at) for at in range(10)]
    assert "end" not in calendar_of(tmp_path, days, days[-1])
    assert "end" not in calendar_of(tmp_path, days, days[-1] + dt.timedelta(days=7))
    assert calendar_of(tmp_path, days, days[-1] + dt.timedelta(days=8))["end"] == dt.date(2024, 1, 11)
    assert calendar_of(tmp_path, days, days[0])["end"] == dt.date(2024, 1, 11)


def test_a_few_events_years_away_do_not_set_the_calendar(tmp_path):
    moments = [*(when(at, 1) for at in range(300)), dt.datetime(1997, 1, 1), dt.datetime(2087, 1, 1)]
    found = calendar_of(tmp_path, moments, when(299, 1).date())
    assert (found["start"], found.get("end")) == (START.date(), None)
    assert "without 2 that lie years away" in told(tmp_path, "calendar.start")


@pytest.mark.parametrize(("hours", "period"), [(1, "day"), (0.4, "day"), (30, "week")])
def test_sparse_events_are_cut_into_weeks(tmp_path, hours, period):
    assert calendar_of(tmp_path, [when(at, hours).isoformat() for at in range(60)], TODAY)["period"] == period


# -- files -------------------------------------------------------------------------------------------------------------


def test_big_files_are_read_at_their_ends_and_it_is_said(tmp_path, monkeypatch):
    write(tmp_path / "events.csv", events(3000, hours=0.2))
    write(tmp_path / "more.jsonl", events(3000, hours=0.2))
    pl.DataFrame(list(events(3000, hours=0.2))).write_parquet(tmp_path / "most.parquet")
    write(tmp_path / "packed.jsonl.gz", events(3000, hours=0.2))
    write(tmp_path / "items.csv", catalogue())
    monkeypatch.setattr(ends, "_WHOLE_BYTES", 20_000)
    monkeypatch.setattr(ends, "_END_BYTES", 5_000)
    monkeypatch.setattr(ends, "_END_ROWS", 50)
    [source] = [each for each in samples.look(tmp_path).sources if "events.csv" in each.files]
    assert not source.whole
    assert source.rows.height < 2000
    assert source.row_count == pytest.approx(12_000, rel=0.3)  # where a packed file ends is not known
    assert "read in part" in told(tmp_path, "interactions.files")


def test_only_some_of_many_files_are_read_the_first_and_the_last_among_them(tmp_path, monkeypatch):
    days = [START.date() + dt.timedelta(days=at) for at in range(40)]
    for day in days:
        write(tmp_path / "log" / f"{day}.csv", [row | {"time": f"{day} 10:00"} for row in events(30)])
    write(tmp_path / "items.csv", catalogue())
    opened = []
    monkeypatch.setattr(samples, "sample", lambda path: opened.append(path.name) or ends.sample(path))
    found = draft(tmp_path, today=dt.date(2025, 1, 1))
    assert (found["calendar"]["start"], found["interactions"]["files"]) == (days[0], ["log/*.csv"])
    assert found["calendar"]["end"] == days[-1] + dt.timedelta(days=8)
    assert len(opened) == 9
    assert "about 1,200 rows" in told(tmp_path, "interactions.files")


def test_a_file_that_cannot_be_read_is_left_out_and_named(tmp_path):
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue())
    (tmp_path / "notes.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "half.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 99)[:30])
    (tmp_path / "odd.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "events.csv", events())
    first = " ".join(drafting.draft(tmp_path, TODAY).text.split("\n\n")[0].replace("\n#", "").split())
    for part in ("notes.csv is written in UTF-16", "empty.csv is empty", "half.jsonl.gz ", "odd.parquet "):
        assert part in first
    assert draft(tmp_path)["interactions"]["files"] == ["events.csv"]


def test_files_whose_names_differ_in_a_number_may_be_different_tables(tmp_path):
    write(tmp_path / "table1.csv", events())
    write(tmp_path / "table2.csv", catalogue())
    write(tmp_path / "table3.csv", events())
    found = draft(tmp_path)
    assert found["interactions"]["files"] == ["table1.csv", "table3.csv"]
    assert found["items"]["files"] == ["table2.csv"]


def test_one_damaged_file_does_not_hide_the_others(tmp_path):
    for day in (1, 2, 3):
        write(tmp_path / f"events-{day}.csv", events())
    (tmp_path / "events-2.csv").write_bytes("user_id,item_id\n".encode("utf-16"))
    write(tmp_path / "items.csv", catalogue())
    assert draft(tmp_path)["interactions"]["files"] == ["events-*.csv"]
    assert "Not used: events-2.csv is" in drafting.draft(tmp_path, TODAY).text


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({}, "found no event file (one with columns of people, items and times) and no catalogue (one with a column"),
        ({}, "found no file that ends in .csv, .tsv, .jsonl, .ndjson, .json, .parquet (or .gz)"),
        ({"items.csv": list(catalogue())}, "found no event file (one with columns of people, items and times) below"),
        ({"items.csv": list(catalogue())}, "; found items.csv (item_id, title)"),
        (
            {"e.csv": list(events())},
            "found no catalogue (one with a column that names each item once, and one of titles)",
        ),
        (
            {"e.csv": renamed(events(day=lambda at: "31.12.2024"), time="x")},
            "day is written like '99.99.9999', not ISO",
        ),
        ({"e.csv": [{PERSON: 1, "b": 2}]}, "e.csv with 2 columns"),
        (
            {"e.csv": [{PERSON: 1, "2024-01-01": 2}]},
            "e.csv begins with a line of 2 values; a first line of column names",
        ),
    ],
)
def test_a_folder_without_events_or_catalogue_is_one_line(tmp_path, init, files, part):
    for name, rows in files.items():
        rows = [{name: value for name, value in row.items() if name != "x"} for row in rows]
        write(tmp_path / name, rows)
    error = init(tmp_path)
    assert part in error
    assert PERSON not in error
    assert not (tmp_path / "mmrec.toml").exists()


def test_nothing_is_overwritten_and_a_folder_has_to_be_there(tmp_path, init):
    (tmp_path / "mmrec.toml").write_text("mine")
    assert "is there already and stays as it is" in init(tmp_path)
    assert (tmp_path / "mmrec.toml").read_text() == "mine"
    assert init(tmp_path / "nowhere").startswith("there is no folder ")


# -- what is printed and written ---------------------------------------------------------------------------------------


def test_no_person_is_named_in_the_file_or_on_the_screen(tmp_path, init):
    rich_folder(tmp_path)
    printed = init(tmp_path)
    text = (tmp_path / "mmrec.toml").read_text()
    assert "zq-" not in printed + text
    assert "guessed: 60 of 60 values look like dates and times with a time zone" in printed
    assert f"wrote {tmp_path / 'mmrec.toml'}; read it, then: MMREC_CONFIG=" in printed


def test_a_column_of_types_that_holds_people_is_none(tmp_path):
    write(tmp_path / "events.csv", events(action=lambda at: f"{PERSON}-{at % 3}"))
    write(tmp_path / "items.csv", catalogue())
    assert PERSON not in drafting.draft(tmp_path, TODAY).text


def test_a_draft_is_the_same_every_time(tmp_path):
    rich_folder(tmp_path)
    assert drafting.draft(tmp_path, TODAY).text == drafting.draft(tmp_path, TODAY).text


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(key=ANY_TEXT, value=ANY_TEXT, why=ANY_TEXT, example=ANY_TEXT)
def test_any_name_is_written_as_toml_that_reads_back(key, value, why, example):
    sections = [Section("", "", [Line("name", value, why)]), Section("a.b", why, [Line(key, [value], why)])]
    off = Section("c", why, [Line(key, None, why, example)])
    assert tomllib.loads(toml(why, [*sections, off])) == {"name": value, "a": {"b": {key: [value]}}}


@pytest.mark.parametrize(
    ("name", "role", "level"),
    [
        ("CustomerID", "user_id", 2),
        ("visitorid", "user_id", 2),
        ("user_name", "user_id", 1),
        ("parent_asin", "item_id", 2),
        ("unixReviewTime", "time", 2),
        ("content_type", "event", 1),
        ("商品", "item_id", 2),
        ("product_name", "title", 2),
        ("price", "title", 0),
    ],
)
def test_names_fit_roles_whole_in_part_or_not(name, role, level):
    assert fit(name, role)[0] == level
