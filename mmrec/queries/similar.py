"""Which items are like one, by what they show and say."""

from __future__ import annotations

from typing import Any

import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.modalities import NOUNS
from mmrec.published import snapshots
from mmrec.settings import Settings


def similar(lake: Lake, settings: Settings, item: str, by: str = neighbours.ALL) -> dict[str, Any]:
    """The most similar items of one, by a modality or by `all`: rank, item, title, similarity, and what was compared.

    Of the newest published snapshot, like every list. The measure is that of `mmrec/lists/neighbours.py`.
    """
    if by not in (neighbours.ALL, *settings.embeddings):
        known = ", ".join([*settings.embeddings, neighbours.ALL])
        raise MmrecError(f"items are not compared by '{by}'; this data set compares them by: {known}")
    published = snapshots.read(lake, settings)
    if tables.SIMILAR_ITEMS not in published.pins:
        raise MmrecError(f"the snapshot of {published.period} was published without similar items; type `mmrec run`")
    reader = published.lake
    title, has = published.title(item), _modalities(reader, [item]).get(item, [])
    if title is None:
        raise unknown_item(item)
    rows = reader.scan(tables.SIMILAR_ITEMS).filter((pl.col("item_id") == item) & (pl.col("by") == by))
    titles = reader.scan(tables.VALIDATED_ITEMS).select(neighbour="item_id", title="title")
    found = rows.join(titles, on="neighbour", how="left").sort("rank").collect()
    if found.is_empty():
        raise _without_neighbours(item, by, has)
    wanted = has if by == neighbours.ALL else [by]
    theirs = _modalities(reader, found["neighbour"].to_list())
    items = [
        {
            "rank": row["rank"],
            "item_id": row["neighbour"],
            "title": row["title"],
            "similarity": row["similarity"],
            "compared_by": [name for name in wanted if name in theirs[row["neighbour"]]],
        }
        for row in found.iter_rows(named=True)
    ]
    drawn = [name for name in wanted if name in settings.media.stand_in]
    return {"item_id": item, "title": title, "by": by, "has": has, "stand_in_media": drawn, "items": items}


def unknown_item(item: str) -> MmrecError:
    """What is said of an item that the catalogue does not name."""
    return MmrecError(f"no item is called '{item}'; see `mmrec sql \"SELECT item_id, title FROM validated.items\"`")


def _without_neighbours(item: str, by: str, has: list[str]) -> MmrecError:
    named = ", ".join(has) or "nothing that could be compared"
    if not has or by not in (*has, neighbours.ALL):
        return MmrecError(f"item '{item}' has no {NOUNS.get(by, 'vector')} to compare by; it has: {named}")
    return MmrecError(f"no other item can be compared with item '{item}' by {by}; it has: {named}")


def _modalities(lake: Lake, items: list[str]) -> dict[str, list[str]]:
    """item → the modalities it has, in block order."""
    rows = lake.scan(tables.FUSED_CURRENT).filter(pl.col("item_id").is_in(items)).select("item_id", "modalities")
    return dict(rows.collect().iter_rows())
