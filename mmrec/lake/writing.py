"""How a table is written: the format it names, how long its log is kept, and how vectors lie in a file."""

from __future__ import annotations

from typing import Any

import deltalake

from mmrec.tables import Table

FORMAT = "mmrec lake, format 1"  # each table's description; another format is refused with a clear line
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 3650 days",  # a snapshot's pins must stay readable
    # Opening a table reads every commit since its last checkpoint: 5 ms against 25 with the default of 100 (2 cores).
    "delta.checkpointInterval": "10",
}
# Every commit lists the log: 8 ms with 100 entries, 30 with 2,000 (2 cores), and a big backfill makes thousands.
_UNDATED = {**_CONFIGURATION, "delta.logRetentionDuration": "interval 10 minutes"}
# Of tables of vectors. Small row groups, because a reader of one row decodes all vectors of its group: one of 10,000
# rows of 1,664 floats costs 16 ms instead of 134, all of them as much as before (2 cores).
_HEAVY = deltalake.WriterProperties(
    compression="UNCOMPRESSED",
    default_column_properties=deltalake.ColumnProperties(dictionary_enabled=False),
    max_row_group_size=1024,
)


def properties(table: Table) -> deltalake.WriterProperties | None:
    """Of the files: None where the library's own are right."""
    return _HEAVY if table.heavy else None


def options(table: Table, *, exists: bool, predicate: str | None) -> dict[str, Any]:
    """Of a commit that adds rows, or puts them in place of a predicate's; of a table's first one also what it is."""
    found: dict[str, Any] = {
        "mode": "append" if predicate is None else "overwrite",
        "partition_by": list(table.partition_by) or None,
        "schema_mode": "merge",  # a column that was added later is null in older files
        "writer_properties": properties(table),
        "description": None if exists else FORMAT,
        "configuration": None if exists else (_CONFIGURATION if table.dated else _UNDATED),
    }
    return found if predicate is None else {**found, "predicate": predicate}
