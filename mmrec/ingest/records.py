"""Lines of delimited text → records: where a field ends, where a record ends, and which lines are none.

A field that begins with a quote ends with one, in front of a separator or the line's end; quotes in it are written
twice, and it may hold line ends. A quote elsewhere is a character like any other. A field of several lines that takes
in a line which is a row by itself is none: the quote in front of it was never meant to open a field.

Here: text of one file, behind its header. Not here: the header, and which column is what (`mmrec/ingest/delimited.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from mmrec.ingest import times

SEPARATORS = ",\t;|"
_PIECE_BYTES = 1 << 24  # are looked at together; more take memory and no less time
_LINE_FEED, _RETURN, _QUOTE = b'\n\r"'
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_UNQUOTED = {mark: re.compile(rf"[^{re.escape(mark)}\r\n]*") for mark in SEPARATORS}


@dataclass(frozen=True)
class Shape:
    """What a row looks like: how many fields it has, which of them are filled in every row, and which one is a time.

    Where none is a time, the words of a text could be taken for a row; between them a separator is followed by a space.
    """

    separator: str
    width: int
    filled: Sequence[int] = ()
    time: int | None = None

    def is_row(self, line: str) -> bool:
        """Whether a line by itself is a row."""
        found = fields(line, self.separator) if line.count(self.separator) >= self.width - 1 else None
        return found is not None and len(found) == self.width and self._says_so(found)

    def ends_in_row(self, line: str) -> bool:
        """Whether the line in which a field ends is a row of its own: a time in front of the field's end tells."""
        if self.time is None:
            return False
        begin = line.partition('"')[0].split(self.separator)
        is_begun = len(begin) > max(self.time, *self.filled) and self._says_so(begin)
        return is_begun or (self.is_row(line) and not _is_prose(line.split(self.separator)))

    def _says_so(self, found: list[str]) -> bool:
        is_one = not _is_prose(found) if self.time is None else times.is_like_one(found[self.time])
        return is_one and all(found[at].strip() for at in self.filled)


def _is_prose(found: Sequence[str]) -> bool:
    """Whether what lies between separators reads like words between commas."""
    return any(part.startswith(" ") for part in found[1:])


def fields(line: str, separator: str) -> list[str] | None:
    """The fields of one line; None where a quote opens one that does not end as it should."""
    found = _scan(line, 0, separator, None)
    return found[0] if found else None


def records(text: str, lines: list[str], shape: Shape) -> Iterator[tuple[list[str] | None, int]]:
    """Each record's fields and its number of lines: no field for a blank line, None for a line that is no record.

    `lines` are those of `text`, with their ends. No line is looked at more than `shape.width` times.
    """
    begins = list(accumulate(map(len, lines[:-1]), initial=0)) if '"' in text else []
    at = 0
    while at < len(lines):
        if '"' in lines[at]:
            found, count = _quoted(text, lines, begins, at, shape)
        else:
            bare = lines[at].rstrip("\r\n")
            found, count = bare.split(shape.separator) if bare.strip(" ") else [], 1
        yield found, count
        at += count


def _quoted(text: str, lines: list[str], begins: list[int], at: int, shape: Shape) -> tuple[list[str] | None, int]:
    """The same for the record that begins with a line with a quote in it."""
    scanned = _scan(text, begins[at], shape.separator, shape.width)
    if scanned is None:
        return None, 1
    found, end = scanned
    count = bisect_right(begins, end, lo=at) - at
    *inner, last = (line.rstrip("\r\n") for line in lines[at : at + count])
    if count > 1 and (len(found) != shape.width or any(map(shape.is_row, inner[1:])) or shape.ends_in_row(last)):
        return None, 1
    return found, count


def _scan(text: str, at: int, separator: str, width: int | None) -> tuple[list[str], int] | None:
    """The fields of the record that begins at `at`, and where it ends; None where one does not end as it should.

    No record of several lines has more than `width` fields, so that none is looked for up to the end of the file.
    """
    found: list[str] = []
    several = False
    while True:
        if quoted := _QUOTED.match(text, at):
            several = several or "\n" in quoted[1] or "\r" in quoted[1]
            found.append(quoted[1].replace('""', '"'))
            at = quoted.end()
        elif text.startswith('"', at):
            return None
        else:
            at, begin = _UNQUOTED[separator].match(text, at).end(), at  # type: ignore[union-attr]
            found.append(text[begin:at])
        if not text.startswith(separator, at):
            return (found, at) if at == len(text) or text[at] in "\r\n" else None
        if several and len(found) == width:
            return None
        at += 1


class Counts(NamedTuple):
    """Records of a text, the line ends inside them, and the separators between fields."""

    records: int
    continued: int
    separators: int


def count(data: bytes, begin: int, end: int, shape: Shape) -> Counts | None:
    """What lies between two places of a file, without reading a field; the line ends in front of them and behind left
    out. None unless every quote opens or closes a field, no field takes in a row, and each line ends with a line feed.
    """
    whole = np.frombuffer(data, np.uint8)
    beside_a_quote = np.isin(np.arange(256), list(f'{shape.separator}\r\n"'.encode()))
    found, separators, inner, inside = 1, 0, [np.array([], np.int64)], False
    for at in range(begin, end, _PIECE_BYTES):
        piece = whole[at : min(at + _PIECE_BYTES, end)]
        returns = np.flatnonzero(piece == _RETURN) + at
        if (whole[np.minimum(returns + 1, end - 1)] != _LINE_FEED).any():
            return None
        quotes, feeds, between = piece == _QUOTE, piece == _LINE_FEED, piece == ord(shape.separator)
        if inside or quotes.any():
            within = np.logical_xor.accumulate(quotes) ^ inside
            opening, closing = (np.flatnonzero(quotes & side) + at for side in (within, ~within))
            neighbours = np.concatenate([whole[opening - 1], whole[np.minimum(closing + 1, end - 1)]])
            if not beside_a_quote[neighbours].all():
                return None
            inner.append(np.flatnonzero(feeds & within) + at)
            feeds, between, inside = feeds & ~within, between & ~within, bool(within[-1])
        found, separators = found + int(feeds.sum()), separators + int(between.sum())
    feeds_inside = np.concatenate(inner).tolist()
    if inside or any(_rows_inside(data, feeds_inside, end, shape)):
        return None
    return Counts(found, len(feeds_inside), separators)


def _rows_inside(data: bytes, feeds: list[int], end: int, shape: Shape) -> Iterator[bool]:
    """Of each line of fields that have several, the first left out, whether it is a row."""
    separator, fewest = shape.separator.encode(), min(shape.width - 1, shape.time or shape.width)
    for feed, following in pairwise([*feeds, -1]):
        stop = data.find(b"\n", feed + 1, end)
        line = data[feed + 1 : end if stop < 0 else stop]
        if line.count(separator) >= fewest:
            text = line.decode(errors="replace").rstrip("\r")
            yield shape.is_row(text) if stop == following else shape.ends_in_row(text)
