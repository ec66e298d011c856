"""The live files of a table: their size, and reading rows of them. Not here: which files are live (`store`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import deltalake
import numpy as np
import polars as pl
import pyarrow.parquet as pq

from mmrec import tables


def size(delta: deltalake.DeltaTable) -> tuple[int, int]:
    """Bytes and rows of the live files of a table as it was last looked at."""
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    return int(files["size_bytes"].sum()), int(files["num_records"].sum())


def counts(delta: deltalake.DeltaTable) -> dict[str, int]:
    """Rows by period, or under the empty one where there is none, of a table as it was last looked at."""
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    period = pl.col("partition.period") if "partition.period" in files.columns else pl.lit("")
    counted = files.group_by(period=period).agg(pl.col("num_records").sum())
    return {str(name): int(rows) for name, rows in counted.iter_rows()}


def scan_files(files: Sequence[str], contract: tables.Table, where: str | None = None) -> pl.LazyFrame:
    """The rows of a table's files, with the name of each row's file as `where`; no rows where there is no file."""
    if not files:
        nothing = contract.empty().lazy()
        return nothing.with_columns(pl.lit("").alias(where)) if where else nothing
    frame = pl.scan_parquet(
        list(files),
        hive_partitioning=bool(contract.partition_by),
        hive_schema={name: contract.schema[name] for name in contract.partition_by} or None,
        include_file_paths=where,
        # Files of before a column was added stand beside files of after it, in any order.
        schema={name: dtype for name, dtype in contract.schema.items() if name not in contract.partition_by},
        missing_columns="insert",
        extra_columns="ignore",
    )
    return frame.select(*contract.columns, *([where] if where else []))


def period_of(file: str) -> str | None:
    """The period that a file of a table with periods is of; None for any other file."""
    folder = file.rsplit("/", 2)[-2]
    return folder.removeprefix("period=") if folder.startswith("period=") else None


def of_periods(rows: pl.LazyFrame, periods: Collection[str] | None) -> pl.LazyFrame:
    """The rows of these periods; all of them for None."""
    return rows if periods is None else rows.filter(pl.col("period").is_in(list(periods)))


def keyed_rows(files: Sequence[str], contract: tables.Table, keys: pl.DataFrame) -> pl.DataFrame:
    """One row a key of a content-addressed table's files, for `keys` (column `key`), in the order of the keys.

    Read are the groups of rows that hold one. A semi-join over everything costs twenty times as much (.24 s against 5
    to 8 s at 1 M rows of 384).
    """
    everything = scan_files(files, contract, where="_file").select("key", "_file").with_row_index("_at")
    held = everything.select("_at", "key").join(keys.lazy(), on="key", how="semi").collect()
    if held.is_empty():
        return contract.empty()
    counts = everything.group_by("_file").agg(pl.col("_at").min(), pl.len()).sort("_at").select("_file", "len")
    rows = _read_places(held.unique("key").sort("_at"), counts.collect().rows(), contract)
    places = rows.select("key").with_row_index("at").join(keys, on="key", how="semi")
    return rows[places.unique("key", keep="any").sort("key")["at"]]  # the vectors are moved once


def _read_places(places: pl.DataFrame, files: Sequence[tuple[str, int]], contract: tables.Table) -> pl.DataFrame:
    """The rows at some `places` (their number `_at` over all files, sorted). `files`: each with its number of rows, in
    the order of the numbers. Of files here the groups of rows that hold one are read; of an object store's whole files.
    """
    ends = np.cumsum([rows for _, rows in files])
    at = places["_at"].to_numpy().astype(np.int64)
    file = np.searchsorted(ends, at, side="right")
    own = at - (ends - [rows for _, rows in files])[file]
    return pl.concat([_rows_of_file(files[each][0], own[file == each], contract) for each in np.unique(file)])


def _rows_of_file(name: str, own: np.ndarray, contract: tables.Table) -> pl.DataFrame:
    if "://" in name:
        return scan_files([name], contract).collect()[own.tolist()]
    with pq.ParquetFile(name, memory_map=True) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        group = np.searchsorted(ends, own, side="right")
        read, place = np.unique(group, return_inverse=True)
        begins = np.concatenate([[0], np.cumsum(np.array(sizes)[read])])[:-1]
        held = set(file.schema_arrow.names)
        read_columns = [each for each in contract.columns if each in held]
        rows = pl.DataFrame(file.read_row_groups(read.tolist(), columns=read_columns))
    return contract.conform(rows[(begins[place] + own - (ends - sizes)[group]).tolist()], partial=True)


def local_folder(root: str) -> Path | None:
    """The lake's folder, None where it is an object store."""
    return None if "://" in root else Path(root)
