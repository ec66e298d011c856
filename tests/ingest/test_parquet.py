"""Parquet: typed columns become the text that rules read, an unusable file is named."""

import datetime as dt
import json
import uuid

import polars as pl
import pyarrow.parquet
import pytest

from mmrec.ingest import parquet as parquet_module
from mmrec.ingest import sources
from mmrec.ingest.sources import RefusedFile
from tests.helpers.delivered import COLUMNS


def parquet(tmp_path, name="a.parquet", **columns):
    pl.DataFrame(columns).write_parquet(tmp_path / name)
    return (tmp_path / name).read_bytes()


def test_typed_columns_become_the_text_that_rules_read(read, tmp_path):
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 678)
    zoned = pl.Series([moment]).dt.replace_time_zone("Europe/Berlin")
    columns = {name: name for name in ("id", "naive", "zoned", "day", "value", "flag", "none")}
    data = parquet(
        tmp_path, id=[7], naive=[moment], zoned=zoned, day=[moment.date()], value=[4.5], flag=[True], none=[None]
    )
    assert read("a.parquet", data, columns) == [
        ("7", "2024-01-02T03:04:05.000678", "2024-01-02T03:04:05.000678+01:00", "2024-01-02", "4.5", "true", None, None)
    ]


def test_a_parquet_column_that_is_absent_refuses_the_file(refused, tmp_path):
    data = parquet(tmp_path, user_id=["u"], item_id=["i"])
    assert refused("a.parquet", data) == "has no column time; its header is: user_id, item_id"


def test_numbers_lists_and_objects_become_text(read, tmp_path):
    columns = {
        "float": [7.0, None, float("nan"), 0.5, 1e20],
        "big": [12345678901234567890, 0, None, 1, 2],
        "tags": [["a", None, "b"], [], None, ["c"], ["d"]],
        "numbers": [[1.0, 2.5], None, None, None, None],
        "object": [{"a": 1, "b": "x"}, None, None, None, None],
        "category": pl.Series(["007", None, "1e5", "", "x"], dtype=pl.Categorical),
        "price": pl.Series(["1.50", None, None, None, None]).cast(pl.Decimal(10, 2)),
        "pair": pl.Series([[1, 2], None, None, None, None], dtype=pl.Array(pl.Int64, 2)),
        "bytes": [b"u1", None, None, None, None],
    }
    found = read("a.parquet", parquet(tmp_path, **columns), {name: name for name in columns})
    assert [row[0] for row in found] == ["7", None, None, "0.5", "1e+20"]
    assert [row[1] for row in found] == ["12345678901234567890", "0", None, "1", "2"]
    assert [row[2] for row in found] == ["a b", "", None, "c", "d"]
    assert [row[5] for row in found] == ["007", None, "1e5", "", "x"]
    assert (found[0][3], json.loads(found[0][4])) == ("1 2.5", {"a": 1, "b": "x"})
    assert found[0][6:] == ("1.50", "1 2", "u1", None)


def test_decimals_that_are_whole_are_the_ids_they_are_elsewhere(read, tmp_path):
    ids = pl.Series(["7", "7.5", None, "12345678901234567890"]).cast(pl.Decimal(38, 10))
    found = read("a.parquet", parquet(tmp_path, id=ids), {"id": "id"})
    assert [row[0] for row in found] == ["7", "7.5000000000", None, "12345678901234567890"]


def test_uuids_are_written_as_usual_and_other_bytes_are_the_text_they_hold(read, tmp_path):
    ids = [uuid.UUID(int=at) for at in (0, 2**127)]  # all zeros would be text as well
    columns = {
        "marked": pyarrow.array([each.bytes for each in ids], pyarrow.uuid()),
        "bare": pyarrow.array([ids[1].bytes, None], pyarrow.binary(16)),
        "text": pyarrow.array([b"sixteen letters!", "é".encode()]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet", use_dictionary=False)
    found = read("a.parquet", (tmp_path / "a.parquet").read_bytes(), {name: name for name in columns})
    assert found == [(str(ids[0]), str(ids[1]), "sixteen letters!", None), (str(ids[1]), None, "é", None)]
    sampled = parquet_module.as_text(pl.scan_parquet(tmp_path / "a.parquet"), ["bare", "text"]).collect()
    assert sampled.rows() == [(*row[1:3], None) for row in found]


def test_an_id_that_is_an_object_is_refused_by_name(refused, tmp_path):
    data = parquet(tmp_path, user_id=[{"oid": "zq-person"}], item_id=["i"], time=[1])
    told = refused("a.parquet", data, {name: name for name in ("user_id", "item_id", "time")})
    assert told == "user_id is an object with the fields oid; text or a number is expected"


def test_bytes_in_a_parquet_column_that_are_no_text_refuse_the_file(refused, tmp_path):
    data = parquet(tmp_path, user_id=[b"\xff\xfe"], item_id=["i"], time=[1])
    assert refused("a.parquet", data).startswith("cannot be read as parquet: ")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"x" * 99])
def test_a_damaged_parquet_file_is_refused(refused, tmp_path, damage):
    data = parquet(tmp_path, user_id=["u"], item_id=["i"], time=[1])
    assert refused("a.parquet", damage(data)).startswith("cannot be read as parquet: ")


def test_flipped_bytes_in_a_parquet_file_never_crash(tmp_path):
    data = parquet(tmp_path, user_id=[f"u{n}" for n in range(99)], item_id=["i"] * 99, time=list(range(99)))
    for at in range(4, len(data), 23):
        damaged = bytearray(data)
        damaged[at] ^= 0xFF
        (tmp_path / "a.parquet").write_bytes(damaged)
        try:
            sources.read(tmp_path, "a.parquet", COLUMNS)
        except RefusedFile as error:
            assert "\n" not in str(error)


def test_rows_of_parquet_are_accounted_for(tmp_path):
    parquet(tmp_path, user_id=["u", None], item_id=["i", "j"], time=[1, 2])
    lines = sources.deliver(tmp_path, "a.parquet", COLUMNS).lines
    assert (lines.total, lines.rows) == (2, 2)
