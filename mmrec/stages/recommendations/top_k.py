"""recommendations/top_k: every person's list as of a period."""

from __future__ import annotations

import time

import polars as pl

from mmrec.builds import publishing
from mmrec.builds.report import StageReport
from mmrec.lake.store import Lake
from mmrec.lists import top_k as lists
from mmrec.lists.top_k import Lists
from mmrec.published import events
from mmrec.settings import Settings
from mmrec.stages.recommendations.behind import keys_behind, people_by_way, publish_people, refused_periods, with_people


def top_k(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The K best unseen items of every person with a factor, for each wanted period."""
    began = time.perf_counter()
    gate = events.gate(lake, wanted)
    keys = top_k_keys(lake, settings, gate.open)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    made: dict[str, Lists] = {}
    for period in with_people(lake, stale):
        made[period] = lists.of_period(lake, settings, period, made)
    if stale:
        lists.note_states(lake, made)
        reports |= publish_people(lake, lists.TABLE, made, stale, began)
    return publishing.report(
        lake,
        lists.TABLE,
        reports | refused_periods(gate),
        began,
        facts={"k": settings.recommendations.k, **people_by_way(made.values(), lists.WAYS)},
        tables={"most recommended": _most_recommended(lake, gate.open)},
        warnings=gate.warnings,
    )


def top_k_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the lists by period; a title is not in them."""
    return keys_behind(lake, settings, wanted, ("fused/items",), k=settings.recommendations.k)


def _most_recommended(lake: Lake, open_periods: list[str]) -> pl.DataFrame:
    """The items that most people have on their list of the newest period."""
    newest = max(open_periods, default="")
    titles = lake.scan("validated/items").select("item_id", "title")
    return (
        lake.scan("recommendations/top_k")
        .filter(pl.col("period") == newest)
        .group_by("item_id")
        .agg(people=pl.len())
        .join(titles, on="item_id", how="left")
        .sort("people", "item_id", descending=[True, False])
        .head(10)
        .collect()
    )
