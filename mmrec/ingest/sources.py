"""Delivered files: CSV, TSV, JSON lines (each also gzip) or Parquet → text columns as delivered, with file and row.

Here: finding files, hashing them once, and reading without losing a good row. A line that does not fit becomes a row
with a `problem`; a file whose header does not fit is refused whole, by name. Not here: the grammar of one kind of file
(`mmrec/ingest/delimited.py`, `mmrec/ingest/jsonlines.py`, `mmrec/ingest/parquet.py`), and what the values mean
(`mmrec/quality/rules.py`).
"""

from __future__ import annotations

import csv
import hashlib
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any

import polars as pl

from mmrec.errors import MmrecError
from mmrec.ingest import delimited, jsonlines, parquet
from mmrec.ingest.text import PROBLEM, Delivered, RefusedFile, checked, open_text, text_bytes

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")  # the text kinds also packed, as .csv.gz
# A row without one of these can be nothing but rejected, so a file that has none at all is not what it should be.
_ESSENTIAL = frozenset({"user_id", "item_id", "time", "event", "title"})
_IDS = frozenset({"user_id", "item_id"})
# A file hashed so soon after it was touched may change again under the same time stamp: a tick of the kernel's clock,
# or 2 s on file systems that keep whole seconds.
_TICK_NS, _COARSE_NS = 20_000_000, 2_000_000_000
_HEAD_BYTES = 1 << 16  # in which a header is looked for
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError, csv.Error)


@dataclass(frozen=True)
class Stat:
    """One file's identity: with the same size and time of change its recorded hash holds.

    The time of change (ctime) moves with every write, rename and `touch`, and nobody can set it back, as one can the
    modification time.
    """

    size_bytes: int
    ctime_ns: int
    sha256: str


def kind(name: str) -> str | None:
    """The kind of a file by the end of its name, one of `KINDS`; None for any other file."""
    packed = name.lower().endswith(".gz")
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    return suffix if suffix in KINDS and not (packed and suffix == ".parquet") else None


def find(data: Path, globs: Iterable[str], key: str) -> list[str]:
    """Every file that matches, relative to the data folder, sorted. None at all is an error that names the setting.

    `**` stands for any folders, hidden ones left out (the lake may lie in one); no pattern leaves the data folder.
    """
    patterns = list(globs)
    try:
        found = sorted({name for pattern in patterns for name in _matching(data, pattern)})
        "".join(found).encode()  # a name of other bytes could not be written down
    except UnicodeError:
        raise MmrecError(f"{key}: a file that matches {', '.join(patterns)} has a name that is not UTF-8") from None
    except (NotImplementedError, ValueError):
        told = "patterns are relative to the data folder and stay inside it, and ** is a whole part of a path"
        raise MmrecError(f"{key}: {', '.join(patterns)} cannot be used; {told} ({data})") from None
    if not found:
        raise MmrecError(f"{key}: no file matches {', '.join(patterns)} in {data}; put files there or change {key}")
    unknown = [name for name in found if kind(name) is None]
    if unknown:
        told = f"{key}: {unknown[0]} is not one of {', '.join(KINDS)}"
        raise MmrecError(f"{told} (all but the last also as .gz); narrow the pattern or convert the file")
    return found


def _matching(data: Path, pattern: str) -> Iterator[str]:
    parts = PurePosixPath(pattern).parts
    if ".." in parts:
        raise ValueError
    hidden = any(part.startswith(".") for part in parts)
    for path in data.glob(f"{pattern}/*" if parts[-1:] == ("**",) else pattern):
        inside = path.relative_to(data)
        if path.is_file() and (hidden or not any(part.startswith(".") for part in inside.parts)):
            yield inside.as_posix()


def stat(file: Any, known: Stat | None) -> Stat:
    """Size, time and sha256 of an open file; hashed again only when size or time differ, or the time is too fresh."""
    info = os.fstat(file.fileno())
    tick = _TICK_NS if info.st_ctime_ns % 1_000_000_000 else _COARSE_NS
    fresh = time.time_ns() - info.st_ctime_ns < tick
    if known and not fresh and (known.size_bytes, known.ctime_ns) == (info.st_size, info.st_ctime_ns):
        return known
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    # A file that was still fresh when hashed is recorded with time 0, so that the next look hashes it again.
    return Stat(info.st_size, 0 if fresh else info.st_ctime_ns, digest)


