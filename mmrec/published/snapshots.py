"""A published snapshot: what people are shown as of a period. Every query reads through one.

Here: which snapshot, its pins, the lake as it was then, and the titles of its catalogue. Not here: publishing
(`mmrec/stages/recommendations/snapshot.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import periods, tables
from mmrec.builds.ledger import newest_rows
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.settings import Settings


@dataclass(frozen=True)
class Snapshot:
    """The newest snapshot of a period. `pins`: table → Delta version; `lake` reads every pinned table as it was."""

    period: str
    pins: dict[str, int]
    lake: Lake

    def titles(self) -> pl.DataFrame:
        """item_id and title of every item of its catalogue."""
        return self.lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()

    def title(self, item: str) -> str | None:
        """The title of one item; None where the catalogue does not name it."""
        named = self.lake.scan(tables.VALIDATED_ITEMS).filter(pl.col("item_id") == item).select("title").collect()
        return named.item() if named.height else None


def read(lake: Lake, settings: Settings, period: str | None = None) -> Snapshot:
    """The snapshot of a period, of the newest published one by default. Raises where there is none."""
    period = period or newest_period(lake, settings)
    pins = pinned(lake, period)
    return Snapshot(period, pins, lake.pinned(pins))


def newest_period(lake: Lake, settings: Settings) -> str:
    """The newest published period."""
    published = lake.scan(tables.SNAPSHOTS).select(pl.col("period").max()).collect().item()
    if published is None:
        raise MmrecError("nothing is published yet; type `mmrec run`, or materialize everything in the Dagster UI")
    return periods.check(settings.calendar, published)


def pinned(lake: Lake, period: str) -> dict[str, int]:
    """table → Delta version, as the newest snapshot of a period pins them."""
    rows = newest_rows(lake.scan(tables.SNAPSHOTS).filter(pl.col("period") == period), "period").collect()
    if rows.is_empty():
        known = lake.scan(tables.SNAPSHOTS).select(pl.col("period").unique().sort()).collect()["period"].to_list()
        raise MmrecError(f"period {period} is not published; published are: {', '.join(known) or 'none'}")
    return dict(rows.select("table", "version").iter_rows())
