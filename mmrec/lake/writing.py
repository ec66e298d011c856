"""How a table is written: the format it names, how long its log is kept, and how vectors lie in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import deltalake
import polars as pl
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from mmrec.errors import MmrecError
from mmrec.tables import Table

FORMAT = "mmrec lake, format 2"  # each table's description; another format is refused with a clear line
_CONFIGURATION = {
    # Opening a table reads every commit since its last checkpoint: 5 ms against 25 with the default of 100 (2 cores).
    "delta.checkpointInterval": "10",
}
_PINNED = "interval 3650 days"  # a snapshot's pins must stay readable
_DATED = "interval 30 days"  # what nothing pins is looked back at by people alone
# Every commit lists the log: 8 ms with 100 entries, 30 with 2,000 (2 cores), and a big backfill makes thousands.
_UNDATED = "interval 10 minutes"
# Of tables of vectors. Small row groups, because a reader of one row decodes all vectors of its group: 800 scattered
# rows of 400,000 of 384 floats cost .4 s, in groups of 1,024 rows 3 s, and all of them the same (2 cores).
_HEAVY = deltalake.WriterProperties(
    compression="UNCOMPRESSED",
    default_column_properties=deltalake.ColumnProperties(dictionary_enabled=False),
    max_row_group_size=128,
)


def described(uri: str) -> str | None:
    """The format that the table there says it has; None where there is none."""
    try:
        return deltalake.DeltaTable(uri).metadata().description
    except (TableNotFoundError, OSError):
        return None


def other_format(uri: str, found: str | None) -> MmrecError:
    """What is said of a table of another format: an older lake can be brought to this one."""
    number = re.fullmatch(r"mmrec lake, format (\d+)", found or "")
    if number and 1 <= int(number[1]) < int(FORMAT.rpartition(" ")[2]):
        return MmrecError(f"the lake was written by an older version of mmrec ({uri}); type `mmrec migrate`")
    return MmrecError(f"{uri} is not a table of this version: expected '{FORMAT}'; use another lake root")


def properties(table: Table) -> deltalake.WriterProperties | None:
    """Of the files: None where the library's own are right."""
    return _HEAVY if table.heavy else None


def configuration(table: Table) -> dict[str, str]:
    """What is said of a table when it is made.

    The log of a table holds the smallest and largest value of these columns, file by file: of no column that is
    somebody's, and of no list.
    """
    told = [c.name for c in table.columns_ if not c.personal and not isinstance(c.dtype, pl.List)]
    kept = _UNDATED if not table.dated else _PINNED if table.pinned else _DATED
    stats = {"delta.logRetentionDuration": kept, "delta.dataSkippingStatsColumns": ",".join(told)}
    return {**_CONFIGURATION, **stats}


def options(table: Table, *, exists: bool, predicate: str | None) -> dict[str, Any]:
    """Of a commit that adds rows, or puts them in place of a predicate's; of a table's first one also what it is."""
    found: dict[str, Any] = {
        "mode": "append" if predicate is None else "overwrite",
        "partition_by": list(table.partition_by) or None,
        "schema_mode": "merge",  # a column that was added later is null in older files
        "writer_properties": properties(table),
        "description": None if exists else FORMAT,
        "configuration": None if exists else configuration(table),
    }
    return found if predicate is None else {**found, "predicate": predicate}


def merged(
    delta: deltalake.DeltaTable,
    table: Table,
    source: pl.DataFrame,
    on: Sequence[str],
    stamp: deltalake.CommitProperties,
) -> None:
    """Updates, inserts, or where `_gone` says so deletes the rows of a big table by the columns `on`, in one commit."""
    values = {f'"{name}"': f's."{name}"' for name in table.columns}
    merger = delta.merge(
        source=source.to_arrow(),
        predicate=" AND ".join(f't."{name}" = s."{name}"' for name in on),
        source_alias="s",
        target_alias="t",
        merge_schema=True,
        writer_properties=properties(table),
        commit_properties=stamp,
    )
    merger = merger.when_matched_delete("s._gone").when_matched_update(values, "NOT s._gone")
    merger.when_not_matched_insert(values, "NOT s._gone").execute()


def is_conflict(error: Exception) -> bool:
    """Whether another writer was faster; or so much that the log no longer begins with what this one has seen."""
    return isinstance(error, CommitFailedError) or (
        isinstance(error, DeltaError) and "Invalid table version" in str(error)
    )


def named(column: str, values: Sequence[str]) -> str:
    """The predicate of rows whose column holds one of these values."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f'"{column}" IN ({quoted})' if values else "false"
