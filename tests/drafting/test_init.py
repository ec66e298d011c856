"""`mmrec init`: folders of many shapes become settings that run, each guess says why, and nobody is named."""

import datetime as dt
import gzip
import re
import tomllib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.config import HOME
from mmrec import drafting
from mmrec.drafting import ends, samples
from mmrec.drafting.names import fit
from mmrec.drafting.writing import Line, Section, toml
from mmrec.encoders import weights
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.walk import plan
from mmrec.settings import load
from tests.helpers.drafted import (
    PERSON,
    START,
    TODAY,
    catalogue,
    draft,
    events,
    judge,
    media,
    renamed,
    told,
    when,
    write,
)

# -- folders of many shapes that run as they are -----------------------------------------------------------------------


@pytest.mark.usefixtures("quick_judge")
def test_a_shop_with_two_files_and_pictures(tmp_path):
    rows = renamed(events(what=lambda at: ["view", "purchase"][at % 2]), user_id="customer", item_id="sku", time="when")
    write(tmp_path / "events.csv", rows, separator=";")
    named = catalogue(description=lambda at: f"One of {at} things", photo=lambda at: f"{at}.png" if at else None)
    write(tmp_path / "items.csv", renamed(named, item_id="sku", title="name"))
    for at in range(1, 8):
        media(tmp_path / "pictures", f"{at}.png")
    found = draft(tmp_path)
    assert found["interactions"]["columns"] == {
        "user_id": "customer",
        "item_id": "sku",
        "time": "when",
        "event": "what",
    }
    assert found["events"] == {"view": 1.0, "purchase": 3.0}
    assert found["items"]["columns"] == {
        "item_id": "sku",
        "title": "name",
        "text": ["name", "description"],
        "image": "photo",
    }
    assert found["media"] == {"root": "pictures"}
    assert found["embeddings"] == {"text": {"encoder": "minilm"}, "image": {"encoder": "efficientnet-lite0"}}
    published, texts = judge(tmp_path)
    assert published.height == 60
    assert texts["i0"] == "Red mug. One of 0 things"


@pytest.mark.usefixtures("quick_judge")
def test_a_folder_of_daily_files_and_a_catalogue_of_json_lines(tmp_path):
    for day in range(12):
        rows = events(10, hours=1, type=lambda at: "play")
        shifted = [
            row | {"time": int((START + dt.timedelta(days=day, hours=at)).timestamp() * 1000)}
            for at, row in enumerate(rows)
        ]
        write(
            tmp_path / "log" / f"{START.date() + dt.timedelta(days=day)}.jsonl.gz",
            renamed(shifted, time="ts", user_id="userId"),
        )
    write(tmp_path / "songs.jsonl", renamed(catalogue(genres=lambda at: ["folk", "jazz"]), item_id="id"))
    found = draft(tmp_path)
    assert found["interactions"]["files"] == ["log/*.jsonl.gz"]
    assert (found["calendar"]["period"], found["calendar"]["start"]) == ("day", START.date())
    assert "80 of 80 values look like unix milliseconds" in told(tmp_path, "interactions.columns.time")
    assert found["items"]["columns"] == {
        "item_id": "id",
        "title": "title",
        "text": ["title", "genres"],
        "categories": "genres",
    }
    published, texts = judge(tmp_path)
    assert published.height == 120
    assert texts["i1"] == "Blue bowl. folk jazz"


@pytest.mark.usefixtures("quick_judge")
def test_typed_columns_in_parquet_below_folders_of_days(tmp_path):
    for day in range(3):
        rows = pl.DataFrame(list(events(20, hours=1))).with_columns(
            pl.col("time").str.to_datetime(time_zone="UTC") + pl.duration(days=day),
            pl.col("item_id").str.slice(1).cast(pl.Int64),
            vector=pl.lit([0.5, 0.5]),
            item_category=pl.lit("home"),
        )
        path = (
            tmp_path
            / f"dt={START.date() + dt.timedelta(days=day)}"
            / "part-00000-0f3a9c1e-1111-2222-3333-444455556666.parquet"
        )
        path.parent.mkdir()
        rows.write_parquet(path)
    items = pl.DataFrame(
        list(catalogue(features=lambda at: ["made of clay", "by hand"], details=lambda at: {"a b": "c d"}))
    )
    items.with_columns(pl.col("item_id").str.slice(1).cast(pl.Int32)).write_parquet(tmp_path / "products.parquet")
    found = draft(tmp_path)
    assert found["interactions"]["files"] == ["dt=*/part-*.parquet"]
    assert found["interactions"]["event"] == "event"
    published, texts = judge(tmp_path)
    assert set(published["item_id"]) == {str(at) for at in range(8)}
    assert texts["3"] == "Gold spoon. made of clay by hand"


