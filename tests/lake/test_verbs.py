"""Every verb of the lake that writes: what is there afterwards, and what a commit says of itself."""

from dataclasses import replace

import deltalake
import polars as pl
import pytest

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake import store
from mmrec.lake.store import Lake
from tests.helpers.lake_rows import CURRENT, REJECTED, both, current, items_of, rejected


@both
def test_a_table_that_was_never_written_has_no_rows_but_its_columns(lake):
    found = lake.scan(REJECTED).collect()
    assert found.is_empty()
    assert found.schema == pl.Schema(tables.contract(REJECTED).schema)
    assert lake.version(REJECTED) is None
    assert not lake.exists(REJECTED)
    assert lake.rows(REJECTED) == 0
    assert lake.reads == {}


@both
def test_append_adds_rows_and_tells_the_new_version(lake):
    assert lake.append(CURRENT, current("a")) == 0
    assert lake.append(CURRENT, current("b", "b")) == 1
    assert items_of(lake) == ["a", "b", "b"]
    assert lake.rows(CURRENT) == 3


@both
def test_replace_puts_rows_in_place_of_all(lake):
    lake.append(CURRENT, current("a", "b"))
    lake.replace(CURRENT, current("c"))
    assert items_of(lake) == ["c"]
    lake.replace(CURRENT, current())
    assert items_of(lake) == []
    assert lake.exists(CURRENT)
    assert lake.rows(CURRENT) == 0


@both
def test_replace_touches_only_the_named_partitions(lake):
    lake.append(REJECTED, pl.concat([rejected("t", "p1", 1, 2), rejected("t", "p2", 3), rejected("u", "p1", 4)]))
    lake.replace(REJECTED, rejected("t", "p1", 9), {"table": ["t"], "period": ["p1"]})
    found = lake.scan(REJECTED).sort("source_row").select("table", "period", "source_row").collect().rows()
    assert found == [("t", "p2", 3), ("u", "p1", 4), ("t", "p1", 9)]
    lake.replace(REJECTED, rejected("t", "p1"), {"table": ["t", "u"], "period": ["p1"]})
    assert lake.scan(REJECTED).select("table", "period").collect().rows() == [("t", "p2")]


@both
@pytest.mark.parametrize("period", ["", "a b", "it's", "a/b", "50%", "ä=ö", "__x__"])
def test_partition_values_come_back_as_they_were_written(lake, period):
    lake.append(REJECTED, rejected("t", period, 1))
    lake.append(REJECTED, rejected("t", "other", 2))
    assert lake.scan(REJECTED).filter(pl.col("period") == period).collect()["source_row"].to_list() == [1]
    lake.replace(REJECTED, rejected("t", period, 3), {"period": [period]})
    assert sorted(lake.scan(REJECTED).collect()["source_row"]) == [2, 3]
    lake.replace(REJECTED, rejected("t", period), {"period": [period]})
    assert lake.scan(REJECTED).collect()["source_row"].to_list() == [2]


@both
def test_replace_with_no_named_value_replaces_nothing(lake):
    lake.append(REJECTED, rejected("t", "p1", 1))
    lake.replace(REJECTED, rejected("t", "p1"), {"period": []})
    assert lake.rows(REJECTED) == 1


@both
def test_merge_updates_inserts_and_deletes_in_one_commit(lake):
    lake.append(CURRENT, current("a", "b", "c"))
    version = lake.merge(CURRENT, current("b", "d", mark="new"), ["item_id"], removed=current("c").select("item_id"))
    assert version == 1
    found = dict(lake.scan(CURRENT).select("item_id", "input_hash").collect().iter_rows())
    assert found == {"a": "h-a", "b": "new-b", "d": "new-d"}


@both
def test_merge_into_no_table_makes_it_and_forgets_the_removed(lake):
    version = lake.merge(CURRENT, current("a"), ["item_id"], removed=current("z").select("item_id"))
    assert version == lake.version(CURRENT)
    assert items_of(lake) == ["a"]
    assert lake.merge(CURRENT, current("b"), ["item_id"]) == version + 1