def untouched(path: Path | str, known: Stat) -> bool:
    """Whether a file that was hashed before has its size and time of change still, is no link, and can be read.

    A tenth of opening it again. Whoever reads its bytes opens it under all rules, and compares them.
    """
    try:
        info = os.lstat(path)
    except (OSError, ValueError):
        return False
    if not os.access(path, os.R_OK):
        return False
    return (info.st_size, info.st_ctime_ns) == (known.size_bytes, known.ctime_ns) and S_ISREG(info.st_mode)


def read(data: Path, file: str, columns: Mapping[str, str | list[str] | None]) -> pl.DataFrame:
    """The rows of `deliver`, without the account of the lines."""
    return deliver(data, file, columns).rows


def deliver(data: Path, file: str, columns: Mapping[str, str | list[str] | None]) -> Delivered:
    """The mapped columns of one file as text, with `source_file`, `source_row` (from 1) and `problem`; and its lines.

    `columns` maps a target to the delivered column that holds it, to several (a list of text), or to None (all null).
    A JSON line may leave out a key that has no value, so a file of them may lack a key that no row needs. Raises
    `RefusedFile` when any other mapped column is absent or the file cannot be read.
    """
    shape = kind(file) or ""
    try:
        delivered = _delivered(data / file, shape, columns)
    except _UNREADABLE as error:
        raise RefusedFile(f"cannot be read as {shape[1:]}: {_first_line(error)}") from None
    rows = delivered.rows.select(
        *[_target(name, source) for name, source in columns.items()],
        pl.lit(file).alias("source_file"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("source_row"),
        pl.col(PROBLEM).alias("problem"),
    )
    return Delivered(rows, delivered.lines)


def refuse_if_none_can_be_read(rows: pl.DataFrame) -> None:
    """Raises `RefusedFile`, with the first problem, where every row of a file has one: it is not what it should be."""
    if rows.height and not rows["problem"].null_count():
        raise RefusedFile(f"has no row that can be read, of {rows.height}; the first: {rows['problem'][0]}")


def names(path: Path) -> list[str]:
    """The names in a file's header, or the keys of its first objects. Raises `RefusedFile` where it cannot be read."""
    shape = kind(path.name) or ""
    try:
        if shape == ".parquet":
            return list(pl.read_parquet_schema(path))
        with open_text(path) as file:
            begin = checked(file.read(_HEAD_BYTES))
        lines = begin[: begin.rfind(b"\n") + 1] or begin
        return delimited.header_of(lines, [])[1] if shape in (".csv", ".tsv") else jsonlines.keys(lines)
    except (*_UNREADABLE, EOFError, zlib.error) as error:
        raise RefusedFile(f"cannot be read as {shape[1:]}: {_first_line(error)}") from None


def _delivered(path: Path, shape: str, columns: Mapping[str, str | list[str] | None]) -> Delivered:
    wanted = sorted({name for source in columns.values() for name in _as_list(source)})
    essential = _ESSENTIAL - ({"item_id"} if columns.get("query") else set())  # a search names no item
    needed = {target: name for target, name in columns.items() if target in essential and isinstance(name, str)}
    ids = {target: name for target, name in columns.items() if target in _IDS and isinstance(name, str)}
    if shape == ".parquet":
        return parquet.read(path, wanted, ids)
    if shape in (".csv", ".tsv"):
        filled = [name for target, name in needed.items() if target in _IDS]
        return delimited.read_whole(text_bytes(path), wanted, delimited.Signs(filled, needed.get("time")))
    return jsonlines.read_whole(text_bytes(path), wanted, set(wanted) - set(needed.values()), ids)


def _target(name: str, source: str | list[str] | None) -> pl.Expr:
    if isinstance(source, list):
        nothing = pl.lit([], dtype=pl.List(pl.String))
        return (pl.concat_list([pl.col(column) for column in source]) if source else nothing).alias(name)
    return (pl.lit(None, dtype=pl.String) if source is None else pl.col(source)).alias(name)


def _as_list(source: str | list[str] | None) -> list[str]:
    return [] if source is None else [source] if isinstance(source, str) else source


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