@pytest.mark.usefixtures("quick_judge")
def test_ratings_of_long_ago_are_a_closed_calendar_of_weeks(tmp_path):
    write(tmp_path / "u.tsv", events(80, hours=20, rating=lambda at: 1 + at % 5))
    write(tmp_path / "movies.csv", renamed(catalogue(), item_id="movieId"))
    found = draft(tmp_path, today=dt.date(2026, 1, 1))
    assert found["calendar"] == {
        "period": "week",
        "timezone": "UTC",
        "start": START.date(),
        "end": dt.date(2024, 3, 11),
    }
    assert found["interactions"]["liked_from"] == 3
    assert "value_range" not in found["interactions"]
    assert found["interactions"]["event"] == "rating"
    assert found["interactions"]["columns"]["value"] == "rating"
    assert found["events"] == {"rating": 1.0}
    published, _ = judge(tmp_path, today=dt.date(2026, 1, 1))
    assert published.height == 80


@pytest.mark.usefixtures("quick_judge")
def test_searches_and_types_that_show_no_taste(tmp_path):
    def kind(at):
        return ["search", "impression", "add_to_cart", "click"][at % 4]

    rows = [row | {"query": "красная"} if row["event"] == "search" else row for row in events(event=kind)]
    for row in rows[::4]:
        del row["item_id"]
    write(tmp_path / "log.jsonl", [row for row in rows if row["event"] != "impression"] + rows[1:2])
    write(tmp_path / "goods.csv", catalogue())
    found = draft(tmp_path)
    assert found["events"] == {"add_to_cart": 2.0, "click": 1.0, "search": 1.0, "ignore": ["impression"]}
    assert found["interactions"]["columns"]["query"] == "query"
    assert "shown or sent, not chosen, so kept out silently; 1 of 46 events" in told(tmp_path, "events.ignore")


@pytest.mark.usefixtures("quick_judge")
def test_names_of_another_language_are_told_apart_by_what_they_hold(tmp_path):
    write(tmp_path / "a.csv", renamed(events(), user_id="кто", item_id="что", time="когда"))
    write(tmp_path / "b.csv", renamed(catalogue(), item_id="номер", title="слово"))
    found = draft(tmp_path)
    assert found["interactions"]["columns"] == {"user_id": "кто", "item_id": "что", "time": "когда"}
    assert found["items"]["columns"] == {"item_id": "номер", "title": "слово", "text": ["слово"]}
    assert "8 of 8 different values are ids of the catalogue" in told(tmp_path, "interactions.columns.item_id")
    published, _ = judge(tmp_path)
    assert published.height == 60


def test_two_unnamed_columns_of_the_same_numbers_are_not_guessed_at(tmp_path):
    rows = [row | {"user_id": str(at % 6), "item_id": str(at % 8)} for at, row in enumerate(events())]
    write(tmp_path / "a.csv", renamed(rows, user_id="a1", item_id="b1"))
    write(tmp_path / "b.csv", [row | {"item_id": row["item_id"][1:]} for row in catalogue()])
    with pytest.raises(MmrecError, match="found no event file"):
        drafting.draft(tmp_path, TODAY)