def test_compaction_keeps_the_rows_and_leaves_fewer_files(lake):
    assert lake.compact(CURRENT) is None
    for item in "abcde":
        lake.append(CURRENT, current(item))
    lake.compact(CURRENT)
    assert items_of(lake) == list("abcde")
    assert len(deltalake.DeltaTable(lake.uri(CURRENT)).get_add_actions()["path"]) == 1


def test_many_appends_compact_themselves(lake, monkeypatch):
    monkeypatch.setattr(store, "COMPACT_EVERY", 4)
    for number in range(9):
        lake.append(CURRENT, current(str(number)))
    assert items_of(lake) == [str(number) for number in range(9)]
    assert len(deltalake.DeltaTable(lake.uri(CURRENT)).get_add_actions()["path"]) < 6


@both
def test_rows_must_have_the_columns_of_the_contract(lake):
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        lake.append(CURRENT, current("a").drop("key"))
    with pytest.raises(MmrecError, match=r"no table is called 'nix/da'; there are: .*validated/items"):
        lake.scan("nix/da")


def test_a_column_that_an_older_file_lacks_is_null(lake, monkeypatch):
    older = tables.contract("raw/media")
    shorter = replace(older, columns_=older.columns_[:-1])
    row = {"uri": "u", "size_bytes": 1, "ctime_ns": 1, "sha256": "s"}
    with monkeypatch.context() as patch:
        patch.setattr(tables, "contract", lambda _: shorter)
        lake.append("raw/media", pl.DataFrame([row]))
    assert lake.scan("raw/media").collect().rows(named=True) == [{**row, "problem": None}]


def test_every_commit_carries_who_wrote_it(lake):
    lake.acting_as("embeddings/text", "7", "run-1").append(CURRENT, current("a"))
    lake.acting_as("embeddings/text", "8", "run-2").merge(CURRENT, current("b"), ["item_id"])
    newest, first = deltalake.DeltaTable(lake.uri(CURRENT)).history()
    assert {k: first[k] for k in ("run_id", "asset", "code_version")} == {
        "run_id": "run-1",
        "asset": "embeddings/text",
        "code_version": "7",
    }
    assert newest["run_id"] == "run-2"


def test_a_table_of_another_format_is_refused_by_name(lake, tmp_path):
    deltalake.write_deltalake(f"{lake.root}/{CURRENT}", current("a").to_arrow(), description="mmrec lake, format 0")
    for use in (lake.scan, lake.version, lambda table: lake.append(table, current("b"))):
        with pytest.raises(
            MmrecError, match=r"embeddings/text/current is not a table of this version.*another lake root"
        ):
            use(CURRENT)


def test_a_table_of_before_a_column_was_added_is_read_and_written_on(tmp_path, monkeypatch):
    lake, table = Lake(str(tmp_path)), tables.contract("embeddings/text/failed")
    older = replace(table, columns_=tuple(c for c in table.columns_ if c.name != "user_id"))
    row = {"item_id": "i", "input_hash": "h", "encoder_id": "e", "key": "k", "reason": "r", "run_id": "-"}
    with monkeypatch.context() as patch:
        patch.setattr(tables, "contract", lambda name: older)
        lake.append(table.name, pl.DataFrame([row]))
    new = row | {"item_id": "j", "user_id": "u"}
    lake.append(table.name, pl.DataFrame([new]))
    assert dict(lake.scan(table.name).select("item_id", "user_id").collect().iter_rows()) == {"i": None, "j": "u"}
    lake.merge(table.name, pl.DataFrame([new | {"reason": "other"}]), ["item_id"])
    assert dict(lake.scan(table.name).select("item_id", "user_id").collect().iter_rows()) == {"i": None, "j": "u"}
    lake.replace(table.name, pl.DataFrame([new]))
    assert lake.scan(table.name).collect()["reason"].to_list() == ["r"]
