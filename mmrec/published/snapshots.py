"""Published snapshots: the newest period, and the table versions that a snapshot pins."""

from __future__ import annotations

import polars as pl

from mmrec import periods
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.settings import Settings


def newest_period(lake: Lake, settings: Settings) -> str:
    """The newest published period."""
    published = lake.scan("ledger/snapshots").select(pl.col("period").max()).collect().item()
    if published is None:
        raise MmrecError("nothing is published yet; type `mmrec run`, or materialize everything in the Dagster UI")
    return periods.check(settings.calendar, published)


def pinned(lake: Lake, period: str) -> dict[str, int]:
    """table → Delta version, as the newest snapshot of a period pins them."""
    rows = lake.scan("ledger/snapshots").filter(pl.col("period") == period).collect()
    if rows.is_empty():
        known = lake.scan("ledger/snapshots").select(pl.col("period").unique().sort()).collect()["period"].to_list()
        raise MmrecError(f"period {period} is not published; published are: {', '.join(known) or 'none'}")
    newest = rows.filter(pl.col("at") == rows["at"].max())
    return dict(newest.select("table", "version").iter_rows())
