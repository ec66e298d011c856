"""`mmrec init`: folders of many shapes become settings that run, and what two columns would do is asked."""

import datetime as dt
import re
import tomllib
from pathlib import Path

import polars as pl
import pytest

from demo.config import HOME
from mmrec import drafting
from mmrec.encoders import weights
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.walk import plan
from mmrec.settings import load
from tests.helpers.drafted import (
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
