"""An older lake is written anew in today's format, beside itself, and then takes its own place.

Carried over are the tables as they are, and the newest published snapshot with the rows that it pins; what older
snapshots pin is given up, and `mmrec run --last N` makes their periods again. A kill leaves the old lake, or the new
one. Here: the order of all that. Not here: what becomes of which table (`format_1.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mmrec import folders, tables
from mmrec.builds.assets import FUSED
from mmrec.builds.ledger import newest_rows
from mmrec.errors import MmrecError
from mmrec.lake import writing
from mmrec.lake.files import local_folder
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.tables import Table
from mmrec.upkeep import format_1


@dataclass(frozen=True)
class Migration:
    """What is to be done: the tables with their rows and bytes, the snapshot that stays, and the periods given up."""

    root: Path
    tables: dict[str, tuple[int, int]]
    period: str
    pins: dict[str, int]
    given_up: list[str]

    @property
    def kept_as(self) -> Path:
        """Where the old lake lies afterwards."""
        return self.root.with_name(f"{self.root.name}.format-1")


def planned(root: str) -> Migration | None:
    """What there is to do for the lake at a root; None where it has today's format, or there is none."""
    folder = local_folder(root)
    if folder is None:
        raise MmrecError(
            f"{root} is an object store, where a lake cannot take its own place: name a new place in [lake] root and "
            f"type `mmrec run`"
        )
    _finish(folder)
    old = Lake(root, format=format_1.FORMAT)
    if writing.described(old.uri(tables.BUILDS)) != format_1.FORMAT:
        return None
    sizes = {table.name: old.size(table.name) for table in _carried() if old.exists(table.name)}
    published = old.scan(tables.SNAPSHOTS).sort("at").collect()
    if published.is_empty():
        return Migration(folder, sizes, "", {}, [])
    period = published["period"][-1]
    rows = newest_rows(published.lazy().filter(pl.col("period") == period), "period").collect()
    others = sorted(set(published["period"]) - {period})
    return Migration(folder, sizes, period, dict(rows.select("table", "version").iter_rows()), others)


def migrate(todo: Migration) -> Iterator[str]:
    """Writes every table anew, and gives a line for each; then the new lake stands where the old one stood."""
    begun = _beside(todo.root, "migrating")
    shutil.rmtree(begun, ignore_errors=True)
    old, new = Lake(str(todo.root), format=format_1.FORMAT), Lake(str(begun))
    pins: dict[str, int] = {}
    with folders.told(begun.parent, f"the folder {begun.parent}"):
        for table in _carried():
            if table.name in todo.tables and table.name not in (tables.SNAPSHOTS, tables.BUILDS):
                yield f"{table.name}: {todo.tables[table.name][0]:,} bytes, {todo.tables[table.name][1]:,} rows"
                pins |= _carry(old, new, table, todo.pins.get(table.name))
        _carry_builds(old, new)
        _carry_snapshot(old, new, todo, pins)
        begun.rename(_beside(todo.root, "migrated"))
        _finish(todo.root)


def _carried() -> list[Table]:
    made_of_items = (tables.FUSED_CURRENT, tables.FUSED_VECTORS)
    return [format_1.ITEMS, *[table for table in tables.ALL if table.name not in made_of_items]]


def _beside(root: Path, word: str) -> Path:
    return root.with_name(f".{root.name}.{word}")


def _finish(root: Path) -> None:
    """Puts a lake that was written whole in the place of the old one; also where an earlier run was killed at it."""
    made, kept = _beside(root, "migrated"), root.with_name(f"{root.name}.format-1")
    if not made.exists():
        return
    if root.exists():
        shutil.rmtree(kept, ignore_errors=True)
        root.rename(kept)
    made.rename(root)


def _carry(old: Lake, new: Lake, table: Table, pin: int | None) -> dict[str, int]:
    """Writes a table's rows: as the snapshot pins them, then as they are. Its new version as of the pin, by name."""
    if table.heavy and not table.pinned:  # vectors: file by file, so that they need not fit the memory
        for rows in old.parts(table):
            new.append(table.name, rows)
        return {}
    now = old.version(table.name)
    states = [pin, now] if pin is not None and pin != now else [now]
    found: dict[str, int] = {}
    for state in states:
        for name, rows in _written(old.rows_as(table, state).collect(), table):
            added = rows
            if name == tables.FUSED_VECTORS:
                there = new.scan(name).select("key").collect()
                added = rows.join(there, on="key", how="anti")
            version = new.append(name, added) if name == tables.FUSED_VECTORS else new.replace(name, added)
            if pin is not None and state == states[0] and tables.contract(name).pinned:
                found[name] = version
    return found


def _written(rows: pl.DataFrame, table: Table) -> Iterator[tuple[str, pl.DataFrame]]:
    """Today's tables that rows of an old one go into."""
    if table.name == format_1.ITEMS.name:
        yield tables.FUSED_VECTORS, format_1.vectors(rows)
        yield tables.FUSED_CURRENT, format_1.current(rows)
    elif table.name == tables.EVALUATION:
        yield table.name, format_1.evaluation(rows)
    elif table.name == tables.MODEL_CANDIDATES:
        yield table.name, tables.contract(table.name).conform(format_1.candidates(rows))
    elif "ctime_ns" in rows.columns:
        yield table.name, rows.with_columns(pl.col("ctime_ns").fill_null(0))  # looked at again
    else:
        yield table.name, rows


def _carry_builds(old: Lake, new: Lake) -> None:
    """The ledger of builds; of fused items with the data version that their rows have now."""
    builds = old.scan(tables.BUILDS).collect()
    rows = new.scan(tables.FUSED_CURRENT).select("item_id", "digest", _one=pl.lit("")).collect()
    version = digest(rows, "_one", ["item_id", "digest"]).get("", "empty")
    of_fused = pl.col("asset") == FUSED
    renamed = pl.when(of_fused).then(pl.lit(version)).otherwise("data_version")
    new.append(tables.BUILDS, builds.with_columns(data_version=renamed))


def _carry_snapshot(old: Lake, new: Lake, todo: Migration, pins: dict[str, int]) -> None:
    """The newest snapshot, pinning what its tables are in the new lake."""
    of_period = old.scan(tables.SNAPSHOTS).filter(pl.col("period") == todo.period)
    rows = newest_rows(of_period, "period").collect()
    renamed = pl.col("table").replace({format_1.ITEMS.name: tables.FUSED_CURRENT})
    pinned = rows.with_columns(table=renamed).filter(pl.col("table").is_in(list(pins)))
    new.append(tables.SNAPSHOTS, pinned.with_columns(version=pl.col("table").replace_strict(pins, default=0)))
