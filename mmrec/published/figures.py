"""The figures of `model/evaluation` as they are read: a paired difference has the model it is taken from in `minus`.

Stored, both are one name, `a − b`: said here, and by whoever stores them. Not here: how figures come about.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mmrec import tables
from mmrec.evaluation.selection import MODEL
from mmrec.lake.store import Lake
from mmrec.models.zoo import ZOO

_MINUS = " − "


def read(lake: Lake, periods: Sequence[str]) -> pl.DataFrame:
    """Every figure of these periods: the table's columns, and `label`, `minus` and `place` (the order to show them in).

    `label` is the stored name, `model` without what it is taken from.
    """
    order = [MODEL, *ZOO]
    rows = lake.scan(tables.EVALUATION).filter(pl.col("period").is_in(list(periods)))
    parts = pl.col("model").str.splitn(_MINUS, 2)
    named = rows.with_columns(label="model", model=parts.struct.field("field_0"), minus=parts.struct.field("field_1"))
    at = pl.coalesce("minus", "model").replace_strict(order, list(range(len(order))), default=len(order))
    return named.with_columns(place=at + pl.when(pl.col("minus").is_null()).then(0).otherwise(len(order) + 1)).collect()
