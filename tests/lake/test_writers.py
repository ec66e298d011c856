"""Writers beside each other, in threads and processes: no row is lost, a conflict is tried again."""

import subprocess
import sys
import threading
from pathlib import Path

import deltalake
import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from mmrec.lake import files, store, writing
from mmrec.lake.store import Lake
from tests.helpers.lake_rows import CURRENT, REJECTED, VECTORS, current, items_of, rejected, vectors

_WRITER = """
import sys, polars as pl
from mmrec.lake.store import Lake
root, name, verb = sys.argv[1:]
lake = Lake(root)
for number in range(6):
    rows = pl.DataFrame([{"item_id": f"{name}-{number}", "input_hash": "h", "encoder_id": "e", "key": "k"}])
    if verb == "append":
        lake.append("embeddings/text/current", rows)
    else:
        lake.merge("embeddings/text/current", rows, ["item_id"])
"""


@pytest.mark.parametrize("verb", ["append", "merge"])
def test_two_processes_write_beside_each_other_and_both_finish(lake, verb):
    lake.append(CURRENT, current("first"))
    command = [sys.executable, "-c", _WRITER, lake.root]
    running = [subprocess.Popen([*command, name, verb], stderr=subprocess.PIPE, text=True) for name in "ab"]
    failures = [process.communicate()[1] for process in running if process.wait() != 0]
    assert not failures
    assert items_of(lake) == sorted(["first", *[f"{name}-{number}" for name in "ab" for number in range(6)]])


@pytest.mark.parametrize("verb", ["append", "merge", "replace"])
def test_writers_that_make_a_table_together_lose_no_row(lake, verb):
    start, failures = threading.Barrier(3), []

    def write(name):
        start.wait()
        try:
            if verb == "append":
                lake.append(REJECTED, rejected("t", name, 1))
            elif verb == "merge":
                lake.merge(CURRENT, current(name), ["item_id"])
            else:
                lake.replace(REJECTED, rejected("t", name, 1), {"period": [name]})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    if verb == "merge":
        assert items_of(lake.pinned({})) == ["a", "b", "c"]
    else:
        assert sorted(lake.pinned({}).scan(REJECTED).collect()["period"]) == ["a", "b", "c"]


@pytest.mark.parametrize("verb", ["replace", "merge"])
def test_rows_that_another_writer_adds_meanwhile_do_not_stay_beside_ours(lake, monkeypatch, verb):
    write, other, meanwhile = deltalake.write_deltalake, Lake(lake.root), []
    lake.append(CURRENT, current())

    def late(target, data, **options):
        if options["mode"] == "overwrite" and not meanwhile:
            meanwhile.append(other.append(CURRENT, current("a", mark="theirs")))
        write(target, data, **options)

    monkeypatch.setattr(deltalake, "write_deltalake", late)
    if verb == "replace":
        lake.replace(CURRENT, current("a", mark="ours"))
    else:
        lake.merge(CURRENT, current("a", mark="ours"), ["item_id"])
    assert meanwhile
    assert lake.scan(CURRENT).collect()["input_hash"].to_list() == ["ours-a"]


def test_a_first_merge_keeps_what_another_writer_merges_right_after_the_look_at_the_empty_table(lake, monkeypatch):
    size, other, meanwhile = files.size, Lake(lake.root), []

    def slow(delta):
        found = size(delta)
        if not meanwhile:
            meanwhile.append(True)
            other.merge(CURRENT, current("b"), ["item_id"])
        return found

    monkeypatch.setattr(store, "size", slow)
    lake.merge(CURRENT, current("a"), ["item_id"])
    assert items_of(lake) == ["a", "b"]


def test_a_conflict_is_tried_again_from_a_fresh_look(lake, monkeypatch):
    monkeypatch.setattr(store.time, "sleep", lambda seconds: None)
    lake.append(CURRENT, current("a"))
    write, tries = lake._write, []

    def meddled(self, table, frame, *more):
        tries.append(table)
        if len(tries) < 4:
            raise CommitFailedError("somebody was faster")
        write(table, frame, *more)

    monkeypatch.setattr(Lake, "_write", meddled)
    assert lake.append(CURRENT, current("b")) == 1
    assert len(tries) == 4
    assert items_of(lake) == ["a", "b"]


def test_a_conflict_that_never_ends_is_an_error_and_writes_nothing(lake, monkeypatch):
    monkeypatch.setattr(store.time, "sleep", lambda seconds: None)
    lake.append(CURRENT, current("a"))
    monkeypatch.setattr(Lake, "_write", lambda *_, **__: (_ for _ in ()).throw(CommitFailedError("always")))
    with pytest.raises(CommitFailedError):
        lake.append(CURRENT, current("b"))
    assert items_of(lake) == ["a"]


def test_the_log_of_vectors_does_not_grow_for_ever_and_a_late_writer_catches_up(lake, monkeypatch):
    monkeypatch.setattr(writing, "_UNDATED", "interval 0 seconds")
    late = Lake(lake.root)
    lake.append(VECTORS, vectors("first"))
    late.append(VECTORS, vectors("second"))
    for number in range(25):
        lake.append(VECTORS, vectors(f"{number}"))
    log = (Path(lake.uri(VECTORS)) / "_delta_log").glob("*.json")
    assert len(list(log)) < 15
    late.append(VECTORS, vectors("last"))
    assert late.version(VECTORS) == lake.version(VECTORS) == 27
    keys = pl.DataFrame({"key": ["first", "second", "last"]})
    assert lake.acting_as("a", "1").vectors(VECTORS, keys).height == 3


def test_an_error_that_is_no_conflict_is_not_tried_again(lake, monkeypatch):
    tries = []
    monkeypatch.setattr(Lake, "_write", lambda *_, **__: tries.append(1) or (_ for _ in ()).throw(DeltaError("disk")))
    with pytest.raises(DeltaError, match="disk"):
        lake.append(CURRENT, current("b"))
    assert len(tries) == 1
