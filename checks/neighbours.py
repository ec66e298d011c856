"""Are lists of neighbours whole, and of many items? Asked after each of their runs; an answer warns and stops nothing.

Here: lists that lack items, and items that are on too many lists. Not here: whether neighbours please anybody, nor the
measure (`mmrec/lists/neighbours.py`).
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from checks import results
from mmrec import tables
from mmrec.builds.report import WHOLE, Check
from mmrec.lake.store import Lake
from mmrec.lists.neighbours import ALL, LENGTH
from resources.lake import LakeResource

_MOST = 0.25  # of the lists by one modality that an item may be on; the demo's most listed one is on a twentieth
_TIMES = 5.0  # …or so many times the share that chance gives it, where the catalogue is small
_DESCRIPTIONS = {
    "complete": f"every item is compared by each modality it has, with {LENGTH} neighbours where there are as many",
    "few_hubs": f"no item is on more than {_MOST:.0%} of the lists by one modality: else its vectors say little",
}


def definitions() -> list[dg.AssetChecksDefinition]:
    """The checks of the neighbours."""
    key = dg.AssetKey(tables.SIMILAR_ITEMS.split("/"))
    specs = [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in _DESCRIPTIONS.items()]

    @dg.multi_asset_check(name="neighbours", specs=specs)
    def neighbours(lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        for check in judge(lake.open()):
            yield results.result(check.name, tables.SIMILAR_ITEMS, [check])

    return [neighbours]


def judge(lake: Lake) -> list[Check]:
    """The checks over the table and the items' modalities as they are."""
    lists = lake.scan(tables.SIMILAR_ITEMS).group_by("item_id", "by").agg(length=pl.len()).collect()
    return [_complete(lake, lists), _few_hubs(lake, lists)]


def _complete(lake: Lake, lists: pl.DataFrame) -> Check:
    """Counts lists that are shorter than the number of other items with the modality allows."""
    wanted = (
        lake.scan(tables.FUSED_CURRENT)
        .select("item_id", by="modalities")
        .explode("by")
        .drop_nulls("by")
        .with_columns(others=pl.len().over("by") - 1)
        .collect()
    )
    due = wanted.with_columns(due=pl.min_horizontal("others", pl.lit(LENGTH)))
    made = due.join(lists, on=["item_id", "by"], how="left").fill_null(0)
    short = made.filter(pl.col("length") < pl.col("due")).height
    found = f"{short} of {made.height} lists by one modality are shorter"
    return _check("complete", short == 0, f"{LENGTH} neighbours, or all there are", found)


def _few_hubs(lake: Lake, lists: pl.DataFrame) -> Check:
    """The item that is on the largest share of the lists by one modality."""
    items = lists.group_by("by").agg(items=pl.len())
    times = lake.scan(tables.SIMILAR_ITEMS).group_by("by", "neighbour").agg(times=pl.len()).collect()
    shares = (
        times.join(items, on="by")
        .filter(pl.col("by") != ALL)
        .with_columns(
            share=pl.col("times") / pl.col("items"),
            most=pl.max_horizontal(pl.lit(_MOST), _TIMES * LENGTH / pl.col("items")),
        )
        .sort(pl.col("share") - pl.col("most"), "neighbour", descending=[True, False])
    )
    if shares.is_empty():
        return _check("few_hubs", True, f"at most {_MOST:.0%} of the lists", "no list")
    worst = shares.row(0, named=True)
    found = f"item {worst['neighbour']} is on {worst['share']:.0%} of {worst['items']} lists by {worst['by']}"
    return _check("few_hubs", worst["share"] <= worst["most"], f"at most {worst['most']:.0%} of the lists", found)


def _check(name: str, passed: bool, expected: str, found: str) -> Check:
    return Check(name, WHOLE, blocking=False, passed=passed, expected=expected, found=found)
