"""recommendations/top_k: every person's list as of a period."""

from __future__ import annotations

import polars as pl

from mmrec import tables
from mmrec.builds.assets import FUSED
from mmrec.builds.report import StageReport
from mmrec.builds.stage import StageRun
from mmrec.lake.store import Lake
from mmrec.lists import top_k as lists
from mmrec.lists.top_k import Lists
from mmrec.published import events
from mmrec.settings import Settings
from mmrec.stages.recommendations.behind import keys_behind, made_of_people, people_by_way, with_people


def top_k(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The K best unseen items of every person with a factor, for each wanted period."""
    gate, asked = events.gate(lake, wanted), settings.recommendations
    run = StageRun(lake, tables.TOP_K, refused=gate.refused, warnings=gate.warnings)
    made: dict[str, Lists] = {}
    for period in with_people(lake, run.begin(top_k_keys(lake, settings, gate.open))):
        made[period] = lists.of_period(lake, settings, period, made)
    if run.stale:
        lists.note_states(lake, made)
    run.publish(made_of_people(run.stale, made))
    return run.report(
        facts={"k": asked.k, **asked.steering, **people_by_way(made.values(), lists.WAYS)},
        tables={"most recommended": _most_recommended(lake, gate.open)},
    )


def top_k_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the lists by period; a title is not in them."""
    asked = settings.recommendations
    return keys_behind(lake, settings, wanted, (FUSED,), k=asked.k, **asked.steering)


def _most_recommended(lake: Lake, open_periods: list[str]) -> pl.DataFrame:
    """The items that most people have on their list of the newest period."""
    newest = max(open_periods, default="")
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title")
    return (
        lake.scan(tables.TOP_K)
        .filter(pl.col("period") == newest)
        .group_by("item_id")
        .agg(people=pl.len())
        .join(titles, on="item_id", how="left")
        .sort("people", "item_id", descending=[True, False])
        .head(10)
        .collect()
    )
