"""The calendar as Dagster's partitions.

Here: the partitions of the settings' calendar, and how a period looks at its history. Not here: which periods there are
by the library's own count (`mmrec/periods.py`); a test holds the two against each other.

A calendar with an end is a finite list of periods, and an open one a time window that grows. A time window with a past
end would serve as well, but Dagster's plots by partition ask for the newest windows before now and stay empty.
"""

import dagster as dg

from mmrec import periods
from mmrec.settings import Calendar

_KEY_FORMAT = "%Y-%m-%d"
_OPEN_ENDED_MARGIN = 366  # periods that may begin before the code location is loaded again

Periods = dg.StaticPartitionsDefinition | dg.TimeWindowPartitionsDefinition


def of(calendar: Calendar) -> Periods:
    """A partition a period, keyed by its first day. An open-ended calendar includes the period that holds now."""
    if calendar.end is not None:
        return dg.StaticPartitionsDefinition(periods.keys(calendar))
    weekday = (calendar.start.weekday() + 1) % 7  # cron counts from Sunday
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule="0 0 * * *" if calendar.period == "day" else f"0 0 * * {weekday}",
        start=str(calendar.start),
        fmt=_KEY_FORMAT,
        timezone=calendar.timezone,
        end_offset=1,
    )


def history(calendar: Calendar) -> dg.PartitionMapping:
    """Period D sees every period up to D. The offset is the number of periods: a larger one costs seconds a look."""
    known = periods.keys(calendar)
    if calendar.end is not None:
        return dg.StaticPartitionMapping({period: known[index:] for index, period in enumerate(known)})
    count = len(known) + _OPEN_ENDED_MARGIN
    return dg.TimeWindowPartitionMapping(start_offset=-count, end_offset=0, allow_nonexistent_upstream_partitions=True)
