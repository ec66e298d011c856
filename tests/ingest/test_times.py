"""Times in every form, in time zones where clocks change, and that nothing is a crash."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec import periods
from mmrec.ingest import times
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
        "2024-01-05 09:20:00+00",
        "2024-01-05 09:20:00.000000+00",
        "2024-01-05T09:20:00,000Z",
        "2024-01-05T09:20:00.000000000Z",
        "2024-01-05t09:20:00z",
        "2024-01-05   10:20:00",
        "2024-01-05 09:20:00 UTC",
        "2024-01-05 14:50:00 +05:30",
        "2024-01-05T14:50:00+0530",
        "2024-01-05T01:20:00−08",
        "2024-1-5 10:20:00",
        "20240105T092000Z",
        "20240105T0920Z",
        "20240105T102000",
        "20240105 102000,0",
        "20240105102000",
        "20240105102000.0",
    ],
)
def test_one_moment_in_every_form(text):
    assert utc(text) == NOON


def test_fractions_of_a_second_are_kept():
    assert utc("1704446400.25") == NOON + dt.timedelta(milliseconds=250)
    assert utc("1704446400250") == NOON + dt.timedelta(milliseconds=250)
    assert utc("1704446400000001") == NOON + dt.timedelta(microseconds=1)
    assert utc("2024-01-05T09:20:00.000001Z") == NOON + dt.timedelta(microseconds=1)


@pytest.mark.parametrize("text", ["2024-01-05", "20240105", "20240105.0"])
def test_a_day_alone_is_its_midnight_in_the_zone_of_the_calendar(text):
    assert utc(text) == dt.datetime(2024, 1, 4, 23, tzinfo=dt.UTC)
    assert utc(text, "America/New_York") == dt.datetime(2024, 1, 5, 5, tzinfo=dt.UTC)


def test_eight_digits_are_seconds_where_the_calendar_begins_before_seconds_had_nine():
    texts = pl.Series(["20240105", "99999999", "100000000"])
    assert times.read(texts, Calendar(start="1973-03-03"))["time_utc"].dt.year().to_list() == [2024, None, 1973]
    assert times.read(texts, Calendar(start="1970-01-01"))["time_utc"].dt.year().to_list() == [1970, 1973, 1973]


def test_the_end_of_a_day_and_a_leap_second_are_the_next_instant():
    midnight = dt.datetime(2024, 1, 6, tzinfo=dt.UTC)
    assert [utc(f"2024-01-05T{clock}Z") for clock in ("24:00", "24:00:00.000", "23:59:60")] == [midnight] * 3
    assert utc("2024-01-05T24:00:01Z") is None


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"),
        ("Asia/Kathmandu", "1986-01-01", "1986-01-01T00:15:00+05:45"),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"),  # a day that never was
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"),  # midnight twice
        ("Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00"),
    ],
)
def test_a_day_is_its_first_instant(zone, day, first):
    calendar = Calendar(start="1973-03-03", timezone=zone)
    found = times.read(pl.Series([day, day.replace("-", "")]), calendar)
    assert found.rows() == [(dt.datetime.fromisoformat(first), True, False)] * 2
    if day != "2011-12-30":
        assert found.select(periods.of_time(calendar, "time_utc")).to_series().to_list() == [day] * 2


def test_hours_that_the_clock_skips_or_repeats():
    berlin = Calendar(start="2024-01-01", timezone="Europe/Berlin")
    texts = pl.Series(["2024-03-31T02:30:00", "2024-03-31T03:00:00", "2024-03-31T02:30:00Z", "2024-10-27T02:30:00"])
    found = times.read(texts, berlin)
    hours = [(3, 31, 1, 30), (3, 31, 1, 0), (3, 31, 2, 30), (10, 27, 0, 30)]  # of two, the earlier
    assert found["time_utc"].to_list() == [dt.datetime(2024, *parts, tzinfo=dt.UTC) for parts in hours]
    assert found["clock_skipped"].to_list() == [True, False, False, False]


ZONES = ["Europe/Berlin", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "Etc/UTC"]


@given(local=st.datetimes(dt.datetime(2009, 1, 1), dt.datetime(2030, 1, 1)), zone=st.sampled_from(ZONES))
def test_a_clock_time_is_what_the_time_zone_database_makes_of_it(local, zone):
    """`fold=0` there: the first of two, and the offset before the change where there is none."""
    found = times.read(pl.Series([local.isoformat()]), Calendar(start="2009-01-01", timezone=zone))
    assert found["time_utc"].item() == local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "soon", "nan", "inf", "-inf", "1e400", "9e18", "-9e18", "1e300", "99999999999999999999"),
        *("2024-13-01", "2024-02-30", "05.01.2024", "2024-01-05T25:00:00", "2024-01-05T10:61", "20241301", "20240230"),
        *("2024-01-05T10:00+24", "2024-01-05T10:00+01:60", "2024-01-05Z", "20240105250000", "2024-01"),
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
