"""The live files of a table: their size, and reading rows of them. Not here: which files are live (`store`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import deltalake
import numpy as np
import polars as pl

from mmrec import tables

_RUN_ROWS = 250  # a run of rows of a table of vectors costs as much as so many rows of 384 in one go (2 cores)


def size(delta: deltalake.DeltaTable) -> tuple[int, int]:
    """Bytes and rows of the live files of a table as it was last looked at."""
    files = pl.DataFrame(delta.get_add_actions(flatten=True))
    return int(files["size_bytes"].sum()), int(files["num_records"].sum())


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


def keyed_rows(files: Sequence[str], contract: tables.Table, keys: pl.DataFrame) -> pl.DataFrame:
    """One row a key of a content-addressed table's files, for `keys` (column `key`), in the order of the keys.

    Read are runs of rows that hold one; where they are scattered, the files that do. A semi-join over everything costs
    twenty times as much (.24 s against 5 to 8 s at 1 M rows of 384).
    """
    everything = scan_files(files, contract, where="_file").select("key", "_file").with_row_index("_at")
    held = everything.select("_at", "key").join(keys.lazy(), on="key", how="semi").collect()
    if held.is_empty():
        return contract.empty()
    counts = everything.group_by("_file").agg(pl.col("_at").min(), pl.len()).sort("_at").select("_file", "len")
    rows = _read_runs(held.unique("key").sort("_at"), counts.collect().rows(), contract)
    places = rows.select("key").with_row_index("at").join(keys, on="key", how="semi")
    return rows[places.unique("key", keep="any").sort("key")["at"]]  # the vectors are moved once


def _read_runs(places: pl.DataFrame, files: Sequence[tuple[str, int]], contract: tables.Table) -> pl.DataFrame:
    """The rows at some `places` (their number `_at` over all files, sorted) in runs, or the whole files that hold them,
    whichever is expected to cost less. `files`: each with its number of rows, in the order of the numbers.
    """
    ends = np.cumsum([rows for _, rows in files])
    at = places["_at"].to_numpy().astype(np.int64)
    file = np.searchsorted(ends, at, side="right")
    begins = np.flatnonzero((np.diff(at, prepend=-2) != 1) | (np.diff(file, prepend=-1) != 0))
    wanted = [files[each] for each in np.unique(file)]
    if len(begins) * _RUN_ROWS >= sum(rows for _, rows in wanted):
        return scan_files([name for name, _ in wanted], contract).collect()
    lengths = np.diff(np.append(begins, len(at)))
    starts = at[begins] - (ends - [rows for _, rows in files])[file[begins]]
    runs = zip((files[each][0] for each in file[begins]), starts.tolist(), lengths.tolist(), strict=True)
    # One by one: a concatenation of slices reads their files whole.
    return pl.concat([scan_files([name], contract).slice(start, rows).collect() for name, start, rows in runs])


def local_folder(root: str) -> Path | None:
    """The lake's folder, None where it is an object store."""
    return None if "://" in root else Path(root)
