"""What a reader may rely on at any moment: while others write, and after a run that died."""

import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.published import snapshots

ITEM = ["item_id"]


def check_vectors(root, modalities=("text", "image")):
    """No current key is without its vector, for a reader who takes what is current first."""
    for modality in modalities:
        reader = Lake(root)
        tables = ("current", "words") if modality == "text" else ("current",)
        held = [reader.scan(f"embeddings/{modality}/{table}").select("key").collect() for table in tables]
        vectors = reader.scan(f"embeddings/{modality}/vectors").select("key").collect()
        assert pl.concat(held).join(vectors, on="key", how="anti").is_empty(), modality


def check_snapshots(root, newest=None):
    """The newest snapshot of each period (of the `newest` so many) pins tables that are there and belong together; how
    many were looked at.
    """
    lake = Lake(root)
    published = lake.scan("ledger/snapshots").select("period").unique().sort("period", descending=True)
    periods = published.collect()["period"].to_list()[:newest]
    for period in periods:
        reader = lake.pinned(snapshots.pinned(lake, period))
        lists, reasons, people = (
            reader.scan(table).filter(pl.col("period") == period).collect()
            for table in ("recommendations/top_k", "recommendations/reasons", "model/users")
        )
        listed = ["user_id", "rank", "item_id"]
        assert lists.height > 0
        assert same(lists.select(listed), reasons.select(listed)), f"lists and reasons of {period}"
        assert same(lists.select("user_id").unique(), people.select("user_id")), f"lists and people of {period}"
        catalogue, fused, neighbours = (
            reader.scan(table).select("item_id").unique().collect()
            for table in ("validated/items", "fused/current", tables.SIMILAR_ITEMS)
        )
        assert same(catalogue, fused), f"catalogue and vectors of {period}"
        assert lists.join(catalogue, on=ITEM, how="anti").is_empty(), f"lists and catalogue of {period}"
        assert neighbours.join(fused, on=ITEM, how="anti").is_empty(), f"neighbours and vectors of {period}"
    return len(periods)


def same(one, other):
    return one.sort(one.columns).equals(other.sort(other.columns))
