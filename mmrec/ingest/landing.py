"""Event files as they lie there: their rows with their periods, where their lines went, and which periods are empty.

Here: from one file to rows and to what the ledger notes of it, and sentences about what is missing; the lake is not
touched. Not here: which files are read again and what is written (`mmrec/stages/raw`), how a kind of file is read
(`mmrec/ingest/sources.py`), and which rows are good (`mmrec/quality/rules.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import polars as pl

from mmrec import periods, tables
from mmrec.ingest import sources, times
from mmrec.ingest.text import Lines, RefusedFile
from mmrec.keys import canonical_digest
from mmrec.settings import Calendar, Settings

_NAMED, _HANDFUL = 5, 5  # empty periods that are named; so many behind the newest event are nothing to speak of


class Events(NamedTuple):
    """One file's rows with their periods, rows behind the calendar's last period, where lines went; and how many rows
    have a date without a clock time, or a clock time that the clocks skip.
    """

    rows: pl.DataFrame
    beyond: int
    lines: Lines
    day_only: int
    clock_skipped: int


@dataclass(frozen=True)
class Landed:
    """One event file: its identity, its rows per period, and why it was refused, if it was.

    `beyond`: rows dated after the calendar's last period, which are read again when their day has come. `lines` is
    None where the file was refused, or landed when lines were not counted yet.
    """

    file: str
    stat: sources.Stat
    rows: Mapping[str, int]
    refused: str | None = None
    beyond: int = 0
    lines: Lines | None = None
    day_only: int = 0
    clock_skipped: int = 0


def reading(settings: Settings) -> dict[str, Any]:
    """The settings that decide what a landed row looks like."""
    how = settings.interactions.model_dump(include={"columns", "event"})
    if how["columns"]["split"] is None:
        del how["columns"]["split"]  # what landed before there was such a column need not land again
    return {"interactions": how, "calendar": settings.calendar.model_dump(exclude={"end"})}


def read_events(settings: Settings, file: str) -> Events:
    """The rows of one file; one whose time cannot be used is put into the newest period that the file touches.

    Raises `RefusedFile` where there are rows but no usable time among them.
    """
    columns = settings.interactions.columns.model_dump()
    delivered = sources.deliver(settings.data, file, columns)
    frame = delivered.rows
    if columns["event"] is None:
        frame = frame.with_columns(event=pl.lit(settings.interactions.event))
    found = times.read(frame["time"], settings.calendar)
    frame = frame.with_columns(found["time_utc"])
    frame = frame.with_columns(period=periods.of_time(settings.calendar, "time_utc"))
    newest = frame["period"].drop_nulls().max()
    if frame.height and newest is None:
        sources.refuse_if_none_can_be_read(frame)
        raise RefusedFile(_no_usable_time(frame, settings))
    since_start = periods.local_day(settings.calendar, "time_utc") >= settings.calendar.start
    beyond = frame.filter(pl.col("period").is_null() & since_start).height
    placed = frame.with_columns(
        time_utc=pl.when(pl.col("period").is_not_null()).then("time_utc"),
        period=pl.col("period").fill_null(pl.lit(newest, dtype=pl.String)),
    )
    return Events(placed, beyond, delivered.lines, int(found["day_only"].sum()), int(found["clock_skipped"].sum()))


def _no_usable_time(frame: pl.DataFrame, settings: Settings) -> str:
    """Why no row of a file has a time within the calendar: none can be read, or all lie elsewhere."""
    column, calendar = settings.interactions.columns.time, settings.calendar
    days = frame.select(periods.local_day(calendar, "time_utc").drop_nulls()).to_series()
    rows = f"has {frame.height} row{'s' if frame.height > 1 else ''}"
    if days.len():
        span = f"from {calendar.start} up to {calendar.end or 'now'}"
        return f"{rows} but no usable time in column '{column}': {_span(days)}, the calendar goes {span}"
    return (
        f"{rows} but no usable time in column '{column}': {_first_time(frame['time'])}; expected are unix seconds or "
        f"ISO 8601, such as 2026-09-01T10:00:00Z"
    )


def _span(days: pl.Series) -> str:
    first, last = str(days.min()), str(days.max())
    return f"all are of {first}" if first == last else f"they go from {first} to {last}"


def _first_time(delivered: pl.Series) -> str:
    """How the first time is written, masked: it may be a person's id."""
    filled = delivered.str.strip_chars().drop_nulls()
    first = next((text[:40] for text in filled if text), None)
    if first is None:
        return "all are empty"
    masked = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", first))
    return f"the first is written like '{masked}'" if "9" in masked else "the first holds no digit"


def of_events(file: str, stat: sources.Stat, events: Events) -> Landed:
    """What the ledger notes of a file that was read."""
    counts = dict(sorted(events.rows["period"].value_counts().iter_rows()))
    return Landed(file, stat, counts, None, *events[1:])


def ledger_rows(settings: Settings, files: Sequence[Landed]) -> pl.DataFrame:
    """One row a file and period; a file that touches none has one row."""
    read_with = canonical_digest(reading(settings))
    rows = [
        {
            **asdict(each.stat),
            **({} if each.lines is None else {f"lines_{name}": count for name, count in asdict(each.lines).items()}),
            **{name: getattr(each, name) for name in ("file", "beyond", "refused", "day_only", "clock_skipped")},
            **{"period": period, "rows": count, "reading": read_with},
        }
        for each in files
        for period, count in (each.rows or {"": 0}).items()
    ]
    contract = tables.contract(tables.LANDING)
    return contract.conform(pl.DataFrame(rows, schema=contract.schema)).sort("file", "period")


def from_ledger(rows: pl.DataFrame) -> Landed:
    """What the ledger's rows of one file say."""
    first = rows.row(0, named=True)
    counts = dict(rows.filter(pl.col("rows") > 0).select("period", "rows").iter_rows())
    stat = sources.Stat(first["size_bytes"], first["ctime_ns"], first["sha256"])
    names = list(Lines.__dataclass_fields__)
    lines = None if first["lines_total"] is None else Lines(**{name: first[f"lines_{name}"] for name in names})
    others = {name: first[name] or 0 for name in ("beyond", "day_only", "clock_skipped")}
    return Landed(first["file"], stat, counts, first["refused"], lines=lines, **others)


def emptiness(calendar: Calendar, touched: Collection[str]) -> list[str]:
    """Warnings about periods without events: between those that have some, and behind the newest of them."""
    if not touched:
        return []
    first, newest = min(touched), max(touched)
    known = [period for period in periods.keys(calendar) if period not in touched]
    between = [period for period in known if first < period < newest and periods.exists(calendar, period)]
    behind = [period for period in known if period > newest]
    return [*_without(calendar, between), *_behind(calendar, newest, behind)]


def _without(calendar: Calendar, between: list[str]) -> list[str]:
    if not between:
        return []
    plural, verb = ("", "has") if len(between) == 1 else ("s", "have")
    named = ", ".join(between[:_NAMED]) + (f" and {len(between) - _NAMED} more" if len(between) > _NAMED else "")
    return [f"{len(between)} {calendar.period}{plural} between others {verb} no event: {named}"]


def _behind(calendar: Calendar, newest: str, behind: list[str]) -> list[str]:
    if len(behind) <= _HANDFUL:
        return []
    where = newest if calendar.period == "day" else f"the week of {newest}"
    told = f"{len(behind)} {calendar.period}s after {where}, the newest with events, are empty"
    return [f"{told}; if the data ends there, set [calendar] end = {behind[0]}"]
