"""The calendar that fits the events' times: its first day, its last if they lie in the past, days or weeks.

Here: arithmetic over sampled times. Not here: what a time looks like (`mmrec/drafting/columns.py`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from mmrec.drafting.parts import Table

_SPARSE = 20  # events a day; with fewer a week is the smallest period worth a list of its own
_SHORT = 28  # days; a shorter history has too few weeks
_OPEN = 60  # days; events that end longer ago are taken for a closed history
_STRAY_SHARE, _STRAY_DAYS = 0.01, 366  # so few events, so long away from all others, do not set the calendar


@dataclass(frozen=True)
class Days:
    """A calendar as far as the times tell: `end` is exclusive, None where the events go on up to today."""

    period: str
    start: dt.date
    end: dt.date | None
    last: dt.date
    per_day: float  # events
    strays: int  # sampled events that lie outside


def days(events: Table, today: dt.date) -> Days:
    """The calendar of these events, in UTC."""
    seen = events.column("time").instants.dt.date().value_counts(sort=False).sort("value")
    kept = _without_strays(_without_strays(seen).reverse()).reverse()
    first, last = kept["value"][0], kept["value"][-1]
    span_days = (last - first).days + 1
    per_day = events.source.row_count / span_days
    has_gaps = events.source.whole and kept.height < span_days / 2
    period = "week" if span_days >= _SHORT and (per_day < _SPARSE or has_gaps) else "day"
    step = 7 if period == "week" else 1
    end = first + dt.timedelta(days=-(-span_days // step) * step)
    is_closed = last < today - dt.timedelta(days=_OPEN) or last > today
    strays = sum(seen["count"].to_list()) - sum(kept["count"].to_list())
    return Days(period, first, end if is_closed else None, last, per_day, strays)


def _without_strays(seen: pl.DataFrame) -> pl.DataFrame:
    """Without the few events at the beginning that are far from all that follow (a clock that was not set)."""
    far = pl.col("value").diff().dt.total_days().abs() > _STRAY_DAYS
    few = pl.col("count").cum_sum().shift(1) < _STRAY_SHARE * pl.col("count").sum()
    cuts = seen.select((far & few).fill_null(value=False).arg_true()).to_series()
    return seen.slice(cuts[-1]) if cuts.len() else seen
