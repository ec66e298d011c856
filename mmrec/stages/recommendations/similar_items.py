"""recommendations/similar_items: every item's neighbours."""

from __future__ import annotations

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.assets import FUSED
from mmrec.builds.report import WHOLE, StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.published.features import Features
from mmrec.settings import Settings
from mmrec.stages.recommendations.behind import stand_in


def similar_items(lake: Lake, settings: Settings) -> StageReport:
    """Every item's most similar items, by each modality and by all; only lists that a change reaches are made anew."""
    run, anew = StageRun(lake, tables.SIMILAR_ITEMS), 0
    if run.begin(similar_items_keys(lake, settings)):
        rows, anew, pairs = _neighbours(lake)
        run.publish({WHOLE: Made(rows, work=pairs)})
    return run.report(
        facts={"k": neighbours.LENGTH, "lists_made_anew": anew, **stand_in(settings)},
        tables={"lists by modality": _by_modality(lake), "neighbours of some items": _neighbours_of_some(lake)},
    )


def similar_items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the neighbours; a title is not in it."""
    return {WHOLE: ledger.stage_key(lake.code_version, {}, ledger.data_version(lake, FUSED))}


def _neighbours(lake: Lake) -> tuple[pl.DataFrame, int, int]:
    """Every row of the table as of now, how many lists were made anew, and how many pairs of items were compared."""
    features = Features(lake)
    old = lake.scan(tables.SIMILAR_ITEMS).collect()
    made = [
        neighbours.brought_up_to_date(old, by, features.item_ids, blocks, lake.code_version)
        for by, blocks in neighbours.kinds(features.blocks).items()
    ]
    rows = pl.concat([tables.contract(tables.SIMILAR_ITEMS).empty(), *[each[0] for each in made]])
    return rows, sum(anew for _, anew, _ in made), sum(pairs for _, _, pairs in made)


def _by_modality(lake: Lake) -> pl.DataFrame:
    """How near neighbours are, and how often the item that is on most lists is on one."""
    rows = lake.scan(tables.SIMILAR_ITEMS)
    nearest = rows.group_by("by").agg(
        items=pl.col("item_id").n_unique(),
        similarity_of_first=pl.col("similarity").filter(pl.col("rank") == 1).mean(),
        similarity_of_last=pl.col("similarity").filter(pl.col("rank") == neighbours.LENGTH).mean(),
    )
    listed = rows.group_by("by", "neighbour").agg(lists=pl.len()).group_by("by").agg(most_listed=pl.col("lists").max())
    return nearest.join(listed, on="by").sort("by").collect()


def _neighbours_of_some(lake: Lake, count: int = 3) -> pl.DataFrame:
    """A few items from all over the catalogue by title, each with the titles of its first neighbours."""
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").sort("item_id").collect()
    some = titles.gather_every(max(1, titles.height // count)).head(count)
    named = titles.lazy().select(neighbour="item_id", neighbours="title")
    return (
        lake.scan(tables.SIMILAR_ITEMS)
        .filter(pl.col("rank") <= 5)
        .join(some.lazy(), on="item_id")
        .join(named, on="neighbour")
        .sort("item_id", "by", "rank")
        .group_by("item_id", "title", "by", maintain_order=True)
        .agg(pl.col("neighbours").str.join("; "))
        .collect()
    )
