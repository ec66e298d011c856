"""What no published snapshot needs is deleted: files that only old versions of a table hold, and their part of its log.

Kept are the newest version of every table, each version that the newest snapshot of a period pins, and every version of
the last days: a run, or a person, may still read it. A log is cut at a checkpoint before the oldest version that is
kept, so that each of these can be opened. Here: what may go, and deleting it. Not here: which rows are wrong or
damaged (`damage.py`), nor rows that are live: vectors that no item names any more stay, so that an undone edit is free.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmrec import folders, tables
from mmrec.errors import MmrecError
from mmrec.lake import history
from mmrec.lake.files import local_folder
from mmrec.lake.store import Lake
from mmrec.tables import Table
from mmrec.upkeep.damage import pinned

RUN_DAYS = 1.0  # longer than any run, which reads the versions that it saw first
DATED_DAYS = 30.0  # what nothing pins is looked back at by people alone
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Waste:
    """What of a table nobody needs: its files of rows and parts of its log, below its folder, and their bytes."""

    table: str
    rows: tuple[str, ...]
    log: tuple[str, ...]
    bytes: int


def planned(lake: Lake) -> list[Waste]:
    """What can be deleted, table by table. Raises where the lake lies in an object store."""
    if local_folder(lake.root) is None:
        raise MmrecError(f"{lake.root} is an object store; old files there are for a rule of its own to delete")
    lake = lake.acting_as("vacuum", "-")  # which sees what is pinned now
    found = [waste for table in tables.ALL if lake.exists(table.name) and (waste := _waste(lake, table)) is not None]
    return [each for each in found if each.rows or each.log]


def vacuum(lake: Lake, wastes: list[Waste]) -> Iterator[str]:
    """Deletes what was planned; a line a table. A kill loses nothing that is needed."""
    with folders.told(Path(lake.root), f"the folder {lake.root}"):
        for each in wastes:
            history.delete(Path(lake.uri(each.table)), (*each.rows, *each.log))
            yield f"{each.table}: {len(each.rows)} files of rows and {len(each.log)} parts of the log are deleted"


def _waste(lake: Lake, table: Table) -> Waste | None:
    folder = Path(lake.uri(table.name))
    days = RUN_DAYS if table.pinned or not table.dated else DATED_DAYS
    before = time.time() - days * _DAY_SECONDS
    recent = history.since(folder, before)
    if recent is None:  # its log was cleaned up to now: what a running stage reads is not known
        return None
    now, pins = lake.version(table.name), pinned(lake, table.name) if table.pinned else []
    assert now is not None
    kept = history.added(folder, recent).union(*(lake.files(table.name, each) for each in {now, recent, *pins}))
    rows = [file for file in history.files(folder, before) if file not in kept]
    log = history.parts_before(folder, min([recent, *pins]))
    return Waste(table.name, tuple(rows), tuple(log), sum((folder / file).stat().st_size for file in (*rows, *log)))
