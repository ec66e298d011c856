"""Delivered times: what they are in UTC.

Here: from a column of text to instants. Not here: into which period an instant falls (`mmrec/periods.py`), and what
becomes of a row whose time cannot be read (`mmrec/quality/rules.py`).

Read are unix seconds, milliseconds and microseconds, and ISO 8601 (calendar dates, in its extended and its basic form;
also with `UTC` or `GMT` for its `Z`). What has no offset is of the calendar's zone:

- A date without a clock time is the day's first instant, which is not midnight where the clocks skip midnight.
- A clock time that the clocks skip moves forward by what they skip: it is read with the offset before the change.
- Of a clock time that happens twice, the first is meant.

Digits alone are a number, with two exceptions. Eight are a date (20260901): as seconds they lie before March 1973, so
they are seconds only where the calendar begins before that. Fourteen are a date and a clock time (20260901100000): as
milliseconds they lie behind the year 2286.
"""

from __future__ import annotations

import datetime as dt
import re

import polars as pl

from mmrec import tables
from mmrec.settings import Calendar

_MILLISECONDS_FROM, _MICROSECONDS_FROM = 1e11, 1e14  # as seconds these would be the years 5138 and 3 million
_MICROSECONDS_TO = 253_000_000_000_000_000  # in the year 9987: a time zone's rules end with the year 9999
_SECONDS_OF_NINE_DIGITS_FROM = dt.date(1973, 3, 3)
_DAY = r"(?P<day>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{8})"
_SECONDS = r"(?P<second>:[0-5]?[0-9]|[0-5][0-9]|:?60)(?:[.,](?P<fraction>[0-9]+))?"  # 60: a leap second
_CLOCK = rf"(?P<hour>[01]?[0-9]|2[0-4])(?:(?P<minute>:[0-5]?[0-9]|[0-5][0-9])(?:{_SECONDS})?)?"
_OFFSET = r"(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+\-−])(?P<hours>[01][0-9]|2[0-3])(?::?(?P<minutes>[0-5][0-9]))?"
_ISO = rf"{_DAY}(?:(?:[Tt]|\s+){_CLOCK}\s*(?:{_OFFSET})?)?"
_LIKE_ONE = re.compile(rf"\s*(?:[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE]\+?[0-9]+)?|{_ISO})\s*")


def utc_time(column: str, calendar: Calendar) -> pl.Expr:
    """A delivered time as UTC; null where it is none."""
    return pl.col(column).map_batches(lambda texts: read(texts, calendar)["time_utc"], return_dtype=tables.TIME)


def is_like_one(text: str) -> bool:
    """Whether a text is written like a time, whatever it says."""
    return _LIKE_ONE.fullmatch(text) is not None


def read(texts: pl.Series, calendar: Calendar) -> pl.DataFrame:
    """Per text `time_utc` (null where it is no time), `day_only` (it has no clock time) and `clock_skipped`.

    `clock_skipped`: the clocks of the calendar's zone skip the clock time that it has, so that it moved forward.
    """
    frame = texts.alias("text").str.strip_chars().to_frame()
    frame = frame.with_columns(number=pl.col("text").cast(pl.Float64, strict=False))
    frame = frame.with_columns(text=_spelled_out(calendar))
    parts = frame.select(pl.col("text").str.extract_groups(f"^{_ISO}$")).unnest("text")
    local, offset = pl.col("local"), pl.col("offset")
    found = parts.select(
        frame.select(number=pl.when(pl.col("text").is_null()).then("number")).to_series(),
        local=_local(),
        offset=_offset(),
        day_only=pl.col("day").is_not_null() & pl.col("hour").is_null(),
    ).with_columns(here=pl.when(offset.is_null()).then(local))
    found = found.with_columns(at_once=_in_zone(pl.col("here"), calendar), later=_moved_forward(calendar))
    at = pl.coalesce(_of_number(), (local - offset).dt.replace_time_zone("UTC"), "at_once", "later")
    within = at.dt.epoch("us").abs() < _MICROSECONDS_TO
    skipped = pl.col("here").is_not_null() & pl.col("at_once").is_null() & ~pl.col("day_only")
    return found.select(
        time_utc=pl.when(within).then(at).cast(tables.TIME),
        day_only=(within & pl.col("day_only")).fill_null(value=False),
        clock_skipped=(within & skipped).fill_null(value=False),
    )


def _spelled_out(calendar: Calendar) -> pl.Expr:
    """Text that is no number, and digits that are a date; null for other numbers."""
    number = pl.col("number")
    digits = pl.when(number == number.round()).then(number.cast(pl.Int64, strict=False)).cast(pl.String)
    day = number.is_between(1e7, 1e8, closed="left") & (calendar.start >= _SECONDS_OF_NINE_DIGITS_FROM)
    with_clock = number.is_between(1e13, 1e14, closed="left")
    spelled = pl.when(with_clock).then(digits.str.slice(0, 8) + "T" + digits.str.slice(8)).when(day).then(digits)
    return pl.when(number.is_null()).then("text").otherwise(spelled)


def _of_number() -> pl.Expr:
    number = pl.col("number")
    seconds, milliseconds = number.abs() < _MILLISECONDS_FROM, number.abs() < _MICROSECONDS_FROM
    micros = number * pl.when(seconds).then(1e6).when(milliseconds).then(1e3).otherwise(1)
    whole = pl.when(micros.abs() < _MICROSECONDS_TO).then(micros.round().cast(pl.Int64, strict=False))
    return pl.from_epoch(whole, time_unit="us").dt.replace_time_zone("UTC")


def _local() -> pl.Expr:
    """What calendar and clock show, from the parts; null where there is no such day or clock time."""
    day = pl.coalesce(pl.col("day").str.to_date(form, strict=False) for form in ("%Y-%m-%d", "%Y%m%d"))
    micros = pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0)
    clock = pl.duration(hours=_whole("hour"), minutes=_whole("minute"), seconds=_whole("second"), microseconds=micros)
    return pl.when(clock <= dt.timedelta(days=1)).then(day.cast(pl.Datetime("us")) + clock)  # 24:00 is the day's end


def _offset() -> pl.Expr:
    """How far the clock is ahead of UTC; null where nothing says so."""
    ahead = pl.duration(hours=_whole("hours"), minutes=_whole("minutes")) * pl.when(pl.col("sign") == "+").then(
        1
    ).otherwise(-1)
    return pl.when(pl.col("utc").is_not_null() | pl.col("sign").is_not_null()).then(ahead)


def _whole(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars_start(":").cast(pl.Int64).fill_null(0)


def _in_zone(local: pl.Expr, calendar: Calendar) -> pl.Expr:
    """A clock time of the calendar's zone in UTC; null where the clocks skip it."""
    zoned = local.dt.replace_time_zone(calendar.timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _moved_forward(calendar: Calendar) -> pl.Expr:
    """The same with the offset of the day before, which no clocks skip: no zone changes its offset on two days running.

    For midnight this is the day's first instant, since no clocks have skipped the end of a day without its whole
    (checked for every zone and day from 1970 to 2037).
    """
    day = dt.timedelta(days=1)
    return _in_zone(pl.col("here") - day, calendar) + day
