"""CSV and its kin: lines of fields behind a header, with commas, semicolons, tabs or bars between them.

Here: bytes → the wanted columns as the text they are. A line that does not fit the header becomes a row with a problem.
Not here: which file, and which column is what (`mmrec/sources.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import polars as pl

from mmrec.delivered import PROBLEM, RefusedFile, require, tell_broken_text

_SEPARATORS = ",\t;|"
_QUOTED = re.compile(rb'"[^"]*"')


def read(data: bytes, wanted: list[str]) -> pl.DataFrame:
    """The wanted columns and `_problem`. Raises `RefusedFile` when one is absent or stands there twice."""
    data = data.lstrip(b"\r\n")
    separator, header = header_of(data, wanted)
    require(wanted, header)
    frame = _read_at_once(data, wanted, separator, header)
    return tell_broken_text(_read_line_by_line(data, wanted, separator, header) if frame is None else frame, data)


def header_of(data: bytes, wanted: list[str]) -> tuple[str, list[str]]:
    """The separator that makes most of the wanted names of the first line (else most names), and all its names."""
    first = re.split(r"[\r\n]", data[: 1 << 16].decode(errors="replace"), maxsplit=1)[0]
    if "\0" in first:
        raise RefusedFile("holds no text in its first line; a text file in UTF-8 is expected")
    names = {mark: [cell.strip() for cell in cells(first, mark)] for mark in _SEPARATORS}
    separator = max(_SEPARATORS, key=lambda mark: (len(set(wanted) & set(names[mark])), len(names[mark])))
    return separator, names[separator]


def cells(line: str, separator: str) -> list[str]:
    """The fields of one line."""
    return next(csv.reader([line], delimiter=separator), [])


def _read_at_once(data: bytes, wanted: list[str], separator: str, header: list[str]) -> pl.DataFrame | None:
    """The fast way; None where a line does not fit the header."""
    at = sorted(header.index(name) for name in wanted)
    try:
        frame = pl.read_csv(data, separator=separator, infer_schema=False, columns=at, encoding="utf8-lossy")
    except pl.exceptions.PolarsError:
        return None
    frame.columns = [header[index] for index in at]
    fits = _every_line_fits(data, separator, len(header), frame.height)
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(PROBLEM)) if fits else None


def _every_line_fits(data: bytes, separator: str, width: int, rows: int) -> bool:
    """Whether no line is shorter than the header: Polars takes a missing field for an empty one."""
    bare = _QUOTED.sub(b"", data) if b'"' in data else data
    return bare.count(separator.encode()) == (rows + 1) * (width - 1)


def _read_line_by_line(data: bytes, wanted: list[str], separator: str, header: list[str]) -> pl.DataFrame:
    """The slow way, for a file with lines that do not fit its header: those become rows with a problem."""
    at = {name: header.index(name) for name in wanted}
    rows: list[dict[str, str | None]] = []
    for line in list(_records(data.decode(errors="replace"), separator, len(header)))[1:]:
        fits = len(line) == len(header)
        problem = None if fits else f"the line has {len(line)} fields, the header {len(header)}"
        rows.append({**{name: line[at[name]] or None if fits else None for name in wanted}, PROBLEM: problem})
    return pl.DataFrame(rows, schema=dict.fromkeys([*wanted, PROBLEM], pl.String))


def _records(text: str, separator: str, width: int) -> Iterator[list[str]]:
    """The fields of each record, blank lines left out. A quote that nothing closes would swallow the good lines behind
    it, so the lines of such a record are read one by one.
    """
    csv.field_size_limit(1 << 24)
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(lines, delimiter=separator)
    begin = 0
    for record in reader:
        taken, begin = lines[begin : reader.line_num], reader.line_num
        if len(taken) > 1 and (len(record) != width or "".join(taken).count('"') % 2):
            yield from (alone for line in taken if (alone := cells(line.rstrip("\r\n"), separator)))
        elif record:
            yield record
