"""What of a lake is damaged: every file is read once and held against its seal, every table against its builds.

Nothing is computed. Here: finding. Not here: mending (`repair.py`), nor whether what is stored is right
(`mmrec/verification`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.builds import ledger, publishing
from mmrec.errors import MmrecError
from mmrec.lake import keyed, seals
from mmrec.lake.files import local_folder
from mmrec.lake.seals import Damage
from mmrec.lake.store import Lake
from mmrec.settings import Settings

_DIGESTED = ("raw", "validated", "recommendations")  # stages whose data versions are digests of their rows


@dataclass(frozen=True)
class Found:
    """A table with what is wrong with it: a damage to a file, or rows that are not what was built."""

    table: str
    told: str
    damage: Damage | None = None


def found(lake: Lake, settings: Settings) -> Iterator[Found]:
    """Everything that is wrong with the bytes of a lake, table by table."""
    folder = local_folder(lake.root)
    if folder is None:
        raise MmrecError(f"{lake.root} is an object store, which looks after its bytes itself: nothing to check here")
    whole = True
    for table in tables.ALL:  # the ledgers come first
        for each in of_table(lake, table.name, pinned(lake, table.name) if whole and table.pinned else []):
            whole = False
            yield each
    if whole:  # else the ledgers may be what is damaged
        yield from _unlike_builds(lake)


def of_table(lake: Lake, table: str, versions: Iterable[int] = ()) -> Iterator[Found]:
    """The damaged files of one table: of its log, of what it holds now, and of what it held at these versions."""
    folder = local_folder(lake.uri(table))
    if folder is None or not folder.exists():
        return
    of_log = list(seals.damages(folder, []))
    yield from (Found(table, f"{each.path} {each.told}", each) for each in of_log)
    if not of_log:  # a log that cannot be read names no files
        held = {file for version in (None, *versions) for file in lake.files(table, version)}
        of_rows = (each for each in seals.damages(folder, sorted(held)) if not each.path.startswith(seals.LOG))
        yield from (Found(table, f"{each.path} {each.told}", each) for each in of_rows)
        of_keys = (file for file in sorted(held) if keyed.is_damaged(folder / file))
        told = "has damaged notes of its keys"
        yield from (Found(table, f"{file} {told}", Damage(folder, file, "keys", told)) for file in of_keys)


def pinned(lake: Lake, table: str) -> list[int]:
    """The versions of a table that the newest snapshot of each period pins."""
    rows = ledger.newest_rows(lake.scan(tables.SNAPSHOTS), "period").filter(pl.col("table") == table)
    return rows.select(pl.col("version").unique().sort()).collect()["version"].to_list()


def explained(lake: Lake, error: BaseException) -> MmrecError | None:
    """The damage that an error of a library comes from; None where every file is whole."""
    if type(error).__module__.partition(".")[0] not in _READERS and not isinstance(error, OSError):
        return None
    for table in tables.ALL:
        for each in of_table(lake, table.name):
            assert each.damage is not None
            return each.damage.error(each.table)
    return None


_READERS = ("polars", "pyarrow", "deltalake", "duckdb", "_duckdb", "_internal", "pyo3_runtime", "builtins")


def _unlike_builds(lake: Lake) -> Iterator[Found]:
    """Tables whose rows are not what their newest builds say: their number, and where it is stored their digest."""
    for asset in sorted(set(ledger.ledger(lake)["asset"])):
        stage, table = asset.partition("/")[0], tables.main_table(asset)
        builds = {period: each for period, each in ledger.newest(lake, asset).items() if each.stage_key}
        acting = lake.acting_as(asset, "")
        lost = publishing.lost(acting, builds)
        if lost:
            yield Found(table.name, f"holds another number of rows than were built, in {', '.join(sorted(lost)[:5])}")
        elif stage in _DIGESTED and not table.name.startswith("ledger/") and builds:
            wrong = [period for period, each in builds.items() if _digest(lake, table, period) != each.data_version]
            if wrong:
                yield Found(table.name, f"holds other rows than were built, in {', '.join(sorted(wrong)[:5])}")


def _digest(lake: Lake, table: tables.Table, period: str) -> str:
    rows = lake.scan(table.name, periods=[period] if "period" in table.partition_by else None).collect()
    return publishing.digests(table, rows).get(period, publishing.EMPTY)
