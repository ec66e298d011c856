"""CSV and its kin: lines of fields behind a header, with commas, semicolons, tabs or bars between them.

Here: bytes → the wanted columns as the text they are, and where every line went. A line that does not fit the header
becomes a row with a problem. Not here: which quotes open a field (`mmrec/ingest/records.py`), which file, and which
column is what (`mmrec/ingest/sources.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from mmrec.ingest import times
from mmrec.ingest.records import SEPARATORS, Shape, count, fields, records
from mmrec.ingest.text import PROBLEM, Delivered, RefusedFile, require, tell_broken_text

_LONGEST = 1 << 24  # characters of a line
_SAMPLE_BYTES, _SAMPLE_LINES = 1 << 16, 100  # behind the header; they say how many fields a line has
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|$)")
_SEPARATOR_LINE = re.compile(rf'"?sep=([{SEPARATORS}])"?', re.IGNORECASE)  # Excel writes and reads such a first line
_OPEN = "a quote opens a field and none closes it as it should; inside a quoted field, quotes are written twice"


class Signs(NamedTuple):
    """What tells that a line is a row: columns that are filled in every row, and the column that holds a time."""

    filled: Sequence[str] = ()
    time: str | None = None


class _Head(NamedTuple):
    """A header, where the lines behind it begin, and how many lines lie before that."""

    separator: str
    names: list[str]
    end: int
    lines: int
    blank: int


def read(data: bytes, wanted: list[str]) -> pl.DataFrame:
    """The wanted columns and `_problem`. Raises `RefusedFile` when one is absent or stands there twice."""
    return read_whole(data, wanted).rows


def read_whole(data: bytes, wanted: list[str], signs: Signs | None = None) -> Delivered:
    """The same, and where the file's lines went."""
    head = _head(data, wanted)
    require(wanted, head.names)
    shape = _shape(data, head, signs or Signs(filled=head.names[:1]))
    found = _read_at_once(data, wanted, head, shape) or _read_line_by_line(data, wanted, head, shape)
    rows, lines = tell_broken_text(found.rows, data), found.lines
    return Delivered.of(rows, lines.total, lines.head, lines.continued, lines.blank)


def header_of(data: bytes, wanted: list[str]) -> tuple[str, list[str]]:
    """The separator, and all names of the header."""
    return _head(data, wanted)[:2]


def _head(data: bytes, wanted: list[str]) -> _Head:
    """The header: the first line that is not blank, no comment (`#`) and no `sep=`.

    A line of names may itself begin with `#`: it holds more of the wanted names, or where none are known as many names
    as the line behind it has values.
    """
    candidates: list[_Head] = []
    separator, lines, blank = None, 0, 0
    for match in _LINE.finditer(data):
        line = match[1].decode(errors="replace")
        if match.end() == match.start() or "\0" in line:
            break
        lines, blank = (lines, blank + 1) if not line.strip() else (lines + 1, blank)
        if lines == 1 and (told := _SEPARATOR_LINE.fullmatch(line.strip(" "))):
            separator = told[1]
        elif line.strip():
            candidates.append(_Head(*_names(line, wanted, separator), match.end(), lines, blank))
            if not line.startswith("#"):
                break
    if not candidates:
        if data[:_SAMPLE_BYTES].find(b"\0") >= 0:
            raise RefusedFile("holds no text in its first line; a text file in UTF-8 is expected")
        return _Head(separator or ",", [], len(data), lines, blank)
    return _chosen(candidates, wanted)


def _chosen(candidates: list[_Head], wanted: list[str]) -> _Head:
    if wanted or len(candidates) == 1:
        return max(reversed(candidates), key=lambda head: len(set(wanted) & set(head.names)))
    above, last = candidates[-2:]
    is_above = 1 < len(above.names) == len(last.names) and any(map(times.is_like_one, last.names))
    return above if is_above else last


def _names(line: str, wanted: list[str], separator: str | None) -> tuple[str, list[str]]:
    """The separator that makes most of the wanted names of the line (else most names), and all its names."""
    names = {mark: [cell.strip() for cell in cells(line, mark)] for mark in separator or SEPARATORS}
    best = max(names, key=lambda mark: (len(set(wanted) & set(names[mark])), len(names[mark])))
    return best, names[best]


def cells(line: str, separator: str) -> list[str]:
    """The fields of one line, whatever its quotes are like."""
    return next(csv.reader([line], delimiter=separator), [])


