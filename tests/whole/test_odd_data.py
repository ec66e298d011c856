"""Odd data works, or gives one clear line: ids, alphabets, line ends and kinds of file, from bytes to lists."""

import codecs
import datetime as dt
import gzip
import json
import unicodedata
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from mmrec.keys import text_hash
from mmrec.queries import recommend

pytestmark = pytest.mark.usefixtures("quick_judge")
EVENTS, ITEMS = "validated/interactions", "validated/items"
DAY = "2024-01-01"
# What a spreadsheet or a data frame would like to make a number, a date or nothing of.
IDS = ["007", "7", "1e5", "1.0", "1", "12345678901234567890", "-0", "0", "NaN", "null", "true", "2024-01-01", "1,5"]
ALPHABETS = ["红色杯子", "كوب أحمر", "красная кружка", "☕🏽", "Cafe\u0301 Zoe\u0308", "กาแฟ", "a\u2028b"]


def items_of(shop):
    return dict(shop.scan(ITEMS).select("item_id", "title").sort("item_id").iter_rows())


def events_of(shop):
    return sorted(shop.scan(EVENTS).select("user_id", "item_id").unique().iter_rows())


def rejected(shop):
    return sorted(shop.scan("validated/rejected").select("source_file", "source_row", "rule", "reason").iter_rows())


def judge(shop, strict=True):
    """Lands and judges everything; the refusals by asset."""
    reports = shop.run(*shop.assets[:5], strict=strict)
    return {asset: report.refusals for asset, report in reports.items() if report.refusals}


def deliver(shop, kind, events, items):
    """Replaces all delivered files by one file of events and one catalogue of this kind."""
    for path in shop.data.glob("*.csv"):
        path.unlink()
    write(shop.data / f"items{kind}", items)
    write(shop.data / f"events-1{kind}", events)
    return shop.configure(interactions={"files": ["events-*"]}, items={"files": ["items*"]})


def write(path, rows):
    frame = pl.DataFrame(rows)
    if ".parquet" in path.name:
        frame.write_parquet(path)
        return
    text = frame.write_ndjson() if ".jsonl" in path.name else frame.write_csv()
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.name.endswith(".gz") else text.encode())


def rows_of(ids, users=None, titles=None):
    """Events in which each person meets each item of the same place, and the catalogue of those items."""
    count = len(ids)
    people = [f"zq-person-{at}" for at in range(count)] if users is None else users
    names = [f"Thing {at}" for at in range(count)] if titles is None else titles
    shared = {
        "time": [f"{DAY}T10:00:00"] * count,
        "event": ["view"] * count,
        "rating": ["3"] * count,
        "query": [""] * count,
    }
    return (
        {"user_id": people, "item_id": ids, **shared},
        {"item_id": ids, "title": names, "about": names, "picture": [""] * count},
    )


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


# -- files -------------------------------------------------------------------------------------------------------------


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
