"""Delivered times: what they are in UTC.

Here: from a column of text to instants. Not here: into which period an instant falls (`mmrec/periods.py`), and what
becomes of a row whose time cannot be read (`mmrec/rules.py`).
"""

from __future__ import annotations

import polars as pl

from mmrec import tables
from mmrec.settings import Calendar

_WITH_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z")
_WITHOUT_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_MILLISECONDS_FROM, _MICROSECONDS_FROM = 1e11, 1e14  # as seconds these would be the years 5138 and 3 million
_MICROSECONDS_TO = 253_000_000_000_000_000  # in the year 9987: a time zone's rules end with the year 9999


def utc_time(column: str, calendar: Calendar) -> pl.Expr:
    """A delivered time as UTC: unix s, ms or µs, or ISO 8601 (without offset: in the calendar's zone)."""
    text = pl.col(column).str.strip_chars().str.replace(" ", "T", literal=True).str.replace("Z$", "+00:00")
    number = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    scale = (
        pl.when(number.abs() < _MILLISECONDS_FROM)
        .then(1e6)
        .when(number.abs() < _MICROSECONDS_FROM)
        .then(1e3)
        .otherwise(1)
    )
    scaled = number * scale
    micros = pl.when(scaled.abs() < _MICROSECONDS_TO).then(scaled.round().cast(pl.Int64, strict=False))
    iso = [text.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False) for pattern in _WITH_OFFSET]
    naive = [
        text.str.to_datetime(pattern, time_unit="us", strict=False)
        .dt.replace_time_zone(calendar.timezone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
        for pattern in _WITHOUT_OFFSET
    ]
    found = pl.coalesce(pl.from_epoch(micros, time_unit="us").dt.replace_time_zone("UTC"), *iso, *naive)
    return pl.when(found.dt.epoch("us").abs() < _MICROSECONDS_TO).then(found).cast(tables.TIME)
