"""Files that look like a source and that no pattern matches: each is named, whatever lies beside it, and soon."""

import gzip
import time

import polars as pl
import pytest

from mmrec.ingest import unmatched
from mmrec.planning import walk


def told(shop):
    return unmatched.warnings(shop.settings)


def test_a_folder_in_which_every_file_is_matched_is_no_warning(new_shop):
    (new_shop.data / "notes.csv").write_text("a,b\n1,2\n")
    (new_shop.data / "empty.csv").touch()
    (new_shop.data / "broken.csv").write_bytes(b"\0\xff")
    (new_shop.data / "events.txt").write_text(new_shop.event_header)
    assert told(new_shop) == []


@pytest.mark.parametrize("name", ["2024-01-05.csv", "next/events.csv", "clicks/9f86d081.csv", "items.csv.gz"])
def test_a_delivery_under_another_name_is_named_in_every_plan(new_shop, name):
    """The shop's events move into a folder of their own, so that there are folders beside it."""
    folder = new_shop.data / "clicks"
    folder.mkdir()
    for day in new_shop.days:
        new_shop.events_file(day).rename(folder / f"events-{day}.csv")
    new_shop.configure(interactions={"files": ["clicks/events-*.csv"]})
    assert told(new_shop) == []
    path = new_shop.data / name
    path.parent.mkdir(exist_ok=True)
    of = "items" if "items" in name else "interactions"
    path.write_text((new_shop.item_header if of == "items" else new_shop.event_header) + "\n")
    expected = f"{name} has the columns of {of}.files and matches none of its patterns: add one, or move the file away"
    assert told(new_shop) == [expected]
    assert walk.plan(new_shop.lake, new_shop.settings, new_shop.days).warnings[-1] == expected


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv.gz"])
def test_kinds_of_file_are_told_apart_and_each_header_is_read(new_shop, kind):
    (new_shop.data / "other.jsonl").write_text(
        '{"user_id": 1, "item_id": 2, "time": 3, "event": 4, "rating": 5, "query": 6}\n'
    )
    assert told(new_shop) == []  # the same columns in another kind of file than any source has
    frame = pl.read_csv(new_shop.events_file(new_shop.days[0]))
    for name in ("events-x", "later"):
        path = new_shop.data / f"{name}.{kind}"
        if kind == "csv.gz":
            path.write_bytes(gzip.compress(frame.write_csv().encode()))
        else:
            (frame.write_parquet if kind == "parquet" else frame.write_ndjson)(path)
    (new_shop.data / "other.jsonl").unlink()
    new_shop.configure(interactions={"files": ["events-*"]})
    [line] = told(new_shop)
    assert line.startswith(f"later.{kind} has the columns of interactions.files")


def test_hidden_files_folders_and_the_lake_are_no_sources(new_shop):
    text = new_shop.event_header + "\n"
    lake = new_shop.data / "lake"
    for name in (".events.csv", ".git/events.csv", "lake/events.csv", "deep/er/events.csv"):
        (new_shop.data / name).parent.mkdir(parents=True, exist_ok=True)
        (new_shop.data / name).write_text(text)
    new_shop.configure(lake={"root": str(lake)})
    assert told(new_shop) == []


def test_of_many_files_a_few_are_read_and_the_others_counted(new_shop):
    for at in range(200):
        (new_shop.data / f"export {at:03}.csv").write_text(new_shop.event_header + "\n")
    [line] = told(new_shop)
    assert line.startswith("export 199.csv and at least 63 more have the columns of interactions.files")


def test_a_folder_of_ten_thousand_files_is_looked_at_in_a_moment(new_shop):
    for at in range(10_000):
        (new_shop.data / f"{at:05}.csv").touch()
    began = time.process_time()
    assert told(new_shop) == []
    assert time.process_time() - began < 2
