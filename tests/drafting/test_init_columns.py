"""What `mmrec init` takes ids, texts, media and other columns for."""

import json
import unicodedata
import uuid

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmrec.drafting import ids, languages
from tests.helpers.drafted import (
    catalogue,
    column,
    draft,
    events,
    judge,
    media,
    rich_folder,
    told,
    write,
)

# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ("1.0 2.0 3.0", "1 2 3", "none of the 3 different values is an id of the catalogue (sku): they are written like"
         " 1.0 where the catalogue writes 1; write them alike"),
        ("1 2 3", "1.0 2.0 3.0", "they are written like 1 where the catalogue writes 1.0"),
        ("007 008", "7 8", "they are written like 007 where the catalogue writes 7"),
        ("ab-1 ab-2", "AB-1 AB-2", "upper and lower case differ"),
        ("item_7 item_8", "7 8", "they are written like item_7 where the catalogue writes 7"),
        ("7 8", "gid://shop/7 gid://shop/8", "they are written like 7 where the catalogue writes item_7"),
        ("978-3-16 978-3-17", "978316 978317", "they are written like 978-3-16 where the catalogue writes 978316"),
        ("a-1 a-2", "b.1 b.2", "one id is written in several ways, such as item_7 and 7"),
        ("a b c", "d e f", "none of the 3 different values is an id of the catalogue (sku)"),
        ("1 2 x y z", "1 2 3", "only 2 of the 5 different values are ids of the catalogue (sku)"),
    ],
)  # fmt: skip
def test_ids_that_the_catalogue_does_not_have_are_told_and_why(mine, theirs, said):
    found, few = ids.told(column("item", *mine.split()), column("sku", *theirs.split()))
    assert few
    assert said in found


def uuids(rows, *names):
    return [row | {name: str(uuid.uuid5(uuid.NAMESPACE_DNS, row[name])) for name in names} for row in rows]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_uuids_are_ids_and_no_text(tmp_path, kind):
    rows = uuids(events(), "user_id", "item_id")
    if kind == "csv":
        write(tmp_path / "events.csv", rows)
    else:
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        for at, name in enumerate(table.column_names[:2]):
            data = pa.array([uuid.UUID(row[name]).bytes for row in rows], pa.binary(16))
            table = table.set_column(at, name, data)
        pq.write_table(table, tmp_path / "events.parquet")
    items = [row | {"key": uuid.uuid5(uuid.NAMESPACE_URL, row["item_id"]).hex} for row in catalogue()]
    write(tmp_path / "items.csv", uuids(items, "item_id"))
    assert draft(tmp_path)["items"]["columns"]["text"] == ["title"]
    assert "8 of 8 different values are ids of the catalogue" in told(tmp_path, "interactions.columns.item_id")
    published, _ = judge(tmp_path)
    assert published.height == 60


@pytest.mark.parametrize(
    "value",
    ["01J6ZQ8X5TABCDEFGHJKMNPQRS", "kX9aB2cD3eF4gH5iJ6kL7mN8oP9q", "user:6af613b6-569c-42c9-8d2e-0a1b2c3d4e5f"],
)
def test_long_ids_are_short_for_people_and_no_prose(value):
    assert column("x", value).is_short
    assert not column("x", value).is_prose


def test_ids_that_the_catalogue_does_not_have_are_no_guess_that_holds(tmp_path, init):
    write(tmp_path / "events.csv", [row | {"item_id": f"{row['item_id'][1:]}.0"} for row in events()])
    write(tmp_path / "items.csv", [row | {"item_id": row["item_id"][1:]} for row in catalogue()])
    assert "guessed" not in told(tmp_path, "interactions.columns.item_id")
    assert "warning: interactions.columns.item_id: none of the 8 different values is an id of" in init(tmp_path)


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p class='big red'><strong>红色</strong>的杯子</p>&nbsp;https://example.org/very/long", "Chinese"),
        ("iPhone 15 Pro Max 手机壳 透明", "Chinese"),
        ("かわいい猫のマグカップ", "Japanese"),
        ("안녕 하세요 머그컵", "Korean"),
        ("สวัสดีแก้ว", "Thai"),
        ("Красная кружка", "Cyrillic"),
        ("كوب أحمر", "Arabic"),
        ("ספל אדום", "Hebrew"),
        ("κόκκινη κούπα", "Greek"),
        ("लाल मग बड़ा", "Devanagari"),
        ("சிவப்பு குவளை", "in another script"),
        ("Grüne Schüssel", "accents"),
        ("Tasse avec une anse pour le the", "small words"),
        (f"A red mug for the house; café style, <b>naïve</b> {'but well made and liked by most ' * 5}", None),
        ("The apple of 国 with a case", None),
        ("123", None),
    ],
)
def test_texts_that_are_not_english_are_told_by_script_accents_or_small_words(text, said):
    found = languages.not_english(pl.Series([text] * 5))
    assert (found is None) if said is None else (said in found)


# -- media and other columns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("listed", "disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_files_whose_names_are_in_another_unicode_form_are_found(tmp_path, listed, disk):
    name = "bücher/café {}.png".format
    write(tmp_path / "events.csv", events())
    write(tmp_path / "items.csv", catalogue(photo=lambda at: unicodedata.normalize(listed, name(at))))
    for at in range(8):
        media(tmp_path / "pictures", unicodedata.normalize(disk, name(at)))
    found = draft(tmp_path)
    assert (found["media"]["root"], found["items"]["columns"]["image"]) == ("pictures", "photo")
    assert "8 of 8 sampled names are image files" in told(tmp_path, "items.columns.image")


def test_the_other_columns_of_the_catalogue_are_attributes_and_those_that_are_not_are_named(tmp_path, init):
    more = {
        "price": lambda at: at + 0.5,
        "colour": lambda at: ["red", "blue"][at % 2],
        "brand": lambda at: f"Brand {at}",
        "released": lambda at: "2020-01-01",
        "ean": lambda at: 4_000_000 + at,
        "url": lambda at: f"https://example.org/{at}",
        "vector": lambda at: json.dumps([0.1] * 8),
        "empty": lambda at: None,
    }
    write(tmp_path / "events.csv", events(device=lambda at: "phone", price=lambda at: at))
    write(tmp_path / "items.csv", catalogue(**more))
    found = draft(tmp_path)["items"]
    assert found["attributes"] == ["price", "colour", "released"]
    assert "brand" in found["columns"]["text"]
    printed = init(tmp_path)
    assert "items.columns: Columns not used: ean, url, vector, empty." in printed
    assert "interactions.columns: Columns not used: device, price." in printed
    assert "# Columns not used: ean, url, vector, empty." in (tmp_path / "mmrec.toml").read_text()


def test_a_column_that_some_files_lack_is_not_needed_by_the_draft(tmp_path):
    write(tmp_path / "events-1.csv", events(30))
    write(tmp_path / "events-2.csv", events(30, kind=lambda at: "view", stars=lambda at: 3))
    write(tmp_path / "items.csv", catalogue())
    found = draft(tmp_path)["interactions"]
    assert found["files"] == ["events-*.csv"]
    assert not {"event", "value"} & set(found["columns"])


# -- people, sounds and films: the text; what reads it is settled elsewhere --------------------------------------------


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


def test_people_reviews_sounds_and_clips_are_settings_that_run(tmp_path):
    rich_folder(tmp_path)
    published, _ = judge(tmp_path)
    assert published.height == 60
