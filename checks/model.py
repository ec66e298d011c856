"""Is what is served worth serving? Asked after each run of the model and the lists; an answer warns and stops nothing.

Here: the served model against popularity, and lists that are complete and hold nothing that was seen. Not here: how a
figure comes about (`mmrec/stages/model`).
"""

from collections.abc import Callable

import dagster as dg
import polars as pl

from checks import results
from mmrec import tables
from mmrec.builds.report import Check
from mmrec.lake.store import Lake
from mmrec.models.popularity import Popularity
from mmrec.published import figures
from resources.lake import LakeResource

Judge = Callable[[Lake, str], Check]

_DESCRIPTIONS = {
    "not_below_popularity": "the 95 % interval of the paired NDCG difference to popularity does not lie below 0",
    "everybody_has_a_list": "every person who liked something up to the period has a list",
    "nothing_seen": "no list holds an item that the person had an event with up to the period",
}


def definitions(periods: dg.PartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """The checks of model and lists, with a verdict a period."""
    return [
        _of(tables.EVALUATION, "not_below_popularity", against_popularity, periods),
        _of(tables.TOP_K, "everybody_has_a_list", everybody_has_a_list, periods),
        _of(tables.TOP_K, "nothing_seen", nothing_seen, periods),
    ]


def against_popularity(lake: Lake, period: str) -> Check:
    """The served model may be no worse than popularity; too little history to say is said."""
    found = figures.read(lake, [period]).filter(
        (pl.col("split") == "test")
        & (pl.col("segment") == "all")
        & pl.col("metric").str.to_lowercase().str.starts_with("ndcg")
        & (pl.col("minus") == Popularity.name)
        & pl.col("high").is_not_null()
    )
    expected = "an interval that reaches above 0"
    if found.is_empty():
        return _check("not_below_popularity", period, True, expected, "too little history to compare")
    worst = found.sort("high").row(0, named=True)
    words = f"{worst['label']} {worst['metric']}: {worst['value']:+.4f} [{worst['low']:+.4f}, {worst['high']:+.4f}]"
    return _check("not_below_popularity", period, worst["high"] > 0, expected, f"{words}, {worst['people']} people")


def everybody_has_a_list(lake: Lake, period: str) -> Check:
    """Counts people with liked items or words of their own up to the period and no list."""
    people = lake.sql(
        f"""SELECT count(*) AS all_people, count(*) FILTER (user_id NOT IN (
              SELECT user_id FROM recommendations.top_k WHERE period = '{period}')) AS without
            FROM model.users WHERE period = '{period}' AND events + words > 0"""
    ).row(0, named=True)
    found = f"{people['without']} of {people['all_people']} people have none"
    return _check(
        "everybody_has_a_list", period, people["without"] == 0, "a list for every person who liked something", found
    )


def nothing_seen(lake: Lake, period: str) -> Check:
    """Counts listed items that the person had an event with."""
    seen = lake.sql(
        f"""SELECT count(*) AS rows FROM recommendations.top_k AS k SEMI JOIN
              (SELECT user_id, item_id FROM validated.interactions WHERE period <= '{period}') USING (user_id, item_id)
            WHERE k.period = '{period}'"""
    ).item()
    return _check("nothing_seen", period, seen == 0, "no seen item in any list", f"{seen} listed items were seen")


def _check(name: str, period: str, passed: bool, expected: str, found: str) -> Check:
    return Check(name, period, blocking=False, passed=passed, expected=expected, found=found)


def _of(asset: str, name: str, judge: Judge, periods: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(asset.split("/")), name=name, description=_DESCRIPTIONS[name], partitions_def=periods
    )
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
        opened = lake.open()
        judged = [judge(opened, period) for period in context.partition_keys]
        if len(judged) > 1:
            results.per_period(context, asset, judged)
        return results.result(name, asset, judged)

    return check
