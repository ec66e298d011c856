"""On which days events lie and of which types they are, counted over every row of every file.

A first day or a type that only a sample has shown would keep good events out, so where not all rows were sampled these
two columns are read again, in blocks, by the readers that land the files. Not here: what is made of the counts
(`mmrec/drafting/days.py`, `mmrec/drafting/weights.py`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mmrec.drafting.columns import OFFSET, instants
from mmrec.drafting.ends import UNREADABLE
from mmrec.drafting.parts import Table
from mmrec.ingest import delimited, jsonlines, parquet, sources
from mmrec.ingest.text import checked, open_text

_BLOCK_BYTES = 16 << 20
_WRITTEN = pl.col("written")
_DAY_LENGTH = (  # characters that tell the day, about; a date may be digits alone
    pl.when(_WRITTEN.str.contains_any(["-", "T", "t", ":"]))
    .then(10)
    .when(_WRITTEN.str.len_chars().is_in([8, 14]))
    .then(8)
    .otherwise(7)
)
_TYPES = 100  # a column that turns out to have more values is no type of event


@dataclass(frozen=True)
class Tally:
    """Events by day and by type (None where no column says it); `complete` if every row of every file was counted."""

    days: pl.DataFrame  # day, count; the earliest first
    types: pl.DataFrame | None  # type, count; the most frequent first
    complete: bool

    @property
    def count(self) -> int:
        """How many events have a readable time."""
        return int(self.days["count"].sum())


def tally(folder: Path, events: Table) -> Tally:
    """The counts of a source of events."""
    names = [events.column(role).name for role in ("time", "event") if role in events.chosen]
    sampled = _counted(events.source.rows, names)
    if events.source.whole:
        return _told(sampled, names, complete=True)
    blocks, complete = [], True
    for file in events.source.files:
        try:
            blocks += [_counted(rows, names) for rows in _blocks(folder, file, names)]
        except UNREADABLE:
            complete = False
    counted = pl.concat([sampled.clear(), *blocks])
    found = _told(counted, names, complete=complete)
    usable = found.days.height and (found.types is None or found.types.height <= _TYPES)
    return found if usable else _told(sampled, names, complete=False)


def _told(counted: pl.DataFrame, names: Sequence[str], *, complete: bool) -> Tally:
    days = counted.drop_nulls("day").group_by("day").agg(pl.col("count").sum()).sort("day")
    types = counted.drop_nulls("type").group_by("type").agg(pl.col("count").sum())
    types = types.sort("count", "type", descending=[True, False])
    return Tally(days, types if len(names) > 1 else None, complete)


def _counted(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """How many of some rows are of each day and type; null where it cannot be told.

    Reading a time costs twenty times as much as reading its line. So of the times that are written with the same day
    and offset (as numbers: with the same first digits) only the first and the last are read.
    """
    written = pl.col(names[0]).str.strip_chars()
    kind = pl.col(names[1]).str.strip_chars() if len(names) > 1 else pl.lit(None, dtype=pl.String)
    found = (
        rows.select(written=written, type=pl.when(kind != "").then(kind))
        .group_by(
            "type",
            begin=_WRITTEN.str.head(_DAY_LENGTH),
            offset=_WRITTEN.str.extract(f"({OFFSET})"),
            length=_WRITTEN.str.len_chars(),
        )
        .agg(first=_WRITTEN.min(), last=_WRITTEN.max(), count=pl.len().cast(pl.Int64))
    )
    ends = [
        found.select(day=instants(found["first"]).dt.date(), type="type", count=pl.col("count") - pl.col("count") // 2),
        found.select(day=instants(found["last"]).dt.date(), type="type", count=pl.col("count") // 2),
    ]
    return pl.concat(ends).filter(pl.col("count") > 0).group_by("day", "type").agg(pl.col("count").sum())


def _blocks(folder: Path, file: str, names: list[str]) -> Iterator[pl.DataFrame]:
    """A file's columns of these names, in frames of bounded size."""
    path, kind = folder / file, sources.kind(file)
    if kind == ".parquet":
        yield from parquet.as_text(parquet.scan(path), names).collect_batches()
    elif kind in (".csv", ".tsv"):
        yield from _delimited_blocks(path, names)
    elif _begin(path).lstrip().startswith(b"["):
        yield sources.read(folder, file, {name: name for name in names})
    else:
        yield from (jsonlines.read(data, names, names) for data in _lines(path))


def _delimited_blocks(path: Path, names: list[str]) -> Iterator[pl.DataFrame]:
    """The first block begins with the header; before every other one it is written again."""
    header = b""
    for data in _lines(path):
        if not header:
            separator, found = delimited.header_of(data.lstrip(b"\r\n"), names)
            written = io.StringIO()
            csv.writer(written, delimiter=separator, lineterminator="\n").writerow(found)
            header = written.getvalue().encode()
            yield delimited.read(data, names)
        else:
            yield delimited.read(header + data, names)


def _lines(path: Path) -> Iterator[bytes]:
    """A text file in blocks of whole lines."""
    with open_text(path) as file:
        begun = checked(file.read(_BLOCK_BYTES))
        while begun:
            more = file.read(_BLOCK_BYTES)
            end = begun.rfind(b"\n") + 1 if more else len(begun)
            if end:
                yield begun[:end]
            begun = begun[end:] + more


def _begin(path: Path) -> bytes:
    with open_text(path) as file:
        return checked(file.read(1 << 10))
