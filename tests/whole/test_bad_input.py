"""Bad rows and pictures end as rejected rows and recorded failures: never a traceback, never a lost good row."""

import json
import os

import pytest

from mmrec.queries import recommend, why
from tests.helpers.refreshed import ITEMS, add, delivered, published, refresh, rejected

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
