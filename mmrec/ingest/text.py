"""What delivered files of every kind share: their bytes as text, the header that they must have, where lines went.

Here: unpacking, encodings, the refusal of a whole file, the account of its lines. Not here: one kind's grammar
(`mmrec/ingest/delimited.py`, `mmrec/ingest/jsonlines.py`, `mmrec/ingest/parquet.py`), and finding and hashing files
(`mmrec/ingest/sources.py`).
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

PROBLEM = "_problem"  # the column that says why a line is no row
_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REPLACED = "\ufffd"  # what a decoder writes for bytes that are no text


class RefusedFile(Exception):
    """A file that cannot be read as what it should be; the message says what was found and expected."""


@dataclass(frozen=True)
class Lines:
    """Where every line of a file went: total = head + rows + continued + rejected + blank.

    In Parquet and in a JSON array, what is counted are rows and elements.
    """

    total: int
    head: int = 0  # the header, and comment and `sep=` lines above it
    rows: int = 0  # the first lines of good rows
    continued: int = 0  # the further lines of rows, of which some field holds line ends
    rejected: int = 0  # lines that are no row, each delivered with its problem
    blank: int = 0

    @property
    def add_up(self) -> bool:
        """Whether no line is lost and none counted twice."""
        return self.total == self.head + self.rows + self.continued + self.rejected + self.blank


@dataclass(frozen=True)
class Delivered:
    """The rows of one file as text, with `_problem`, and where its lines went."""

    rows: pl.DataFrame
    lines: Lines

    @classmethod
    def of(cls, rows: pl.DataFrame, total: int, head: int = 0, continued: int = 0, blank: int = 0) -> Delivered:
        """Rows with a problem are rejected lines."""
        good = rows[PROBLEM].null_count()
        return cls(rows, Lines(total, head, good, continued, rows.height - good, blank))


def text_bytes(path: Path) -> bytes:
    """The bytes of a text file, unpacked where they are gzip, without a byte order mark. Refuses UTF-16."""
    with open_text(path) as file:
        try:
            return checked(file.read())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RefusedFile(f"cannot be unpacked as gzip: {error}") from None


def open_text(path: Path) -> BinaryIO:
    """A file opened for its bytes, unpacked where they are gzip, whatever its name."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(path)) if packed else path.open("rb")


def checked(data: bytes) -> bytes:
    """The bytes of a text (or its beginning) without a byte order mark. Refuses UTF-16."""
    if data.startswith(_UTF16) or b"\0" in data[:2]:
        raise RefusedFile("is written in UTF-16; UTF-8 is expected: save it as UTF-8")
    return data.removeprefix(codecs.BOM_UTF8)


def tell_broken_text(frame: pl.DataFrame, data: bytes) -> pl.DataFrame:
    """Gives a problem to rows whose bytes are no UTF-8: two ids that differ in such a byte would become one."""
    texts = pl.any_horizontal(pl.exclude(PROBLEM).str.contains(_REPLACED, literal=True).fill_null(value=False))
    if not frame.select(texts.any()).item() or _is_utf8(data):
        return frame
    told = pl.lit("the line holds bytes that are not UTF-8; save the file as UTF-8")
    return frame.with_columns(pl.coalesce(PROBLEM, pl.when(texts).then(told)).alias(PROBLEM))


def require(wanted: Collection[str], present: list[str], optional: Collection[str] = ()) -> None:
    """Refuses a file that lacks a wanted column which is not optional, or has one more than once."""
    missing = [name for name in wanted if name not in present and name not in optional]
    if missing:
        told = f"its header is: {', '.join(present)[:200] or 'empty'}"
        if present and not set(wanted) & set(present):  # perhaps a first line of values, which may name a person
            told = f"its first line holds {len(present)} values instead of column names"
        raise RefusedFile(f"has no column {', '.join(missing)}; {told}")
    repeated = [name for name in wanted if present.count(name) > 1]
    if repeated:
        raise RefusedFile(f"has {present.count(repeated[0])} columns called {repeated[0]}; one is expected: rename one")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
