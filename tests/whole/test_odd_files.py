"""Odd files of events and of the catalogue work, or give one clear line."""

import codecs
import gzip
import json

import pytest

from mmrec.keys import text_hash
from tests.helpers.odd import DAY, EVENTS, ITEMS, deliver, events_of, items_of, judge, rejected, rows_of


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_spreadsheet_export_is_a_file_like_any_other(new_shop, separator):
    """A byte order mark, Windows line ends, spaces around names, quoted line ends, blank lines at the end."""
    header = f" item_id {separator}Title{separator}about {separator} picture"
    rows = [
        f'007{separator}"Red{separator}\r\nmug"{separator}"A ""good"" one"{separator}',
        f"8{separator}Tea{separator}{separator}",
    ]
    text = "\r\n".join([header, *rows, "", "", ""])
    (new_shop.data / "items.csv").write_bytes(codecs.BOM_UTF8 + text.encode())
    new_shop.configure(items={"columns": {"title": "Title", "text": ["Title", "about"]}})
    assert new_shop.run("raw/items").refusals == []
    new_shop.run("raw/media", ITEMS)
    [mug, tea] = new_shop.scan(ITEMS).sort("item_id").rows(named=True)
    assert (mug["item_id"], mug["text"]) == ("007", f'Red{separator} mug. A "good" one'.replace("\t ", " "))
    assert (tea["item_id"], tea["text"]) == ("8", "Tea")


def test_a_list_of_text_is_the_text_of_its_parts_in_every_kind_of_file(new_shop):
    events, items = rows_of(["1", "2"])
    hashes = []
    for kind, about in (
        (".csv", ["red mug", "tea"]),
        (".jsonl", [["red", "mug"], ["tea"]]),
        (".parquet", [["red", "mug"], ["tea", None]]),
    ):
        for path in new_shop.data.glob("[ei][vt]*"):
            path.unlink()
        deliver(new_shop, kind, events, items | {"about": about})
        judge(new_shop)
        hashes.append(new_shop.scan(ITEMS).sort("item_id")["text_hash"].to_list())
    assert hashes == [[text_hash("red mug"), text_hash("tea")]] * 3


def test_a_catalogue_in_latin_1_says_which_rows_and_why(new_shop):
    lines = ["item-00,Café,one,", "item-01,Tea,two,", "item-02,Thé,three,"]
    path = new_shop.data / "items.csv"
    path.write_bytes("\n".join([new_shop.item_header, *lines, "item-03,Milk,four,"]).encode("latin-1"))
    new_shop.run("raw/items", "raw/media", ITEMS)
    assert set(items_of(new_shop)) == {"item-01", "item-03"}
    reason = "the line holds bytes that are not UTF-8; save the file as UTF-8"
    assert rejected(new_shop) == [("items.csv", row, "malformed", reason) for row in (1, 3)]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "its header is: empty"),
        ("item_id,title,about,picture\n1,a,b,\n".encode("utf-16"), "is written in UTF-16"),
        (b"item_id,title,item_id,about,picture\n1,a,2,b,\n", "has 2 columns called item_id"),
        (
            b"Item_ID,Title,about,picture\n1,a,b,\n",
            "has no column item_id, title; its header is: Item_ID, Title, about",
        ),
        (gzip.compress(b"item_id,title\n", mtime=0)[:-5], "cannot be unpacked as gzip"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_one_line_by_name(new_shop, data, part):
    (new_shop.data / "items.csv").write_bytes(data)
    [told] = judge(new_shop, strict=False)["raw/items"]
    assert told.startswith("items.csv ")
    assert part in told
    assert "\n" not in told


@pytest.mark.parametrize("data", ["item_id,title,about,picture", "item_id,title,about,picture\r\n\r\n\r\n"])
def test_a_catalogue_that_is_a_header_alone_is_no_crash(new_shop, data):
    (new_shop.data / "items.csv").write_text(data)
    judge(new_shop, strict=False)
    assert new_shop.rows("raw/items") == 0


@pytest.mark.parametrize("name", ["events-x.jsonl", "events-x.csv.gz"])
def test_a_file_of_events_without_any_costs_nothing(new_shop, name):
    data = b"" if ".jsonl" in name else new_shop.event_header.encode()
    (new_shop.data / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    new_shop.configure(interactions={"files": ["events-*"]})
    delivered = sum(len(new_shop.lines(day)) for day in new_shop.days)
    assert judge(new_shop) == {}
    assert new_shop.rows(EVENTS) == delivered


def test_json_lines_may_leave_out_what_they_do_not_have(new_shop):
    lines = [
        {"user_id": "zq-person-1", "item_id": "item-01", "time": f"{DAY}T01:00:00", "event": "view"},
        [1, 2],
        "text",
    ]
    searches = [{"user_id": "zq-person-2", "time": f"{DAY}T01:00:00", "event": "search", "query": "红色"}]
    for name, rows in (("events-a.jsonl", lines), ("events-b.jsonl", searches)):
        (new_shop.data / name).write_text("\n".join(json.dumps(row) for row in rows))
    (new_shop.data / "items-more.jsonl").write_text(json.dumps({"item_id": "bare", "title": "Bare"}))
    new_shop.configure(interactions={"files": ["events-[ab].jsonl"]}, items={"files": ["items*"]})
    assert judge(new_shop) == {}
    assert events_of(new_shop) == [("zq-person-1", "item-01"), ("zq-person-2", None)]
    assert [row[:3] for row in rejected(new_shop)] == [("events-a.jsonl", row, "malformed") for row in (2, 3)]
    assert items_of(new_shop)["bare"] == "Bare"


def test_two_stars_reach_every_folder_and_never_the_lake(new_shop):
    deep = new_shop.data / "2024" / "01" / "01"
    deep.mkdir(parents=True)
    new_shop.events_file(DAY).rename(deep / "events-x.csv")
    new_shop.configure(interactions={"files": ["**/events-*"]}, lake={"root": str(new_shop.data / ".mmrec" / "lake")})
    assert judge(new_shop) == {}
    assert judge(new_shop) == {}
    assert "2024/01/01/events-x.csv" in set(new_shop.scan("ledger/landing")["file"])
    assert new_shop.scan("ledger/landing")["file"].n_unique() == 4
