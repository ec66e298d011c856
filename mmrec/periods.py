"""The calendar: which periods there are, and into which one an instant falls.

Here: pure functions from `Calendar` to period keys. Not here: Dagster's partitions, which the asset graph makes from
the same settings (a test holds the two against each other).

A period's key is its first day as `YYYY-MM-DD` in the calendar's time zone; weeks begin on the weekday of `start`.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from mmrec.errors import MmrecError
from mmrec.settings import Calendar

_DAYS = {"day": 1, "week": 7}


def keys(calendar: Calendar, now: dt.datetime | None = None) -> list[str]:
    """Every configured period, oldest first; an open-ended calendar ends with the period that holds `now`."""
    step = _DAYS[calendar.period]
    if calendar.end is not None:
        count = (calendar.end - calendar.start).days // step
    else:
        today = (now or dt.datetime.now(dt.UTC)).astimezone(calendar.zone).date()
        count = (today - calendar.start).days // step + 1
    return [str(calendar.start + dt.timedelta(days=step * index)) for index in range(max(count, 0))]


def of_time(calendar: Calendar, column: str, now: dt.datetime | None = None) -> pl.Expr:
    """The period key of a UTC timestamp column; null where the time is null or outside the calendar."""
    step = _DAYS[calendar.period]
    offset = (local_day(calendar, column) - pl.lit(calendar.start)).dt.total_days()
    count = len(keys(calendar, now))
    first_day = pl.lit(calendar.start) + pl.duration(days=offset - offset % step)
    return pl.when((offset >= 0) & (offset < count * step)).then(first_day.cast(pl.Date).dt.strftime("%Y-%m-%d"))


def local_day(calendar: Calendar, column: str) -> pl.Expr:
    """The date that a clock in the calendar's zone shows at a UTC timestamp: what calendar dates are compared with."""
    return pl.col(column).dt.convert_time_zone(calendar.timezone).dt.date()


def exists(calendar: Calendar, period: str) -> bool:
    """Whether a period has any instant: some zones have left out a day, to be on the other side of the date line."""
    noon = dt.datetime.combine(dt.date.fromisoformat(period), dt.time(12), calendar.zone)
    return calendar.period != "day" or str(noon.astimezone(dt.UTC).astimezone(calendar.zone).date()) == period


def up_to(calendar: Calendar, period: str, now: dt.datetime | None = None) -> list[str]:
    """Every configured period up to and including `period`."""
    return [key for key in keys(calendar, now) if key <= period]


def boundary(calendar: Calendar, period: str, refit: int, first: str) -> str:
    """The newest refit boundary ≤ `period`: every `refit`-th period, counted from `first`, the first with events."""
    known = [key for key in up_to(calendar, period) if key >= first]
    if not known:
        raise MmrecError(f"period {period} is before {first}, the first that has events")
    return known[(len(known) - 1) // refit * refit]


def newest(calendar: Calendar) -> str:
    """The newest configured period; one line where the calendar has not begun yet."""
    known = keys(calendar)
    if not known:
        raise MmrecError(f"calendar.start is {calendar.start}, which is still to come; no period has begun yet")
    return known[-1]


def check(calendar: Calendar, period: str) -> str:
    """`period`, when the calendar has it; else one line that says what it has."""
    known, last = keys(calendar), newest(calendar)
    if period not in known:
        kind = f"{calendar.period}s" if calendar.period == "day" else "weeks"
        raise MmrecError(f"'{period}' is no configured period; there are {len(known)} {kind} from {known[0]} to {last}")
    return period
