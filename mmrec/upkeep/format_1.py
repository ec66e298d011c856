"""Format 1 of a lake, and how its tables become today's.

Until format 2, `fused/items` held every item's vector and was merged; the items of an item-factor version did not say
what they were fitted with; a search was up to six candidates, each with several metrics; a paired difference of figures
was one name, `a − b`; and the log of a table held the smallest and largest value of every column, also of people's ids.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds.assets import FUSED
from mmrec.keys import vector_checksums
from mmrec.lake.hashing import text_hashes
from mmrec.tables import VECTOR, Column, Table

FORMAT = "mmrec lake, format 1"
ITEMS = Table(
    "fused/items",
    FUSED,
    "one item's fused vector, and which modalities it had",
    "one of its embeddings, or the frozen statistics, change",
    (
        Column("item_id", pl.String, "the item"),
        Column("modalities", pl.List(pl.String), "the modalities it has, in block order"),
        Column("space", pl.String, "the space"),
        Column("digest", pl.String, "the space and the item's embedding keys, side by side"),
        Column("vector", VECTOR, "the vector"),
    ),
    ("item_id",),
    heavy=True,
    pinned=True,
)


def current(items: pl.DataFrame) -> pl.DataFrame:
    """The rows of `fused/current` that these rows of `fused/items` become."""
    return items.select("item_id", "modalities", "space", digest=text_hashes(items["digest"]))


def vectors(items: pl.DataFrame) -> pl.DataFrame:
    """The rows of `fused/vectors`, each vector once."""
    named = items.select("modalities", "space", "vector", key=text_hashes(items["digest"])).unique("key").sort("key")
    width = named["vector"].list.len().max() or 0
    matrix = named["vector"].list.to_array(width).to_numpy() if width else np.zeros((named.height, 0), np.float32)  # type: ignore[arg-type]
    checksums = pl.Series("checksum", vector_checksums(matrix), dtype=pl.Int64)
    return tables.contract(tables.FUSED_VECTORS).conform(named.with_columns(checksums))


def candidates(rows: pl.DataFrame) -> pl.DataFrame:
    """The search's rows, numbered in each version; what they cost is not known."""
    return rows.with_columns(
        trial=pl.int_range(pl.len()).over("version"), stage=pl.lit("fit"), share=pl.lit(1.0), work=None, seconds=None
    )


def evaluation(rows: pl.DataFrame) -> pl.DataFrame:
    """The figures, with a paired difference taken apart."""
    parts = pl.col("model").str.splitn(" − ", 2).struct
    return rows.with_columns(model=parts.field("field_0"), minus=parts.field("field_1"), p=pl.lit(None, pl.Float64))
