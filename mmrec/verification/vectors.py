"""Stored vectors held against newly computed ones.

On a CPU the same input gives the same bits. On a GPU, and on two kinds of device, it gives vectors that point the same
way. Which kind computed a vector stands beside it; where it does not, the vector may be of another kind. Here: that
comparison, and putting the stored vectors in the place of the new ones. Not here: encoding
(`mmrec/stages/embeddings`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.verification.comparing import Compared, compare, together
from mmrec.verification.differences import list_hashes

# What two computations of one input must reach by precision, where they need not be equal in bits.
COSINES = {"fp32": 0.99999, "bf16": 0.9999}
SLICE_ROWS = 100_000  # vectors held at once, 150 MB of 384 floats
_EXACT = "cpu"  # the device on which a vector's bits depend on its input alone
_COLUMNS = ("key", "encoder_id", "vector", "checksum")


def vectors(lake: Lake, rebuilt: Lake, modality: str, precision: str) -> Compared:
    """Every stored vector: those that are named now by a new one, the others by their checksum."""
    table, parts, alike = tables.vectors(modality), [], 0
    stored = lake.scan(table).select("key").collect()["key"]
    for keys in slices(pl.concat([stored, named(rebuilt, modality)])):
        found = _once(lake.scan(table).join(keys.lazy(), on="key", how="semi").collect())
        ours = rebuilt.vectors(table, keys)
        close = _close(ours, found, COSINES[precision])
        alike += close.height
        theirs = pl.concat([found.join(ours, on="key", how="anti"), found.join(close, on="key", how="semi")])
        theirs = theirs.with_columns(checksum=list_hashes(theirs["vector"]))
        expected = pl.concat([ours.join(close, on="key", how="anti"), theirs])
        parts.append(compare(table, _once(expected), found, columns=_COLUMNS))
    note = f"{alike:,} of a GPU or of another kind of device, equal by cosine ≥ {COSINES[precision]}" if alike else ""
    empty = tables.contract(table).empty()
    return together(parts or [compare(table, empty, empty, columns=_COLUMNS)], note)


def fused(lake: Lake, rebuilt: Lake) -> Compared:
    """Every fused vector: those that are current against the rebuilt ones, the others by their checksum."""
    table, parts = tables.FUSED_VECTORS, []
    columns = tables.contract(table).columns
    current = rebuilt.scan(tables.FUSED_CURRENT).select(key="digest").collect()["key"]
    stored = lake.scan(table).select("key").collect()["key"]
    for keys in slices(pl.concat([stored, current])):
        found = _once(lake.scan(table).join(keys.lazy(), on="key", how="semi").collect())
        ours = rebuilt.vectors(table, keys.filter(pl.col("key").is_in(current.implode())))
        others = found.join(ours, on="key", how="anti")
        others = others.with_columns(checksum=list_hashes(others["vector"]))
        parts.append(compare(table, _once(pl.concat([ours, others])), found, columns=columns))
    empty = tables.contract(table).empty()
    return together(parts or [compare(table, empty, empty, columns=columns)])


def take_stored(lake: Lake, rebuilt: Lake, modality: str, precision: str) -> None:
    """Puts stored vectors that are equal by cosine in the place of the new ones, for what is built of them next."""
    table = tables.vectors(modality)
    kinds = pl.concat([each.scan(table).select(pl.col("device").unique()) for each in (lake, rebuilt)])
    if kinds.collect()["device"].unique().to_list() in ([], [_EXACT]):
        return
    ours = rebuilt.pinned({table: rebuilt.version(table) or 0})
    rebuilt.replace(table, tables.contract(table).empty())
    for keys in slices(named(ours, modality)):
        mine, theirs = ours.vectors(table, keys), lake.vectors(table, keys)
        close = _close(mine, theirs, COSINES[precision])
        parts = mine.join(close, on="key", how="anti"), theirs.join(close, on="key", how="semi")
        rebuilt.append(table, pl.concat(parts))


def slices(keys: pl.Series) -> Iterator[pl.DataFrame]:
    """Sorted distinct keys in tables of one column, so many at a time as vectors may be held at once."""
    yield from keys.unique().sort().alias("key").to_frame().iter_slices(SLICE_ROWS)


def named(lake: Lake, modality: str) -> pl.Series:
    """The keys that items and people's words have now."""
    of = [tables.current(modality), *([tables.USER_TEXTS] if modality == "text" else [])]
    return pl.concat([lake.scan(table).select("key") for table in of]).collect()["key"]


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    """A killed run can leave a vector twice; equal copies are one."""
    return rows.with_columns(_bits=list_hashes(rows["vector"])).unique(["key", "_bits", "checksum"]).drop("_bits")


def _close(ours: pl.DataFrame, theirs: pl.DataFrame, least: float) -> pl.DataFrame:
    """The keys whose vectors differ in bits, were not both computed on a CPU, and point the same way."""
    both = ours.join(theirs, on="key", suffix="_stored")
    both = both.filter(pl.any_horizontal(pl.col("device", "device_stored").ne_missing(_EXACT)))
    both = both.filter(pl.col("vector").list.len() == pl.col("vector_stored").list.len())
    both = both.filter(list_hashes(both["vector"]) != list_hashes(both["vector_stored"]))
    if both.is_empty():
        return both.select("key")
    a, b = (_flat(both[name]).reshape(both.height, -1) for name in ("vector", "vector_stored"))
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return both.filter(pl.Series(cosine >= least)).select("key")


def _flat(vectors: pl.Series) -> np.ndarray:
    return vectors.explode().to_numpy().astype(np.float64)
