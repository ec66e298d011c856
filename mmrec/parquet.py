"""Parquet: typed columns, written as the text that the row rules read.

Here: a file's schema and its wanted columns as text. A float that is a whole number is written without a decimal point
(a column of whole ids becomes one of floats as soon as one is missing), NaN is no value, lists are joined by spaces,
objects are JSON. Not here: which column is what (`mmrec/sources.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from mmrec.delivered import PROBLEM, require

_WHOLE_UP_TO = 2.0**53  # beyond, a float does not hold every whole number


def read(path: Path, wanted: list[str]) -> pl.DataFrame:
    """The wanted columns and `_problem`. Raises `RefusedFile` when one is absent or cannot be written as text."""
    return as_text(pl.scan_parquet(path, glob=False), wanted).collect()


def as_text(rows: pl.LazyFrame, wanted: list[str]) -> pl.LazyFrame:
    """The wanted columns of typed rows as text, with an empty `_problem`."""
    schema = {name.strip(): (name, dtype) for name, dtype in rows.collect_schema().items()}
    require(wanted, list(schema))
    texts = [_text(pl.col(schema[name][0]), schema[name][1]).alias(name) for name in wanted]
    return rows.select(*texts, pl.lit(None, dtype=pl.String).alias(PROBLEM))


def _text(values: pl.Expr, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return values.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{'%:z' if dtype.time_zone else ''}")
    if dtype.is_float():
        whole = (values == values.round()) & (values.abs() < _WHOLE_UP_TO)
        return pl.when(whole).then(values.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(_number(values))
    if isinstance(dtype, pl.List):
        return values.list.eval(_text(pl.element(), dtype.inner)).list.join(" ")
    if isinstance(dtype, pl.Array):
        return _text(values.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return values.struct.json_encode()
    return values.cast(pl.String)


def _number(values: pl.Expr) -> pl.Expr:
    return pl.when(values.is_not_nan()).then(values.cast(pl.String))
