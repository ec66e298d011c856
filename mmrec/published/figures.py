"""The figures of `model/evaluation`, with what a row is called and where it stands in a table.

Not here: how figures come about (`mmrec/evaluation`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mmrec import tables
from mmrec.evaluation import steered
from mmrec.evaluation.selection import MODEL
from mmrec.lake.store import Lake
from mmrec.models.zoo import ZOO


def read(lake: Lake, periods: Sequence[str]) -> pl.DataFrame:
    """Every figure of these periods: the table's columns, `label` (`a`, or `a − b`), and `place`, the order to show."""
    order = [MODEL, *steered.NAMES, *ZOO]
    rows = lake.scan(tables.EVALUATION).filter(pl.col("period").is_in(list(periods)))
    label = pl.when(pl.col("minus").is_null()).then("model").otherwise(pl.format("{} − {}", "model", "minus"))
    at = pl.coalesce("minus", "model").replace_strict(order, list(range(len(order))), default=len(order))
    behind = pl.when(pl.col("minus").is_null()).then(0).otherwise(len(order) + 1)
    return rows.with_columns(label=label, place=at + behind).collect()
