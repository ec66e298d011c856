"""Ratings cut into one file a week, as a service would deliver them.

Not here: where ratings come from (`movielens.py`, `archive.py`).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from demo.folder import write_csv
from demo.movielens import Rating
from mmrec.errors import MmrecError

FIRST_DAY = date(1997, 9, 20)
WEEKS = 31
LATER = 1  # the newest weeks that go to `later/`, outside the glob, so that a week can arrive


def week_starts() -> list[date]:
    """The first day of each week of the data set."""
    return [FIRST_DAY + timedelta(weeks=week) for week in range(WEEKS)]


def write_weeks(ratings: Iterable[Rating], root: Path) -> list[Path]:
    """Writes one CSV a week, named by its first day; weeks begin at midnight UTC. The last ones go to `later/`."""
    starts = week_starts()
    by_week: dict[date, list[Rating]] = {start: [] for start in starts}
    for row in ratings:
        day = datetime.fromtimestamp(row.timestamp, UTC).date()
        start = FIRST_DAY + timedelta(weeks=(day - FIRST_DAY).days // 7)
        if start not in by_week:
            raise MmrecError(f"a rating of {day} lies outside the {WEEKS} weeks from {FIRST_DAY}")
        by_week[start].append(row)
    files = [f"interactions/{start}.csv" for start in starts[:-LATER]]
    # Not called .csv: a table of events that no pattern names would be warned of.
    files += [f"later/{start}.csv.part" for start in starts[-LATER:]]
    return [write_csv(root / file, Rating._fields, by_week[start]) for file, start in zip(files, starts, strict=True)]
