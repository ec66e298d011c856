"""Periods by day and week in time zones, also where clocks change; and the helpers that read the calendar."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec import periods
from mmrec.errors import MmrecError
from mmrec.settings import Calendar

BERLIN = "Europe/Berlin"
NOW = dt.datetime(2024, 4, 10, 23, 30, tzinfo=dt.UTC)


def calendar(period="day", zone="UTC", start="2024-03-30", end="2024-04-03"):
    return Calendar(period=period, timezone=zone, start=start, end=end)


def period_of(calendar, *instants, now=None):
    column = pl.Series("t", list(instants), dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame({"t": column}).select(p=periods.of_time(calendar, "t", now))["p"].to_list()


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


def reference(calendar, instant, keys):
    """Which of the periods an instant falls into, by the definition: walk them and look at local midnights."""
    step = {"day": 1, "week": 7}[calendar.period]
    for key in keys:
        first = dt.date.fromisoformat(key)
        after = first + dt.timedelta(days=step)
        begin, end = (dt.datetime(d.year, d.month, d.day, tzinfo=calendar.zone) for d in (first, after))
        if begin.timestamp() <= instant.timestamp() < end.timestamp():
            return key
    return None


def test_days_up_to_an_exclusive_end():
    assert periods.keys(calendar()) == ["2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"]


def test_weeks_begin_on_the_weekday_of_the_start_and_only_whole_ones_count():
    assert periods.keys(calendar("week", end="2024-04-19")) == ["2024-03-30", "2024-04-06"]
    assert periods.keys(calendar("week", end="2024-04-20")) == ["2024-03-30", "2024-04-06", "2024-04-13"]


def test_an_open_calendar_ends_with_the_period_of_now_in_its_own_zone():
    assert periods.keys(calendar(end=None, start="2024-04-09"), NOW) == ["2024-04-09", "2024-04-10"]
    assert periods.keys(calendar(end=None, start="2024-04-09", zone=BERLIN), NOW)[-1] == "2024-04-11"
    assert periods.keys(calendar("week", end=None, start="2024-04-01"), NOW) == ["2024-04-01", "2024-04-08"]
    assert periods.keys(calendar(end=None, start="2024-04-12"), NOW) == []


@pytest.mark.parametrize(
    ("instant", "period"),
    [
        (utc(2024, 3, 29, 22, 59, 59, 999999), None),  # before the calendar
        (utc(2024, 3, 29, 23), "2024-03-30"),  # midnight in Berlin, winter
        (utc(2024, 3, 30, 22, 59, 59, 999999), "2024-03-30"),
        (utc(2024, 3, 30, 23), "2024-03-31"),  # the day of 23 hours begins
        (utc(2024, 3, 31, 0, 59, 59), "2024-03-31"),
        (utc(2024, 3, 31, 1), "2024-03-31"),  # 03:00, the clock went forward
        (utc(2024, 3, 31, 21, 59, 59, 999999), "2024-03-31"),
        (utc(2024, 3, 31, 22), "2024-04-01"),  # midnight in Berlin, summer
        (utc(2024, 4, 2, 21, 59, 59, 999999), "2024-04-02"),
        (utc(2024, 4, 2, 22), None),  # the end is exclusive
    ],
)
def test_days_in_berlin_where_the_clock_goes_forward(instant, period):
    assert period_of(calendar(zone=BERLIN), instant) == [period]


def test_the_day_of_25_hours_is_one_day():
    autumn = calendar(zone=BERLIN, start="2024-10-27", end="2024-10-29")
    edges = [utc(2024, 10, 26, 22), utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 30), utc(2024, 10, 27, 22, 59, 59)]
    assert period_of(autumn, *edges) == ["2024-10-27"] * 4
    assert period_of(autumn, utc(2024, 10, 27, 23)) == ["2024-10-28"]


def test_weeks_in_berlin_over_both_changes_of_the_clock():
    spring = calendar("week", BERLIN, "2024-03-25", "2024-04-08")
    assert period_of(spring, utc(2024, 3, 31, 21, 59, 59)) == ["2024-03-25"]
    assert period_of(spring, utc(2024, 3, 31, 22)) == ["2024-04-01"]
    autumn = calendar("week", BERLIN, "2024-10-21", "2024-11-04")
    assert period_of(autumn, utc(2024, 10, 27, 22, 59, 59)) == ["2024-10-21"]
    assert period_of(autumn, utc(2024, 10, 27, 23)) == ["2024-10-28"]


def test_an_unusable_time_has_no_period():
    assert period_of(calendar(), None) == [None]


def test_an_open_calendar_takes_nothing_from_after_now():
    open_ended = calendar(end=None, start="2024-04-09")
    assert period_of(open_ended, utc(2024, 4, 10, 23, 59), utc(2024, 4, 11), now=NOW) == ["2024-04-10", None]


@given(
    instants=st.lists(st.datetimes(dt.datetime(2023, 12, 1), dt.datetime(2025, 2, 1)), min_size=1, max_size=20),
    zone=st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]),
    period=st.sampled_from(["day", "week"]),
    start=st.dates(dt.date(2024, 1, 1), dt.date(2024, 6, 1)),
    days=st.integers(7, 60),
)
def test_of_time_is_what_walking_the_calendar_finds(instants, zone, period, start, days):
    calendar = Calendar(period=period, timezone=zone, start=start, end=start + dt.timedelta(days=days))
    keys = periods.keys(calendar)
    instants = [instant.replace(tzinfo=dt.UTC) for instant in instants]
    edges = [dt.datetime.fromisoformat(key).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC) for key in keys[:5]]
    instants += edges + [edge - dt.timedelta(microseconds=1) for edge in edges]
    assert period_of(calendar, *instants) == [reference(calendar, instant, keys) for instant in instants]


def test_up_to_includes_the_period_itself():
    assert periods.up_to(calendar(), "2024-03-31") == ["2024-03-30", "2024-03-31"]
    assert periods.up_to(calendar(), "2024-01-01") == []


@pytest.mark.parametrize(
    ("period", "refit", "first", "expected"),
    [
        ("2024-03-30", 3, "2024-03-30", "2024-03-30"),
        ("2024-04-01", 3, "2024-03-30", "2024-03-30"),
        ("2024-04-02", 3, "2024-03-30", "2024-04-02"),
        ("2024-04-02", 1, "2024-03-30", "2024-04-02"),
        ("2024-04-02", 99, "2024-03-30", "2024-03-30"),
        ("2024-04-02", 2, "2024-03-31", "2024-04-02"),
        ("2024-04-01", 2, "2024-03-31", "2024-03-31"),
    ],
)
def test_every_so_many_periods_from_the_first_with_events_is_a_boundary(period, refit, first, expected):
    assert periods.boundary(calendar(), period, refit, first) == expected


def test_before_the_first_event_there_is_no_boundary():
    with pytest.raises(MmrecError, match="period 2024-03-30 is before 2024-03-31, the first that has events"):
        periods.boundary(calendar(), "2024-03-30", 2, "2024-03-31")


def test_a_period_that_is_none_is_said_with_those_there_are():
    assert periods.check(calendar(), "2024-03-31") == "2024-03-31"
    with pytest.raises(MmrecError) as caught:
        periods.check(calendar("week", end="2024-04-20"), "2024-03-31")
    assert str(caught.value) == (
        "'2024-03-31' is no configured period; there are 3 weeks from 2024-03-30 to 2024-04-13"
    )


def test_a_calendar_that_has_not_begun_says_so():
    future = Calendar(start=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=3))
    with pytest.raises(MmrecError, match=f"calendar.start is {future.start}, which is still to come"):
        periods.check(future, "2024-01-01")
