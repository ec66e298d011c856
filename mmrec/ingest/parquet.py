"""Parquet: typed columns, written as the text that the row rules read.

Here: a file's schema and its wanted columns as text. A float or decimal that is a whole number is written without a
decimal point (a column of whole ids becomes one of floats as soon as one is missing), NaN is no value, bytes are the
UTF-8 that they hold or, sixteen of them, a UUID, lists are joined by spaces, objects are JSON. Not here: which column
is what (`mmrec/ingest/sources.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.ingest.text import PROBLEM, Delivered, RefusedFile, require

_WHOLE_UP_TO = 2.0**53  # beyond, a float does not hold every whole number
_UUID_BYTES, _UUID_ENDS = 16, (8, 12, 16, 20, 32)  # where its groups of digits end


def read(path: Path, wanted: list[str], ids: Collection[str] = ()) -> Delivered:
    """The wanted columns and `_problem`. Raises `RefusedFile` when one is absent or cannot be written as text.

    `ids`: columns that must not hold objects.
    """
    rows = scan(path)
    schema = rows.collect_schema()
    for name in ids:
        if isinstance(dtype := schema.get(name), pl.Struct):
            told = ", ".join(field.name for field in dtype.fields)[:200]
            raise RefusedFile(f"{name} is an object with the fields {told}; text or a number is expected")
    frame = as_text(rows, wanted).collect()
    return Delivered.of(frame, frame.height)


def scan(path: Path) -> pl.LazyFrame:
    """A file's rows as they are typed; columns of UUIDs, which are sixteen bytes in the file, as their usual text."""
    rows = pl.scan_parquet(path, glob=False)
    uuids = _uuids(path) if pl.Binary in rows.collect_schema().values() else []
    return rows.with_columns(_uuid(pl.col(name)) for name in uuids)


def as_text(rows: pl.LazyFrame, wanted: list[str]) -> pl.LazyFrame:
    """The wanted columns of typed rows as text, with an empty `_problem`."""
    schema = {name.strip(): (name, dtype) for name, dtype in rows.collect_schema().items()}
    require(wanted, list(schema))
    texts = [_text(pl.col(schema[name][0]), schema[name][1]).alias(name) for name in wanted]
    return rows.select(*texts, pl.lit(None, dtype=pl.String).alias(PROBLEM))


def _text(values: pl.Expr, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return values.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{'%:z' if dtype.time_zone else ''}")
    if isinstance(dtype, pl.List):
        return values.list.eval(_text(pl.element(), dtype.inner)).list.join(" ")
    if isinstance(dtype, pl.Array):
        return _text(values.arr.to_list(), pl.List(dtype.inner))
    if dtype == pl.Binary:
        return values.map_batches(_bytes_as_text, return_dtype=pl.String)
    return values.struct.json_encode() if isinstance(dtype, pl.Struct) else _plain(values, dtype)


def _plain(values: pl.Expr, dtype: Any) -> pl.Expr:
    if dtype.is_float():
        whole = (values == values.round()) & (values.abs() < _WHOLE_UP_TO)
        number = pl.when(values.is_not_nan()).then(values.cast(pl.String))
        return pl.when(whole).then(values.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(number)
    text = values.cast(pl.String)
    return text.str.replace(r"\.0+$", "") if dtype.is_decimal() else text


def _bytes_as_text(values: pl.Series) -> pl.Series:
    """Bytes as the UTF-8 that they hold. A column of sixteen bytes each that are none is one of UUIDs."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        if not (values.bin.size() == _UUID_BYTES).all():
            raise
        return values.to_frame().select(_uuid(pl.first())).to_series()


def _uuids(path: Path) -> list[str]:
    """The columns that the file says are UUIDs; for Polars they are bytes like any other."""
    from pyarrow import parquet  # a third of a second, and most files have no column of bytes

    columns = parquet.ParquetFile(path).schema
    leaves = [columns.column(at) for at in range(len(columns))]
    return [leaf.path for leaf in leaves if leaf.logical_type.type == "UUID" and leaf.path == leaf.name]


def _uuid(values: pl.Expr) -> pl.Expr:
    """Sixteen bytes as a UUID is usually written, with 36 characters."""
    digits = values.bin.encode("hex")
    begins = (0, *_UUID_ENDS[:-1])
    groups = [digits.str.slice(begin, end - begin) for begin, end in zip(begins, _UUID_ENDS, strict=True)]
    return pl.concat_str(groups, separator="-")
