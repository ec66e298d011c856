"""Dagster's partitions and the library's periods are the same, in every time zone and for every kind of calendar."""

import datetime as dt
import warnings

import dagster as dg
import pytest

from mmrec import periods
from mmrec.settings import Calendar
from mmrec_assets.running import partitions

CALENDARS = {
    "days": Calendar(start=dt.date(2024, 1, 1), end=dt.date(2024, 3, 1)),
    "weeks": Calendar(start=dt.date(1997, 9, 20), end=dt.date(1998, 4, 18), period="week"),
    "weeks that do not divide": Calendar(start=dt.date(2024, 1, 3), end=dt.date(2024, 2, 9), period="week"),
    "a midnight that never was": Calendar(
        start=dt.date(2017, 10, 1), end=dt.date(2017, 11, 1), timezone="America/Sao_Paulo"
    ),
    "an hour twice": Calendar(start=dt.date(2024, 10, 1), end=dt.date(2024, 11, 5), timezone="Europe/Berlin"),
    "open-ended days": Calendar(start=dt.date(2025, 12, 1), timezone="Asia/Tokyo"),
    "open-ended weeks": Calendar(start=dt.date(2025, 1, 6), period="week", timezone="America/New_York"),
    "not begun": Calendar(start=dt.date(2999, 1, 1)),
}


@pytest.mark.parametrize("calendar", CALENDARS.values(), ids=CALENDARS.keys())
def test_partitions_are_the_configured_periods(calendar):
    assert list(partitions.of(calendar).get_partition_keys()) == periods.keys(calendar)


@pytest.mark.parametrize("calendar", list(CALENDARS.values())[5:7], ids=list(CALENDARS)[5:7])
def test_a_partition_begins_when_its_period_does(calendar):
    definition = partitions.of(calendar)
    for key in periods.keys(calendar):
        start = definition.time_window_for_partition_key(key).start
        assert str(start.astimezone(calendar.zone).date()) == key


def test_today_is_a_period_of_an_open_ended_calendar():
    today = dt.datetime.now(dt.UTC).date()
    assert partitions.of(Calendar(start=today)).get_partition_keys() == [str(today)]


@pytest.mark.parametrize("name", ["weeks", "open-ended weeks"])
def test_a_period_sees_itself_and_every_earlier_one(name):
    calendar = CALENDARS[name]
    definition = partitions.of(calendar)
    known = periods.keys(calendar)
    for key in (known[0], known[len(known) // 2], known[-1]):
        asked = definition.subset_with_partition_keys([key])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            mapping = partitions.history(calendar)
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(asked, definition, definition)
        seen = sorted(found.partitions_subset.get_partition_keys())
        assert seen == periods.up_to(calendar, key)
