"""The data files below a folder, gathered into sources, and a sample of each.

A source is some files with the same columns. Big files are read at their two ends and long lists of files at a few
places, so that a folder of any size answers within seconds. Not here: what a column holds
(`mmrec/drafting/columns.py`).
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from mmrec import delimited, jsonlines, parquet, sources
from mmrec.delivered import PROBLEM, RefusedFile, checked, open_text
from mmrec.drafting.columns import Column
from mmrec.drafting.patterns import mask

_WHOLE_BYTES, _END_BYTES = 4 << 20, 256 << 10  # a bigger text file is read at its two ends
_END_ROWS = 10_000  # of a Parquet file
_FILES = 8  # read of a source that has more
_FOLDERS = 200  # the nearest, in which named files are looked for
_NAMES = 50  # more kinds of names than these in one folder are taken for one
_UNREADABLE = (
    RefusedFile,
    OSError,
    EOFError,
    zlib.error,
    csv.Error,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
_VALUE = re.compile(r"[-+\d.,:/ TZ]*\d[-+\d.,:/ TZ]*")


@dataclass(frozen=True)
class Source:
    """Files with the same columns; `rows` are a sample, as text, and all there are if `whole`."""

    files: tuple[str, ...]
    rows: pl.DataFrame = field(repr=False, compare=False)
    row_count: int  # estimated from the bytes where not `whole`
    whole: bool

    @cached_property
    def columns(self) -> list[Column]:
        """Its columns in their order."""
        return [Column(name, self.rows[name]) for name in self.rows.columns]


@dataclass(frozen=True)
class Found:
    """What lies below a folder: sources, folders (nearest first), and files that cannot be read, with the reason."""

    sources: list[Source]
    folders: list[str]
    unreadable: list[str]


def look(folder: Path) -> Found:
    """Everything below `folder` that could be delivered data; hidden files and folders are left out."""
    files, folders = _walk(folder)
    alike: dict[tuple[str, ...], list[Source]] = {}
    unreadable: list[str] = []
    for names in _groups(files):
        try:
            source = _sample(folder, names)
            alike.setdefault(tuple(sorted(source.rows.columns)), []).append(source)
        except _UNREADABLE as error:
            told = str(error).strip() or type(error).__name__
            unreadable.append(f"{names[0]} {told.splitlines()[0][:200]}")
    return Found([_joined(same) for same in alike.values()], folders, unreadable)


def _walk(folder: Path) -> tuple[list[str], list[str]]:
    files, folders = [], []
    for root, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        here = PurePosixPath(Path(root).relative_to(folder))
        folders.append(str(here))
        files += [str(here / name) for name in names if sources.kind(name) and not name.startswith(".")]
    return sorted(filter(_is_text, files)), sorted(filter(_is_text, folders), key=lambda name: name.count("/"))[
        :_FOLDERS
    ]


def _is_text(name: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name)


def _groups(files: list[str]) -> list[list[str]]:
    """Files whose names differ in numbers alone, such as dates, are of one group."""
    masks = {name: mask(name) for name in files}
    crowd = Counter((PurePosixPath(each).parent, sources.kind(each)) for each in set(masks.values()))
    groups: dict[Any, list[str]] = {}
    for name, each in masks.items():
        place = (PurePosixPath(each).parent, sources.kind(each))
        groups.setdefault(place if crowd[place] > _NAMES else each, []).append(name)
    return list(groups.values())


def _joined(alike: list[Source]) -> Source:
    return Source(
        tuple(sorted(file for source in alike for file in source.files)),
        pl.concat([source.rows for source in alike], how="diagonal"),
        sum(source.row_count for source in alike),
        all(source.whole for source in alike),
    )


def _sample(folder: Path, names: list[str]) -> Source:
    chosen = sorted({round(at * (len(names) - 1) / (_FILES - 1)) for at in range(_FILES)})
    parts = [_rows(folder / names[at]) for at in chosen]
    sizes = [(folder / name).stat().st_size for name in names]
    read_share = sum(sizes[at] for at in chosen) / max(sum(sizes), 1) or 1.0
    rows = pl.concat([rows for rows, _ in parts], how="diagonal")
    whole = len(chosen) == len(names) and all(count == rows.height for rows, count in parts)
    return Source(tuple(names), rows, round(sum(count for _, count in parts) / read_share), whole)


def _rows(path: Path) -> tuple[pl.DataFrame, int]:
    """A sample of a file's good rows, and how many rows it has (estimated from the bytes where not all are read)."""
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
