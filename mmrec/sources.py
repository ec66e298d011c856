"""Delivered files: CSV, Parquet or JSONL → text columns as delivered, with file and row.

Here: finding files, hashing them once, checking the header before anything else, and reading without losing a good row.
A line that does not fit the header becomes a row with a `problem`; a file whose header does not fit is refused whole,
by name. Not here: what the values mean (`mmrec/rules.py`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.errors import MmrecError

KINDS = (".csv", ".parquet", ".jsonl")
_SEPARATORS = ",\t;|"
_RACY_NS = 2_000_000_000  # a file touched within 2 s of being hashed may change again under the same time stamp


class RefusedFile(Exception):
    """A file that cannot be read as what it should be; the message says what was found and expected."""


@dataclass(frozen=True)
class Stat:
    """One file's identity: with the same size and modification time its recorded hash holds."""

    size_bytes: int
    mtime_ns: int
    sha256: str


def find(data: Path, globs: Iterable[str], key: str) -> list[str]:
    """Every file that matches, relative to the data folder, sorted. None at all is an error that names the setting."""
    patterns = list(globs)
    try:
        paths = [path for glob in patterns for path in data.glob(glob) if path.is_file()]
        found = sorted({path.relative_to(data).as_posix() for path in paths})
    except (NotImplementedError, ValueError):
        told = "patterns are relative to the data folder and stay inside it"
        raise MmrecError(f"{key}: {', '.join(patterns)} cannot be used; {told} ({data})") from None
    if not found:
        raise MmrecError(f"{key}: no file matches {', '.join(patterns)} in {data}; put files there or change {key}")
    unknown = [name for name in found if Path(name).suffix.lower() not in KINDS]
    if unknown:
        raise MmrecError(
            f"{key}: {unknown[0]} is not one of {', '.join(KINDS)}; narrow the pattern or convert the file"
        )
    return found


def stat(file: Any, known: Stat | None) -> Stat:
    """Size, time and sha256 of an open file; hashed again only when size or time differ, or the time is too fresh."""
    info = os.fstat(file.fileno())
    fresh = time.time_ns() - info.st_mtime_ns < _RACY_NS
    if known and not fresh and (known.size_bytes, known.mtime_ns) == (info.st_size, info.st_mtime_ns):
        return known
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    # A file that was still fresh when hashed is recorded with time 0, so that the next look hashes it again.
    return Stat(info.st_size, 0 if fresh else info.st_mtime_ns, digest)


def read(data: Path, file: str, columns: Mapping[str, str | list[str] | None]) -> pl.DataFrame:
    """The mapped columns of one file as text, with `source_file`, `source_row` (from 1) and `problem`.

    `columns` maps a target to the delivered column that holds it, to several (a list of text), or to None (all null).
    Raises `RefusedFile` when a mapped column is absent or the file cannot be read.
    """
    wanted = sorted({name for source in columns.values() for name in _as_list(source)})
    path = data / file
    reader = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_jsonl}[path.suffix.lower()]
    try:
        delivered = reader(path, wanted)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError) as error:
        raise RefusedFile(f"cannot be read as {path.suffix[1:]}: {_first_line(error)}") from None
    return delivered.select(
        *[_target(name, source) for name, source in columns.items()],
        pl.lit(file).alias("source_file"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("source_row"),
        pl.col("_problem").alias("problem"),
    )


def _target(name: str, source: str | list[str] | None) -> pl.Expr:
    if isinstance(source, list):
        return pl.concat_list([pl.col(column) for column in source]).alias(name)
    return (pl.lit(None, dtype=pl.String) if source is None else pl.col(source)).alias(name)


def _as_list(source: str | list[str] | None) -> list[str]:
    return [] if source is None else [source] if isinstance(source, str) else source


def _require(wanted: list[str], present: list[str]) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        raise RefusedFile(f"has no column {', '.join(missing)}; its header is: {', '.join(present)[:200] or 'empty'}")


def _read_csv(path: Path, wanted: list[str]) -> pl.DataFrame:
    with path.open("rb") as file:
        first = file.readline(1 << 16).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    separator = max(_SEPARATORS, key=lambda mark: len(set(wanted) & set(_cells(first, mark))))
    header = _cells(first, separator)
    _require(wanted, header)
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, columns=wanted, encoding="utf8-lossy")
        return frame.with_columns(_problem=pl.lit(None, dtype=pl.String))
    except pl.exceptions.PolarsError:
        return _read_csv_line_by_line(path, wanted, separator, header)


