"""A sample of one file's rows, as text: all of a small file, both ends of a big one.

Here: one file. Not here: which files belong together (`mmrec/drafting/samples.py`).
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.ingest import delimited, jsonlines, parquet, sources
from mmrec.ingest.text import PROBLEM, RefusedFile, checked, open_text

UNREADABLE = (
    RefusedFile,
    OSError,
    EOFError,
    zlib.error,
    csv.Error,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
_COPIED_BYTES = 1 << 20  # of one file
_WHOLE_BYTES, _END_BYTES = 4 << 20, 256 << 10  # a bigger text file is read at its two ends
_END_ROWS = 10_000  # of a Parquet file
_FIRST_ROWS, _ID_CHARACTERS = 100, 200  # bytes that are text, and no longer, may be ids
_VALUE = re.compile(r"[-+\d.,:/ TZ]*\d[-+\d.,:/ TZ]*")


@dataclass(frozen=True)
class Sample:
    """A file's good sampled rows as text, how many rows it has (estimated from the bytes where not all are read), and
    the columns that are left out; of the other sampled rows how many there are, and what most of them suffer from.
    """

    rows: pl.DataFrame = field(repr=False)
    row_count: int
    left_out: tuple[str, ...] = ()
    bad: int = 0
    problem: str | None = None


def sample(path: Path) -> Sample:
    """A sample of one file. Raises one of `UNREADABLE`."""
    if sources.kind(path.name) == ".parquet":
        return _parquet(path)
    data, share = _ends(path, _WHOLE_BYTES)
    if not data.strip():
        raise RefusedFile("is empty")
    is_delimited = sources.kind(path.name) in (".csv", ".tsv")
    header = delimited.header_of(data, [])[1] if is_delimited else jsonlines.keys(data)
    names = _names(header)
    if not names:
        array = "one JSON array" if data.lstrip().startswith(b"[") else "no line that is a JSON object"
        raise RefusedFile("has no column names" if is_delimited else f"holds {array}; one object a line is expected")
    frame = delimited.read(data, names) if is_delimited else jsonlines.read(data, names)
    bad = frame.filter(pl.col(PROBLEM).is_not_null())
    good = frame.filter(pl.col(PROBLEM).is_null()).drop(PROBLEM)
    told = str(bad[PROBLEM].value_counts().sort("count", PROBLEM)[PROBLEM][-1]) if bad.height else None
    left_out = tuple(dict.fromkeys(name for name in header if name and name not in names))
    return Sample(good, round(good.height / share), left_out, bad.height, told)


def copy_sample(path: Path, to: Path) -> None:
    """A file, or a part of a big one, under another path."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if sources.kind(path.name) == ".parquet" and (part := sample(path)).rows.height < part.row_count:
        part.rows.write_parquet(to)
    elif sources.kind(path.name) != ".parquet" and path.stat().st_size > _COPIED_BYTES:
        to.write_bytes(_ends(path, _COPIED_BYTES)[0])
    else:
        to.symlink_to(path.resolve())


def _ends(path: Path, whole_bytes: int) -> tuple[bytes, float]:
    """A text file's bytes, or whole lines of its beginning and its end; and which share of the file they are."""
    size = path.stat().st_size
    with open_text(path) as file:
        head = file.read(whole_bytes)
        more = file.read(1)
        if not more:
            return checked(head), 1.0
        if getattr(file, "fileobj", None):  # packed: its end cannot be reached without all that lies before
            return checked(head[: head.rfind(b"\n") + 1]), file.fileobj.tell() / size  # type: ignore[attr-defined]
        if head.lstrip().startswith(b"["):  # an array is read up to where it breaks off
            return checked(head), len(head) / size
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


def _parquet(path: Path) -> Sample:
    rows = parquet.scan(path)
    count = rows.select(pl.len()).collect().item()
    names = {name.strip(): _is_readable(rows, name, dtype) for name, dtype in rows.collect_schema().items()}
    kept = [name for name, readable in names.items() if readable]
    ends = [rows.head(_END_ROWS), rows.tail(_END_ROWS)] if count > 2 * _END_ROWS else [rows]
    good = pl.concat([parquet.as_text(end, kept).collect() for end in ends])
    return Sample(good.drop(PROBLEM), count, tuple(name for name in names if name not in kept))


def _is_readable(rows: pl.LazyFrame, name: str, dtype: Any) -> bool:
    """Whether a column may be somebody's: embeddings are not, which are dear to write as text, nor are pictures."""
    inner = getattr(dtype, "inner", None)
    if inner is not None and inner.is_float():
        return False
    if dtype != pl.Binary:
        return True
    try:
        texts = parquet.as_text(rows.head(_FIRST_ROWS), [name.strip()]).collect().to_series()
    except UNREADABLE:
        return False
    return bool((texts.str.len_chars() <= _ID_CHARACTERS).all())