def _shape(data: bytes, head: _Head, signs: Signs) -> Shape:
    """What a row looks like. A separator may stand behind the last field, in the header, in the lines, or in both."""
    sample = data[head.end : head.end + _SAMPLE_BYTES].decode(errors="replace")
    lines = io.StringIO(sample, newline="").readlines()[:_SAMPLE_LINES]
    found = [cut for line in lines if (cut := fields(line.rstrip("\r\n"), head.separator)) and any(cut)]
    named = _named(head)
    closed = sum(len(cut) == named + 1 and not cut[-1] for cut in found)
    open_ = sum(len(cut) == named for cut in found)
    width = len(head.names) if 2 * max(closed, open_) <= len(found) else named + (closed > open_)
    time = None if signs.time is None else head.names.index(signs.time)
    return Shape(head.separator, width, [head.names.index(name) for name in signs.filled], time)


def _named(head: _Head) -> int:
    """How many fields of a line have a name."""
    return len(head.names) - (head.names[-1:] == [""])


def _read_at_once(data: bytes, wanted: list[str], head: _Head, shape: Shape) -> Delivered | None:
    """The fast way; None where a line does not fit, or a quote stands where none should."""
    end = len(data)
    while end and data[end - 1] in b"\r\n":
        end -= 1
    line_ends, above = data.count(b"\n", end), data.count(b"\n", 0, head.end)
    found = count(data, head.end, end, shape) if end > head.end and shape.width > 1 else None
    is_lone = data.count(b"\r", end) != data.count(b"\r\n", end)  # a \r that ends a line by itself
    if found is None or is_lone or head.lines + head.blank != above:
        return None
    at = [head.names.index(name) for name in wanted] + list(range(_named(head), shape.width))
    try:
        frame = pl.read_csv(
            data[:end] if line_ends > 1 else data,
            has_header=False,
            skip_lines=above,
            separator=shape.separator,
            schema={str(index): pl.String for index in range(shape.width)},
            columns=sorted(set(at)),
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError:
        return None
    if (frame.height, frame.height * (shape.width - 1)) != (found.records, found.separators):
        return None
    if b'""' in data:
        frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    if any(frame[str(index)].null_count() < frame.height for index in range(_named(head), shape.width)):
        return None
    rows = frame.select(pl.col(str(head.names.index(name))).alias(name) for name in wanted)
    blank = head.blank + max(line_ends - 1, 0)
    total = data.count(b"\n") + (line_ends == 0)
    return Delivered.of(_without_problem(rows), total, head.lines, found.continued, blank)


def _without_problem(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias(PROBLEM))


def _read_line_by_line(data: bytes, wanted: list[str], head: _Head, shape: Shape) -> Delivered:
    """The slow way, for a file with lines that do not fit its header: those become rows with a problem."""
    text = data[head.end :].decode(errors="replace")
    lines = io.StringIO(text, newline="").readlines()
    if max(map(len, lines), default=0) > _LONGEST:
        raise RefusedFile(f"cannot be read as csv: fields of more than {_LONGEST >> 20} MiB are no data")
    at = [head.names.index(name) for name in wanted]
    rows: list[tuple[str | None, ...]] = []
    blank = continued = 0
    for found, taken in records(text, lines, shape):
        if found == []:
            blank += 1
            continue
        problem = _problem(found, shape, head)
        rows.append((*(found[index] or None if found and not problem else None for index in at), problem))
        continued += taken - 1
    frame = pl.DataFrame(rows, schema=dict.fromkeys([*wanted, PROBLEM], pl.String), orient="row")
    total = head.lines + head.blank + len(lines)
    return Delivered.of(frame, total, head.lines, continued, head.blank + blank)


def _problem(found: list[str] | None, shape: Shape, head: _Head) -> str | None:
    """Why a line is no row. Where separators stand behind the last field, they may be missing in some lines."""
    if found is None:
        return _OPEN
    named = _named(head)
    is_loose = len(head.names) > named or shape.width > named
    is_whole = len(found) == shape.width or (is_loose and len(found) == named + (not found[-1]))
    if is_whole and not any(found[named:]):
        return None
    usual = f"most lines {shape.width}, the last of them empty" if shape.width > named else f"the header {named}"
    return f"the line has {len(found)} fields, {usual}"