def _read_csv_line_by_line(path: Path, wanted: list[str], separator: str, header: list[str]) -> pl.DataFrame:
    """The slow way, for a file with lines that do not fit its header: those become rows with a problem."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace").replace("\0", "\ufffd")
    rows: list[dict[str, str | None]] = []
    csv.field_size_limit(1 << 24)
    for cells in list(csv.reader(io.StringIO(text), delimiter=separator))[1:]:
        fits = len(cells) == len(header)
        row: dict[str, str | None] = dict(zip(header, cells, strict=True)) if fits else {}
        problem = None if fits else f"the line has {len(cells)} fields, the header {len(header)}"
        rows.append({**{name: row.get(name) or None for name in wanted}, "_problem": problem})
    return pl.DataFrame(rows, schema=dict.fromkeys([*wanted, "_problem"], pl.String))


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _read_parquet(path: Path, wanted: list[str]) -> pl.DataFrame:
    schema = pl.read_parquet_schema(path)
    _require(wanted, list(schema))
    frame = pl.read_parquet(path, columns=wanted)
    texts = [_as_text(name, schema[name]) for name in wanted]
    return frame.select(*texts, pl.lit(None, dtype=pl.String).alias("_problem"))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        zone = "%:z" if dtype.time_zone else ""
        return pl.col(name).dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{zone}")
    if dtype.is_nested():
        raise RefusedFile(f"column {name} holds {dtype}; text, numbers or times are expected")
    return pl.col(name).cast(pl.String)


def _read_jsonl(path: Path, wanted: list[str]) -> pl.DataFrame:
    """One JSON object a line. A wanted key that no line has means that the file is not what it should be."""
    if path.stat().st_size == 0:
        return pl.DataFrame(schema=dict.fromkeys([*wanted, "_problem"], pl.String))
    try:
        frame = pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return _read_jsonl_line_by_line(path, wanted)
    _require(wanted, frame.columns)
    texts = [_json_column(name, frame.schema[name]) for name in wanted]
    return frame.select(*texts, pl.lit(None, dtype=pl.String).alias("_problem"))


def _json_column(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String)).list.join(" ")
    if isinstance(dtype, pl.Struct):
        return pl.col(name).struct.json_encode()
    return pl.col(name).cast(pl.String)


def _read_jsonl_line_by_line(path: Path, wanted: list[str]) -> pl.DataFrame:
    """The slow way, for a file with broken lines: those become rows with a problem."""
    seen: set[str] = set()
    rows: list[dict[str, str | None]] = []
    for line in path.read_bytes().decode("utf-8-sig", errors="replace").splitlines():
        if not line.strip():
            continue
        row, problem = _json_object(line)
        seen |= row.keys()
        rows.append({**{name: _json_text(row.get(name)) for name in wanted}, "_problem": problem})
    if rows:
        _require(wanted, sorted(seen))
    return pl.DataFrame(rows, schema=dict.fromkeys([*wanted, "_problem"], pl.String))


def _json_object(line: str) -> tuple[dict[str, Any], str | None]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return {}, f"the line is not JSON: {error.msg} at character {error.pos}"
    return (value, None) if isinstance(value, dict) else ({}, "the line is not a JSON object")


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(str(part) for part in value)
    return json.dumps(value)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
