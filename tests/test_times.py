"""Times in every form, in time zones where clocks change, and that nothing is a crash."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec import periods, times
from mmrec.settings import Calendar


def utc(text, zone="Europe/Berlin"):
    calendar = Calendar(start="2024-01-01", timezone=zone)
    return pl.DataFrame({"t": [text]}, schema={"t": pl.String}).select(times.utc_time("t", calendar)).item()


NOON = dt.datetime(2024, 1, 5, 9, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "1704446400",
        "1704446400.0",
        "1.7044464e9",
        " 1704446400 ",
        "1704446400000",
        "1704446400000000",
        "2024-01-05T09:20:00Z",
        "2024-01-05T09:20Z",
        "2024-01-05 09:20:00Z",
        "2024-01-05T09:20:00.000000+00:00",
        "2024-01-05T10:20:00+01:00",
        "2024-01-05T10:20+0100",
        "2024-01-05T10:20:00",
        "2024-01-05 10:20:00.000",
        "2024-01-05T10:20",
    ],
)
def test_one_moment_in_every_form(text):
    assert utc(text) == NOON


def test_fractions_of_a_second_are_kept():
    assert utc("1704446400.25") == NOON + dt.timedelta(milliseconds=250)
    assert utc("1704446400250") == NOON + dt.timedelta(milliseconds=250)
    assert utc("1704446400000001") == NOON + dt.timedelta(microseconds=1)
    assert utc("2024-01-05T09:20:00.000001Z") == NOON + dt.timedelta(microseconds=1)


def test_a_day_alone_is_its_midnight_in_the_zone_of_the_calendar():
    assert utc("2024-01-05") == dt.datetime(2024, 1, 4, 23, tzinfo=dt.UTC)
    assert utc("2024-01-05", "America/New_York") == dt.datetime(2024, 1, 5, 5, tzinfo=dt.UTC)


def test_hours_that_the_clock_skips_or_repeats():
    assert utc("2024-03-31T02:30:00") is None
    assert utc("2024-10-27T02:30:00") == dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)  # the earlier of the two


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "soon", "nan", "inf", "-inf", "1e400", "9e18", "-9e18", "1e300", "99999999999999999999"),
        *("2024-13-01", "2024-02-30", "05.01.2024", "2024-01-05T25:00:00"),
        *("+262142-12-31T23:59:59Z", "-262143-01-01T00:00:00Z"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"])
def test_what_is_no_time_is_none(text, zone):
    assert utc(text, zone) is None


@given(st.floats() | st.integers() | st.datetimes() | st.text(max_size=12))
def test_no_time_of_any_kind_is_a_crash(value):
    text = value.isoformat() if isinstance(value, dt.datetime) else str(value)
    calendar = Calendar(start="2024-01-01", end="2024-02-01", timezone="Pacific/Auckland")
    frame = pl.DataFrame({"t": [text]}).with_columns(u=times.utc_time("t", calendar))
    frame.select(periods.of_time(calendar, "u"))
