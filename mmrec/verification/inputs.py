"""Named inputs held against the digests that the lake stores beside their bytes.

They are given to a rebuild, so nothing else could tell a changed byte. Not here: rows that are rebuilt
(`mmrec/verification/oracle.py`), vectors (`mmrec/verification/vectors.py`) and published snapshots
(`mmrec/verification/snapshots.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.fusion.statistics import Statistics
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.stages.model.boundary import version_name
from mmrec.verification.comparing import Compared
from mmrec.verification.differences import Difference, bits

GIVEN = "given to the rebuild; held against its own digest"
Wrong = tuple[dict[str, Any], str, Any, Any]  # key of the row, what of it, expected, found


def given(lake: Lake) -> Iterator[Compared]:
    """Every named input's outcome."""
    yield statistics(lake)
    yield from versions(lake)


def statistics(lake: Lake) -> Compared:
    """The frozen statistics, each against its name, which is a digest of its bytes."""
    rows = lake.scan(tables.FUSED_STATISTICS).sort("version").collect()
    made = [
        Statistics(r["modality"], r["encoder_id"], np.array(r["mean"]), r["scale"], r["items"]).version
        for r in rows.iter_rows(named=True)
    ]
    return checked(tables.FUSED_STATISTICS, rows, _unlike(rows["version"].to_list(), made), GIVEN)


def versions(lake: Lake) -> Iterator[Compared]:
    """Every item-factor version: each array against its sha256, all of it against the name, items and search too."""
    named = lake.scan(tables.MODEL_VERSIONS).sort("version").collect()
    made: list[str] = []
    damaged: list[Wrong] = []
    miscounted: list[Wrong] = []
    held, items = [tables.contract(tables.MODEL_ARRAYS).empty()], [tables.contract(tables.MODEL_ITEMS).empty()]
    for row in named.iter_rows(named=True):
        mine = pl.col("version") == row["version"]
        arrays = lake.scan(tables.MODEL_ARRAYS).filter(mine).sort("name").collect()
        placed = lake.scan(tables.MODEL_ITEMS).filter(mine).sort("position").collect()
        data = dict(arrays.select("name", "data").iter_rows())
        ids = placed["item_id"].to_list()
        of_choice = row["boundary"], row["space"], json.loads(row["choice"])
        made.append(version_name(*of_choice, ids, data, row["weighing"], placed["digest"].to_list()))
        damaged += _damaged(arrays)
        miscounted += _miscounted(placed, data.get("counts", b""))
        held.append(arrays.with_columns(data=pl.lit(b"")))  # named by its sha256
        items.append(placed)
    yield checked(tables.MODEL_VERSIONS, named.drop("at"), _unlike(named["version"].to_list(), made), GIVEN)
    yield checked(tables.MODEL_ARRAYS, pl.concat(held).drop("data"), damaged, GIVEN)
    yield checked(tables.MODEL_ITEMS, pl.concat(items), miscounted, GIVEN)
    compared = lake.scan(tables.MODEL_CANDIDATES).sort("version", "trial").collect()
    yield checked(tables.MODEL_CANDIDATES, compared, _mischosen(compared, named), GIVEN)


def _damaged(arrays: pl.DataFrame) -> Iterator[Wrong]:
    for row in arrays.iter_rows(named=True):
        made = hashlib.sha256(row["data"]).hexdigest()
        if made != row["sha256"]:
            yield {"version": row["version"], "name": row["name"]}, "sha256", made, row["sha256"]


def _miscounted(items: pl.DataFrame, stored: bytes) -> Iterator[Wrong]:
    counts = np.frombuffer(stored, "<i8").tolist()
    for row in items.iter_rows(named=True):
        expected = counts[row["position"]] if row["position"] < len(counts) else None
        if expected != row["events"]:
            yield {"version": row["version"], "item_id": row["item_id"]}, "events", expected, row["events"]


def _mischosen(compared: pl.DataFrame, named: pl.DataFrame) -> Iterator[Wrong]:
    choice = dict(named.select("version", pl.col("choice").str.json_path_match("$.name")).iter_rows())
    won = compared.filter("chosen").select("version", "candidate").unique().sort(pl.all())
    for version, candidate in won.iter_rows():
        if choice.get(version) != candidate:
            yield {"version": version, "candidate": candidate}, "chosen", choice.get(version), candidate


def _unlike(names: Sequence[str], made: Sequence[str]) -> Iterator[Wrong]:
    for name, digested in zip(names, made, strict=True):
        if name != digested:
            yield {"version": name}, "version", digested, name


def checked(table: str, rows: pl.DataFrame, wrong: Iterable[Wrong], note: str) -> Compared:
    """The outcome of rows that were held against what they say of themselves."""
    found = list(wrong)
    one = digest(bits(rows).with_columns(_one=pl.lit("")), "_one", rows.columns).get("", "empty")
    if not found:
        return Compared(table, rows.height, one, note=note)
    key, what, expected, held = found[0]
    first = Difference(key, {what: (expected, held)}, f"differs in {what}")
    return Compared(table, rows.height, one, len(found), first=first, note=note)
