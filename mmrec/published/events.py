"""What a period may see: every published event up to it, and nothing when a landed period was not judged.

Landed = what the source files hold. Judged = a verdict exists. Published = its rows are in the table. Here: the gate
between them, and the events as people's histories. Not here: fitting or folding in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from mmrec import periods, tables
from mmrec.builds import ledger, publishing
from mmrec.lake.hashing import digest
from mmrec.lake.memo import of_version
from mmrec.lake.store import Lake
from mmrec.published.weighing import Weighing
from mmrec.quality import verdicts
from mmrec.settings import Settings


@dataclass(frozen=True)
class Gate:
    """Which of the wanted periods may go on, why the others may not, and what to warn of."""

    open: list[str]
    refused: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def gate(lake: Lake, wanted: Iterable[str]) -> Gate:
    """Complete history or nothing: a period is refused when a landed period up to it has no verdict.

    What has landed is what the lake shows: the newest landing, or the one that a run has read itself.
    """
    if not lake.exists(tables.LANDING):
        told = "nothing has landed yet: materialize raw/interactions first, or type `mmrec run`"
        return Gate([], dict.fromkeys(sorted(wanted), told))
    rows = of_version(lake, tables.LANDING, "landed", lambda: _landed(lake.scan(tables.LANDING)))
    judged = verdicts.judged_periods(lake, tables.VALIDATED_INTERACTIONS)
    unjudged = [period for period in rows if period not in judged]
    refused_weeks = sorted(period for period, published in judged.items() if not published and period in rows)
    published = ledger.newest(lake, tables.VALIDATED_INTERACTIONS)
    refused, is_open = {}, []
    for period in sorted(wanted):
        before = [each for each in unjudged if each <= period]
        if before:
            shown = before[0] if len(before) == 1 else f"{before[0]} … {before[-1]}"
            refused[period] = (
                f"{len(before)} landed periods up to it are not judged ({shown}): materialize raw/interactions and "
                f"validated/interactions for all partitions, or type `mmrec run`"
            )
        else:
            is_open.append(period)
    seen = [each for each in refused_weeks if is_open and each <= is_open[-1]]
    warnings = [
        f"period {each} was refused by its contract and counts with its last published rows "
        f"({published[each].rows if each in published else 0})"
        for each in seen
    ]
    raw = ledger.newest(lake, tables.RAW_INTERACTIONS)
    now = _landed(lake.added(tables.LANDING, None))  # another run may have landed and judged more since
    behind = [p for p in rows if p in raw and raw[p].rows not in (rows[p], now.get(p))]
    late = [p for p in behind if is_open and p <= is_open[-1]]
    warnings += [
        f"{rows[each]} rows have landed in period {each}, of which {raw[each].rows} were judged: materialize "
        f"raw/interactions and validated/interactions for it, or type `mmrec run`"
        for each in late
    ]
    return Gate(is_open, refused, warnings)


def _landed(rows: pl.LazyFrame) -> dict[str, int]:
    """period → its landed rows, by a state of the ledger of what landed."""
    landed = rows.filter(pl.col("rows") > 0).group_by("period").agg(pl.col("rows").sum())
    return dict(landed.sort("period").collect().iter_rows())


def read(lake: Lake, settings: Settings, up_to: str, weighing: Weighing, only: str | None = None) -> pl.DataFrame:
    """Every published event with an item up to a period, of everybody or of one person, sorted by person and item.

    Columns: user_id, item_id, event, time, period, weight (0 = met and not liked), source_file, source_row; and split,
    where a column gives it.
    """
    given = ["split"] if settings.interactions.columns.split else []
    mine = pl.lit(value=True) if only is None else pl.col("user_id") == only
    seen = periods.up_to(settings.calendar, up_to)  # a changed calendar leaves periods behind that no longer count
    return (
        lake.scan(tables.VALIDATED_INTERACTIONS)
        .filter(pl.col("period").is_in(seen) & pl.col("item_id").is_not_null() & mine)
        .select(
            "user_id",
            "item_id",
            "event",
            "time",
            "period",
            "source_file",
            "source_row",
            *given,
            weight=weighing.weight(),
        )
        .sort("user_id", "item_id", "time", "event", "source_file", "source_row")
        .collect()
    )


def filled_periods(lake: Lake, settings: Settings, up_to: str) -> list[str]:
    """The configured periods up to one that have published rows, the oldest first."""
    found = ledger.newest(lake, tables.VALIDATED_INTERACTIONS)
    return [key for key in periods.up_to(settings.calendar, up_to) if key in found and found[key].rows]


def published(lake: Lake, settings: Settings, up_to: str) -> int:
    """How many rows of events are published up to a period, searches among them: counted by builds, nothing is read."""
    found = ledger.newest(lake, tables.VALIDATED_INTERACTIONS)
    return sum(found[key].rows for key in periods.up_to(settings.calendar, up_to) if key in found)


def versions(lake: Lake, settings: Settings, up_to: str) -> dict[str, str]:
    """Data versions of every published period up to one, for a stage key; a period without rows leaves no trace."""
    found = ledger.data_version(lake, tables.VALIDATED_INTERACTIONS, periods.up_to(settings.calendar, up_to))
    return {name: version for name, version in found.items() if version != publishing.EMPTY}


def digests(events: pl.DataFrame, extra: list[str]) -> pl.DataFrame:
    """user_id, events_digest: each person's id and events (and the columns `extra`) in any order."""
    found = digest(events, "user_id", ["user_id", "item_id", "event", "time", *extra])
    return pl.DataFrame(
        {"user_id": list(found), "events_digest": list(found.values())},
        schema={"user_id": pl.String, "events_digest": pl.String},
    ).sort("user_id")
