"""Writes a lake as format 1 had it, from one of today: with other columns, and with people's ids in its logs."""

import shutil
from pathlib import Path

import deltalake
import polars as pl

from mmrec import tables
from mmrec.modalities import NAMES
from mmrec.stages.model import boundary
from mmrec.upkeep import format_1

MADE = (tables.FUSED_CURRENT, tables.FUSED_VECTORS)


def name_as_before(monkeypatch):
    """Item-factor versions are named without what their items were fitted with."""
    name = boundary.version_name
    monkeypatch.setattr(boundary, "version_name", lambda *about: name(*about[:-1], []))


def older(shop, between=lambda: None):
    """The shop's lake becomes one of format 1, with every table's snapshot pinned at its version 1.

    Every table gets an empty version 0. `between` is called before what is pinned becomes what is there.
    """
    root = Path(shop.lake.root)
    pinned = {name: rows.clone() for name, rows in _rows(shop.lake).items()}
    between()
    now, snapshots = _rows(shop.lake), shop.scan("ledger/snapshots")
    shutil.rmtree(root)
    for name, rows in pinned.items():
        _write(root, name, rows.clear())
        _write(root, name, rows, "overwrite")
        if not now[name].equals(rows):
            _write(root, name, now[name], "overwrite")
    shutil.rmtree(root / "ledger" / "snapshots")
    names = {tables.FUSED_CURRENT: "fused/items"}
    rows = snapshots.with_columns(pl.col("table").replace(names), version=pl.lit(1, pl.Int64))
    _write(root, "ledger/snapshots", rows)


def _rows(lake):
    found = {table.name: lake.pinned({}).scan(table.name).collect() for table in tables.ALL if lake.exists(table.name)}
    found["model/items"] = found["model/items"].drop("digest")
    of_search = ["trial", "stage", "share", "work", "seconds"]
    found["model/candidates"] = found["model/candidates"].drop(of_search)
    figures, minus = found["model/evaluation"], pl.format("{} − {}", "model", "minus")
    found["model/evaluation"] = figures.with_columns(model=pl.coalesce(minus, "model")).drop("minus")
    found = {
        name: rows.rename({"ctime_ns": "mtime_ns"}, strict=False) for name, rows in found.items() if name not in MADE
    }
    items = lake.sql("SELECT item_id, modalities, space, vector FROM fused.items").sort("item_id")
    named = [pl.col("space")]
    for modality in (each for each in NAMES if lake.exists(tables.current(modality=each))):
        keys = lake.scan(tables.current(modality)).select("item_id", pl.col("key").alias(modality)).collect()
        items = items.join(keys, on="item_id", how="left")
        named.append(pl.format(f"{modality}={{}}", pl.col(modality).fill_null("")))
    return {**found, "fused/items": items.with_columns(digest=pl.concat_str(named, separator="|"))}


def _write(root, name, rows, mode="append"):
    table = format_1.ITEMS if name == "fused/items" else tables.contract(name)
    deltalake.write_deltalake(
        str(root / name),
        rows.select(table.columns if set(table.columns) <= set(rows.columns) else rows.columns).to_arrow(),
        mode=mode,
        partition_by=list(table.partition_by) or None,
        description=format_1.FORMAT if not (root / name).exists() else None,
    )