def test_the_page_for_ones_own_data_is_drafted_as_it_says(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^```\w+ title=(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    for name in ("items.csv", "events.csv"):
        (tmp_path / name).write_text(files[name])
    for name in re.findall(r"[\w-]+\.png", files["items.csv"]):
        media(tmp_path / "pictures", name)
    expected, found = tomllib.loads(files["mmrec.toml"]), draft(tmp_path, today=dt.date(2026, 6, 1))
    for section in ("calendar", "events", "items", "media", "embeddings"):
        assert found[section] == expected[section]
    assert found["interactions"]["columns"] == expected["interactions"]["columns"]
    drafting.write(tmp_path, dt.date(2026, 6, 1))
    settings = load(tmp_path / "mmrec.toml", environment={"MMREC_WEIGHTS": str(HOME / "weights")})
    if not weights.missing(["minilm", "efficientnet-lite0"], settings.weights):
        assert "raw/items" in {row.asset for row in plan(Lake(settings.lake_root), settings, ["2026-03-05"]).rows}


# -- people, sounds and films: the text; what reads it is settled elsewhere --------------------------------------------


def rich_folder(folder):
    words = "I liked this very much indeed"
    write(folder / "events.csv", events(review_text=lambda at: f"{words} {at}", stars=lambda at: 1 + at % 5))
    people = [
        {"user_id": f"{PERSON}-{at}", "name": f"zq-name-{at}", "bio": f"I like zq-words {at}", "consent": at % 2 == 0}
        for at in range(6)
    ]
    write(folder / "people.csv", people)
    named = catalogue(
        cover=lambda at: f"img/{at}.png", sample=lambda at: f"snd/{at}.wav", trailer=lambda at: f"vid/{at}.mp4"
    )
    write(folder / "items.csv", named)
    for at in range(8):
        media(folder / "files" / "img", f"{at}.png")
        media(folder / "files" / "snd", f"{at}.wav")
        media(folder / "files" / "vid", f"{at}.mp4", b"\0\0\0\x20ftypisom" + b"\0" * 30)


def test_people_reviews_sounds_and_clips(tmp_path):
    rich_folder(tmp_path)
    found = draft(tmp_path)
    assert found["users"] == {
        "files": ["people.csv"],
        "columns": {"user_id": "user_id", "text": ["bio"], "consent": "consent"},
    }
    assert found["interactions"]["columns"]["review"] == "review_text"
    assert found["media"] == {"root": "files"}
    columns = found["items"]["columns"]
    assert (columns["image"], columns["audio"], columns["video"]) == ("cover", "sample", "trailer")
    assert {name: each["encoder"] for name, each in found["embeddings"].items()} == {
        "text": "minilm",
        "image": "efficientnet-lite0",
        "audio": "aisfx",
        "video": "frames:efficientnet-lite0",
    }


@pytest.mark.usefixtures("quick_judge")
def test_people_reviews_sounds_and_clips_are_settings_that_run(tmp_path):
    rich_folder(tmp_path)
    published, _ = judge(tmp_path)
    assert published.height == 60


# -- what is not found, and what two columns would do ------------------------------------------------------------------


def test_equally_good_columns_are_said_to_be(tmp_path):
    write(
        tmp_path / "events.csv",
        events(timestamp=lambda at: int(when(at).timestamp()), customer=lambda at: f"c{at % 5}"),
    )
    write(
        tmp_path / "items.csv",
        catalogue(image=lambda at: f"{at}.png", picture=lambda at: f"{at}.png", name=lambda at: "Thing " * at),
    )
    for at in range(8):
        media(tmp_path, f"{at}.png")
    assert "look like unix seconds; time would do as well" in told(tmp_path, "interactions.columns.time")
    assert "customer would do as well" in told(tmp_path, "interactions.columns.user_id")
    assert "picture would do as well" in told(tmp_path, "items.columns.image")
    assert "name would do as well" in told(tmp_path, "items.columns.title")


def test_what_is_not_found_is_commented_out_and_says_what_to_fill_in(tmp_path, init):
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)
    assert set(found) == {"name", "calendar", "interactions", "events", "items", "embeddings"}
    assert told(tmp_path, "interactions.columns.query").startswith('# query = "" ')
    assert told(tmp_path, "media.root").endswith("# not found: the folder where the names in the catalogue start from")
    assert "\n# [users]\n# files = " in drafting.draft(tmp_path, TODAY).text
    assert "event" in found["interactions"]
    printed = init(tmp_path)
    assert "not found, left for you to fill in: interactions.columns.event, interactions.columns.value, " in printed


@pytest.mark.parametrize(
    ("value", "files", "said"),
    [
        ("https://example.org/{}.jpg", [], "it holds addresses on the web; files on this machine are needed"),
        ("{}.jpg", [], "none of 8 sampled names is a file below this folder"),
        ("{}.txt", ["a/{}.txt"], None),
    ],
)
def test_media_that_cannot_be_used_yet_are_said_to_be(tmp_path, value, files, said):
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue(file=lambda at: value.format(at)))
    for at in range(8):
        for name in files:
            media(tmp_path, name.format(at), b"some text")
    found = draft(tmp_path)
    assert "image" not in found["items"]["columns"]
    assert "file" not in found["items"]["columns"]["text"]
    assert "image" not in found["embeddings"]
    told_ = told(tmp_path, "items.columns.image")
    assert (said or "not found: the column that names an item's image file") in told_


def test_one_root_serves_all_modalities_and_the_others_say_where_their_files_lie(tmp_path):
    write(tmp_path / "events.csv", events())
    write(
        tmp_path / "items.csv",
        catalogue(image=lambda at: f"{at}.png", sound=lambda at: f"{at}.wav" if at > 3 else None),
    )
    for at in range(8):
        media(tmp_path / "pictures", f"{at}.png")
        media(tmp_path / "sounds", f"{at}.wav")
    found = draft(tmp_path)
    assert found["media"]["root"] == "pictures"
    assert "audio" not in found["items"]["columns"]
    assert "its files lie below sounds; one [media] root serves all" in told(tmp_path, "items.columns.audio")


def test_files_called_after_ids_are_seen_and_the_missing_column_is_named(tmp_path, init):
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue())
    for at in range(8):
        media(tmp_path / "covers", f"i{at}.png")
    assert "8 sampled ids are files covers/<id>.png, but no column names them" in told(tmp_path, "items.columns.image")
    assert "image" not in draft(tmp_path)["items"]["columns"]
    assert "8 sampled ids are files covers/<id>.png" in init(tmp_path)


def test_texts_of_another_script_ask_for_another_encoder(tmp_path):
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", [row | {"title": "红色杯子" + row["item_id"][1]} for row in catalogue()])
    assert "100% of the words in these texts are Chinese" in told(tmp_path, "embeddings.text.encoder")


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
