"""The calendar as Dagster's partitions.

Here: the partitions of the settings' calendar, and how a period looks at its history. Not here: which periods there are
by the library's own count (`mmrec/periods.py`); a test holds the two against each other.
"""

import dagster as dg

from mmrec import periods
from mmrec.settings import Calendar

_KEY_FORMAT = "%Y-%m-%d"
_OPEN_ENDED_MARGIN = 366  # periods that may begin before the code location is loaded again


def of(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """A partition a period, keyed by its first day. An open-ended calendar includes the period that holds now."""
    weekday = (calendar.start.weekday() + 1) % 7  # cron counts from Sunday
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule="0 0 * * *" if calendar.period == "day" else f"0 0 * * {weekday}",
        start=str(calendar.start),
        end=None if calendar.end is None else str(calendar.end),
        fmt=_KEY_FORMAT,
        timezone=calendar.timezone,
        end_offset=1 if calendar.end is None else 0,
    )


def history(calendar: Calendar) -> dg.TimeWindowPartitionMapping:
    """Period D sees every period up to D. The offset is the number of periods: a larger one costs seconds a look."""
    count = len(periods.keys(calendar)) + (_OPEN_ENDED_MARGIN if calendar.end is None else 0)
    return dg.TimeWindowPartitionMapping(start_offset=-count, end_offset=0, allow_nonexistent_upstream_partitions=True)
