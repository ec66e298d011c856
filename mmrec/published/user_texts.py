"""A person's own words: which of them may be read, and what they are.

Words are profile texts, searches and reviews. They are read only of people whose consent says yes, encoded as texts,
and each distinct text counts as one item that the person liked. Here: from the validated tables to rows of words. Not
here: their vectors (`mmrec/stages/embeddings`) and where they place a person (`mmrec/published/versions.py`).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mmrec import periods, tables
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from mmrec.tables import TIME

MODALITY = "text"
MARK = "\x00"  # begins the id of a text where items are expected; no item's id holds a control character
PROFILE = "profile"  # the event of a profile text; searches and reviews have the event they came with


def said(lake: Lake, *, users: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """One row a text of a consenting person: user_id, input_hash, event, time, period, item_id, text, file and row.

    `users` is validated/users, or what it is about to be. A profile has no time: it counts in every period, as all
    content does. `item_id` is the reviewed item, null otherwise.
    """
    profiles = lake.scan(tables.VALIDATED_USERS) if users is None else users
    consenting = profiles.filter(pl.col("consent") == "yes")
    own = consenting.filter(pl.col("text_hash").is_not_null()).select(
        "user_id",
        "source_file",
        "source_row",
        "text",
        input_hash="text_hash",
        event=pl.lit(PROFILE),
        time=pl.lit(None, dtype=TIME),
        period=pl.lit(""),
        item_id=pl.lit(None, dtype=pl.String),
    )
    events = (
        lake.scan(tables.VALIDATED_INTERACTIONS)
        .filter(pl.col("words_hash").is_not_null())
        .join(consenting.select("user_id"), on="user_id", how="semi")
        .select(
            "user_id",
            "source_file",
            "source_row",
            "event",
            "time",
            "period",
            "item_id",
            text=pl.coalesce("query", "review"),
            input_hash="words_hash",
        )
    )
    return pl.concat([frame.select(_COLUMNS) for frame in (own, events)])


def read(lake: Lake, settings: Settings, up_to: str, weight: float, only: str | None = None) -> pl.DataFrame:
    """The encoded texts of people up to a period, of everybody or of one person; one that was said twice counts once.

    `weight` is what each of them weighs.

    Columns as `history.read` has them, sorted by person and `item_id`, which is `MARK` and the text's key; and `key`,
    `about` (the reviewed item) and `text`.
    """
    if settings.users is None:
        return pl.DataFrame(schema=_READ)
    seen = pl.col("period").is_in(["", *periods.up_to(settings.calendar, up_to)])
    mine = pl.lit(value=True) if only is None else pl.col("user_id") == only
    encoded = lake.scan(tables.USER_TEXTS).filter(mine).select("user_id", "input_hash", "key")
    return (
        said(lake)
        .filter(seen & mine)
        .sort("user_id", "input_hash", "time", "source_file", "source_row", nulls_last=True)
        .unique(["user_id", "input_hash"], keep="first", maintain_order=True)
        .join(encoded, on=["user_id", "input_hash"], how="inner")
        .rename({"item_id": "about"})
        .with_columns(item_id=MARK + pl.col("key"), weight=pl.lit(weight))
        .select(pl.col(name).cast(dtype) for name, dtype in _READ.items())
        .sort("user_id", "item_id")
        .collect()
    )


_COLUMNS = ("user_id", "input_hash", "event", "time", "period", "item_id", "text", "source_file", "source_row")
_READ: dict[str, Any] = {
    **dict.fromkeys(("user_id", "item_id", "event"), pl.String),
    "time": TIME,
    **dict.fromkeys(("period", "source_file"), pl.String),
    "source_row": pl.Int64,
    "weight": pl.Float64,
    **dict.fromkeys(("key", "about", "text"), pl.String),
}
