"""What a reader of the lake sees: one state of a table, pinned, and only the rows that it asks for."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from mmrec import tables
from tests.helpers.lake_rows import CURRENT, VECTORS, both, current, items_of, vectors


@both
def test_a_lake_sees_one_state_of_a_table_and_remembers_which(lake):
    lake.append(CURRENT, current("a"))
    reader = lake.acting_as("fused/items", "1")
    assert items_of(reader) == ["a"]
    lake.append(CURRENT, current("b"))
    assert items_of(reader) == ["a"]
    assert reader.reads == {CURRENT: 0}
    assert items_of(lake.acting_as("fused/items", "1")) == ["a", "b"]


@both
def test_a_writer_sees_what_it_wrote_itself(lake):
    lake.append(CURRENT, current("a"))
    writer = lake.acting_as("embeddings/text", "1")
    assert items_of(writer) == ["a"]
    writer.append(CURRENT, current("b"))
    assert items_of(writer) == ["a", "b"]


@both
def test_an_older_version_can_be_read_by_number_or_by_pin(lake):
    lake.append(CURRENT, current("a"))
    lake.replace(CURRENT, current("b"))
    lake.compact(CURRENT)
    assert items_of(lake, version=0) == ["a"]
    pinned = lake.pinned({CURRENT: 0})
    assert items_of(pinned) == ["a"]
    assert pinned.sql("SELECT item_id FROM embeddings.text_current")["item_id"].to_list() == ["a"]
    assert items_of(lake) == ["b"]


@both
def test_vectors_come_one_a_key_sorted_and_only_those_asked_for(lake):
    lake.append(VECTORS, vectors("b", "c"))
    lake.append(VECTORS, vectors("a", "b"))
    found = lake.vectors(VECTORS, pl.DataFrame({"key": ["b", "a", "zz"]}))
    assert found["key"].to_list() == ["a", "b"]
    assert found["vector"].to_list() == [[0.0, 1.0]] * 2
    assert lake.vectors(VECTORS, pl.DataFrame({"key": ["zz"]})).is_empty()
    assert lake.vectors(VECTORS, pl.DataFrame({"key": []}, schema={"key": pl.String})).is_empty()
    assert lake.vectors("embeddings/image/vectors", pl.DataFrame({"key": ["a"]})).is_empty()


def test_of_a_big_table_of_vectors_only_the_groups_of_rows_are_read_that_hold_what_is_asked_for(lake, monkeypatch):
    for start in (0, 3000, 6000):
        numbers = range(start, start + 3000)
        held = vectors(*(f"{each:04}" for each in numbers))
        lake.append(
            VECTORS, held.with_columns(vector=pl.Series([[float(each)] for each in numbers], dtype=tables.VECTOR))
        )
    read = []
    groups = pq.ParquetFile.read_row_groups

    def watched(self, wanted, **more):
        read.extend(wanted)
        return groups(self, wanted, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", watched)
    wanted = [0, 1, 2, 2999, 3000, 5999, 7000, 8999]
    found = lake.vectors(VECTORS, pl.DataFrame({"key": [f"{each:04}" for each in wanted]}))
    assert found["vector"].to_list() == [[float(each)] for each in wanted]
    assert sorted(read) == [0, 0, 7, 23, 23, 23]  # of 24 groups of 128 rows in each of three files
    scattered = list(range(0, 9000, 100))
    found = lake.vectors(VECTORS, pl.DataFrame({"key": [f"{each:04}" for each in reversed(scattered)]}))
    assert found["vector"].to_list() == [[float(each)] for each in scattered]


@both
def test_floats_come_back_bit_by_bit(lake):
    values = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    values[0] = [np.float32(-0.0), np.finfo(np.float32).tiny]
    rows = vectors(*[f"{at:02}" for at in range(50)]).with_columns(vector=pl.Series(values).cast(tables.VECTOR))
    lake.append(VECTORS, rows)
    found = lake.scan(VECTORS).sort("key").collect()["vector"].list.to_array(2).to_numpy()
    assert found.tobytes() == values.tobytes()


@both
def test_what_was_added_since_a_version_is_told_without_the_rest(lake):
    def added(since):
        return sorted(lake.added(VECTORS, since).collect()["key"])

    assert added(None) == []
    seen = lake.append(VECTORS, vectors("a"))
    assert added(None) == ["a"]
    assert added(seen) == []
    reader = lake.acting_as("embeddings/text", "1")
    assert reader.scan(VECTORS).collect()["key"].to_list() == ["a"]
    lake.append(VECTORS, vectors("b"))
    lake.append(VECTORS, vectors("b", "c"))
    assert added(seen) == ["b", "b", "c"]
    assert sorted(reader.added(VECTORS, seen).collect()["key"]) == ["b", "b", "c"]  # whatever is pinned
    assert reader.scan(VECTORS).collect()["key"].to_list() == ["a"]
    before = lake.version(VECTORS)
    lake.compact(VECTORS)
    assert added(before) == ["a", "b", "b", "c"]
