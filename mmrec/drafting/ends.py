"""A sample of one file's rows, as text: all of a small file, both ends of a big one.

Here: one file. Not here: which files belong together (`mmrec/drafting/samples.py`).
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from pathlib import Path
from typing import Any

import polars as pl

from mmrec import delimited, jsonlines, parquet, sources
from mmrec.delivered import PROBLEM, RefusedFile, checked, open_text

UNREADABLE = (
    RefusedFile,
    OSError,
    EOFError,
    zlib.error,
    csv.Error,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
_WHOLE_BYTES, _END_BYTES = 4 << 20, 256 << 10  # a bigger text file is read at its two ends
_END_ROWS = 10_000  # of a Parquet file
_VALUE = re.compile(r"[-+\d.,:/ TZ]*\d[-+\d.,:/ TZ]*")


def rows_of(path: Path) -> tuple[pl.DataFrame, int]:
    """A sample of a file's good rows, and how many rows it has (estimated from the bytes where not all are read).

    Raises one of `UNREADABLE`.
    """
    if sources.kind(path.name) == ".parquet":
        return _parquet_rows(path)
    data, share = _ends(path)
    lines = sources.kind(path.name) in (".csv", ".tsv")
    names = _names(delimited.header_of(data, [])[1]) if lines else jsonlines.keys(data)
    if not names:
        raise RefusedFile("is empty")
    frame = delimited.read(data, names) if lines else jsonlines.read(data, names)
    good = frame.filter(pl.col(PROBLEM).is_null()).drop(PROBLEM)
    return good, round(good.height / share)


def _ends(path: Path) -> tuple[bytes, float]:
    """A text file's bytes, or whole lines of its beginning and its end; and which share of the file they are."""
    size = path.stat().st_size
    with open_text(path) as file:
        head = file.read(_WHOLE_BYTES)
        more = file.read(1)
        if not more:
            return checked(head), 1.0
        if getattr(file, "fileobj", None):  # packed: its end cannot be reached without all that lies before
            return checked(head[: head.rfind(b"\n") + 1]), file.fileobj.tell() / size  # type: ignore[attr-defined]
        head = head[:_END_BYTES]
        file.seek(-_END_BYTES, os.SEEK_END)
        tail = file.read()
    lines = checked(head[: head.rfind(b"\n") + 1]) + tail[tail.find(b"\n") + 1 :]
    return lines, len(lines) / size


def _names(header: list[str]) -> list[str]:
    """The names of a header; a first line of values is refused, since it may name a person."""
    if any(_VALUE.fullmatch(name) for name in header):
        raise RefusedFile(f"begins with a line of {len(header)} values; a first line of column names is expected")
    return [name for name in header if name and header.count(name) == 1]


def _parquet_rows(path: Path) -> tuple[pl.DataFrame, int]:
    rows = pl.scan_parquet(path, glob=False)
    count = rows.select(pl.len()).collect().item()
    names = [name for name, dtype in rows.collect_schema().items() if not _is_vector(dtype)]
    ends = [rows.head(_END_ROWS), rows.tail(_END_ROWS)] if count > 2 * _END_ROWS else [rows]
    good = pl.concat([parquet.as_text(end, [name.strip() for name in names]).collect() for end in ends])
    return good.drop(PROBLEM), count


def _is_vector(dtype: Any) -> bool:
    """Embeddings and bytes, which are no column of anybody's and dear to write as text."""
    inner = getattr(dtype, "inner", None)
    return dtype == pl.Binary or (inner is not None and inner.is_float())
