"""A person's list as it is published."""

from __future__ import annotations

from typing import Any

import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.published import snapshots, unplaced, user_texts
from mmrec.settings import Settings


def recommend(lake: Lake, settings: Settings, user: str, period: str | None = None) -> dict[str, Any]:
    """One person's published list: rank, item, title, score, reason; of the newest published period by default."""
    published = snapshots.read(lake, settings, period)
    reader, period = published.lake, published.period
    titles = reader.scan(tables.VALIDATED_ITEMS).select("item_id", "title", "image")
    reasons = reader.scan(tables.REASONS, periods=[period]).filter(pl.col("user_id") == user)
    rows = (
        reader.scan(tables.TOP_K, periods=[period])
        .filter(pl.col("user_id") == user)
        .join(titles, on="item_id", how="left")
        .join(reasons.select("rank", "item_id", "reason"), on=["rank", "item_id"], how="left")
        .sort("rank")
        .select("rank", "item_id", "title", "score", "reason")
        .collect()
    )
    if rows.is_empty():
        raise unknown_person(reader, settings, user, period)
    return {"period": period, "list": "published", "stand_in_media": settings.media.stand_in, "items": rows.to_dicts()}


class UnknownPerson(MmrecError):
    """Somebody without a published list."""


def unknown_person(lake: Lake, settings: Settings, user: str, period: str) -> UnknownPerson:
    """What is said of a person without a list: nobody, or somebody whom the served model has no place for."""
    mine = pl.col("user_id") == user
    events = lake.scan(tables.VALIDATED_INTERACTIONS).filter(
        mine & (pl.col("period") <= period) & pl.col("item_id").is_not_null()
    )
    if not lake.scan(tables.MODEL_USERS, periods=[period]).filter(mine).head(1).collect().is_empty():
        told = f"nothing that they like has a place yet: {unplaced.why(lake, settings, period)}; ask for --popular"
    elif not events.head(1).collect().is_empty():
        told = "everything that they met says that they did not like it; ask for --popular"
    elif not user_texts.said(lake).filter(mine).head(1).collect().is_empty():
        told = f"only their own words are known, and {unplaced.why(lake, settings, period)}; ask for --popular"
    else:
        told = (
            "no good event of theirs is in a published period; ask for --popular, look for their rows with "
            '`mmrec rejected`, or give an id from `mmrec sql "SELECT user_id FROM model.users"`'
        )
    return UnknownPerson(f"this person has no published list as of {period}: {told}")
