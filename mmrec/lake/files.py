"""The live files of a table: their size, and scanning them. Not here: which files are live (`store`), nor rows by key
(`keyed`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import deltalake
import polars as pl

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


def local_folder(root: str) -> Path | None:
    """The lake's folder, None where it is an object store."""
    return None if "://" in root else Path(root)
