"""The calendar that fits the events' times: its first day, its last if they lie in the past, days or weeks.

Here: arithmetic over counted days. Not here: which days there are (`mmrec/drafting/tally.py`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from mmrec.drafting.tally import Tally

_SPARSE = 20  # events a day; with fewer a week is the smallest period worth a list of its own
_SHORT = 28  # days; a shorter history has too few weeks
_OPEN = {"day": 7, "week": 21}  # days; events that end longer ago are taken for a closed history
_ROOM_DAYS = 7
_STRAY_SHARE, _STRAY_DAYS = 0.01, 366  # so few events, so long away from all others, do not set the calendar


@dataclass(frozen=True)
class Days:
    """A calendar as far as the times tell. `end` is exclusive, and holds if `is_closed`: else the events go on.

    `room_days` lie between the last event and `end`, for files that may still come.
    """

    period: str
    start: dt.date
    end: dt.date
    is_closed: bool
    last: dt.date
    per_day: float  # events
    strays: int  # events that lie outside
    room_days: int
    today: dt.date


def days(found: Tally, row_count: int, today: dt.date, *, more_files: bool) -> Days:
    """The calendar of these events, in UTC; `row_count` is how many there are, about, and with `more_files` there is a
    pattern that later files may match.
    """
    kept = _without_strays(_without_strays(found.days).reverse()).reverse()
    first, last = kept["day"][0], kept["day"][-1]
    span_days = (last - first).days + 1
    per_day = row_count / span_days
    has_gaps = found.complete and kept.height < span_days / 2
    period = "week" if span_days >= _SHORT and (per_day < _SPARSE or has_gaps) else "day"
    step = 7 if period == "week" else 1
    is_closed = last < today - dt.timedelta(days=_OPEN[period]) or last > today
    room_days = _ROOM_DAYS if is_closed and more_files and last <= today else 0
    end = first + dt.timedelta(days=-(-(span_days + room_days) // step) * step)
    strays = found.count - int(kept["count"].sum())
    return Days(period, first, end, is_closed, last, per_day, strays, room_days, today)


def _without_strays(seen: pl.DataFrame) -> pl.DataFrame:
    """Without the few events at the beginning that are far from all that follow (a clock that was not set)."""
    far = pl.col("day").diff().dt.total_days().abs() > _STRAY_DAYS
    few = pl.col("count").cum_sum().shift(1) < _STRAY_SHARE * pl.col("count").sum()
    cuts = seen.select((far & few).fill_null(value=False).arg_true()).to_series()
    return seen.slice(cuts[-1]) if cuts.len() else seen
