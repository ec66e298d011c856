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
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.errors import MmrecError

KINDS = (".csv", ".parquet", ".jsonl")
_SEPARATORS = ",\t;|"
_QUOTED = re.compile(rb'"[^"]*"')
# A file hashed so soon after it was touched may change again under the same time stamp: a tick of the kernel's clock,
# or 2 s on file systems that keep whole seconds.
_TICK_NS, _COARSE_NS = 20_000_000, 2_000_000_000


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
    tick = _TICK_NS if info.st_mtime_ns % 1_000_000_000 else _COARSE_NS
    fresh = time.time_ns() - info.st_mtime_ns < tick
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
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeError, csv.Error) as error:
        raise RefusedFile(f"cannot be read as {path.suffix[1:]}: {_first_line(error)}") from None
    return delivered.select(
        *[_target(name, source) for name, source in columns.items()],
        pl.lit(file).alias("source_file"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("source_row"),
        pl.col("_problem").alias("problem"),
    )


def _target(name: str, source: str | list[str] | None) -> pl.Expr:
    if isinstance(source, list):
        nothing = pl.lit([], dtype=pl.List(pl.String))
        return (pl.concat_list([pl.col(column) for column in source]) if source else nothing).alias(name)
    return (pl.lit(None, dtype=pl.String) if source is None else pl.col(source)).alias(name)


def _as_list(source: str | list[str] | None) -> list[str]:
    return [] if source is None else [source] if isinstance(source, str) else source


def _require(wanted: list[str], present: list[str]) -> None:
    missing = [name for name in wanted if name not in present]
    if not missing:
        return
    told = f"its header is: {', '.join(present)[:200] or 'empty'}"
    if present and not set(wanted) & set(present):  # perhaps a first line of values, which may name a person
        told = f"its first line holds {len(present)} values instead of column names"
    raise RefusedFile(f"has no column {', '.join(missing)}; {told}")


def _read_csv(path: Path, wanted: list[str]) -> pl.DataFrame:
    with path.open("rb") as file:
        start = file.readline(1 << 16).decode("utf-8-sig", errors="replace")
    first = re.split(r"[\r\n]", start, maxsplit=1)[0]
    separator = max(_SEPARATORS, key=lambda mark: len(set(wanted) & set(_cells(first, mark))))
    header = _cells(first, separator)
    _require(wanted, header)
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, columns=wanted, encoding="utf8-lossy")
    except pl.exceptions.PolarsError:
        return _read_csv_line_by_line(path, wanted, separator, header)
    if not _every_line_fits(path.read_bytes(), separator, len(header), frame.height):
        return _read_csv_line_by_line(path, wanted, separator, header)
    return frame.with_columns(_problem=pl.lit(None, dtype=pl.String))


def _every_line_fits(data: bytes, separator: str, width: int, rows: int) -> bool:
    """Whether no line is shorter than the header: Polars takes a missing field for an empty one."""
    bare = _QUOTED.sub(b"", data) if b'"' in data else data
    return bare.count(separator.encode()) == (rows + 1) * (width - 1)


def _read_csv_line_by_line(path: Path, wanted: list[str], separator: str, header: list[str]) -> pl.DataFrame:
    """The slow way, for a file with lines that do not fit its header: those become rows with a problem."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    at = {name: header.index(name) for name in wanted}
    rows: list[dict[str, str | None]] = []
    for cells in list(_records(text, separator, len(header)))[1:]:
        fits = len(cells) == len(header)
        problem = None if fits else f"the line has {len(cells)} fields, the header {len(header)}"
        rows.append({**{name: cells[at[name]] or None if fits else None for name in wanted}, "_problem": problem})
    return pl.DataFrame(rows, schema=dict.fromkeys([*wanted, "_problem"], pl.String))


def _records(text: str, separator: str, width: int) -> Iterator[list[str]]:
    """The fields of each record, blank lines left out. A quote that nothing closes would swallow the good lines behind
    it, so the lines of such a record are read one by one.
    """
    csv.field_size_limit(1 << 24)
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(lines, delimiter=separator)
    begin = 0
    for cells in reader:
        taken, begin = lines[begin : reader.line_num], reader.line_num
        if len(taken) > 1 and (len(cells) != width or "".join(taken).count('"') % 2):
            yield from (alone for line in taken if (alone := _cells(line.rstrip("\r\n"), separator)))
        elif cells:
            yield cells


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
    if any(frame.schema[name].is_float() for name in wanted):  # one decimal would turn every 1 into 1.0
        return _read_jsonl_line_by_line(path, wanted)
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
    for line in path.read_bytes().decode("utf-8-sig", errors="replace").split("\n"):
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
    except (ValueError, RecursionError):
        return {}, "the line is not JSON that can be read: it holds a number too long or brackets nested too deep"
    return (value, None) if isinstance(value, dict) else ({}, "the line is not a JSON object")


def _json_text(value: Any) -> str | None:
    if value is None:
        return None
    text = " ".join(str(part) for part in value) if isinstance(value, list) else value
    text = text if isinstance(text, str) else json.dumps(text)
    return text.encode(errors="replace").decode()  # half a surrogate pair is no text


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
