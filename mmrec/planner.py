"""Which rows need a vector, and why: one join of the items to what is current.

Here: the decision, from the lake alone and without torch. Not here: doing it (`mmrec/stages/embeddings.py`,
`mmrec/executor.py`).

Items are compared with `current` by input hash and encoder; only rows that differ get a key. Keys that have a vector
already (another item with the same input, an undone edit, an encoder switched back) need no forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import keys
from mmrec.lake import Lake

NEW, CHANGED, ENCODER, FAILED, MISSING, REMOVED, SAME = (
    "new",
    "content changed",
    "encoder changed",
    "failed before",
    "vector missing",
    "removed",
    "same",
)


@dataclass(frozen=True)
class EmbeddingPlan:
    """One modality's plan. `rows`: item_id, input_hash, key, reason of every item that differs (also removed ones).

    `missing` holds the distinct keys without a vector; `reasons` counts items, `same` included.
    """

    modality: str
    encoder_id: str
    rows: pl.DataFrame
    missing: pl.DataFrame
    failed: pl.DataFrame
    reasons: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs: no vector to compute and no row to write or remove."""
        return self.rows.is_empty()


def plan_embeddings(
    lake: Lake,
    modality: str,
    encoder_id: str,
    *,
    items: pl.LazyFrame | None = None,
    retry_failed: bool = False,
) -> EmbeddingPlan:
    """Joins the items (validated/items, or what it is about to be) to what is current.

    A recorded failure of the same key stays unless it is retried.
    """
    asset = f"embeddings/{modality}"
    catalogue = lake.scan("validated/items") if items is None else items
    items = catalogue.select("item_id", input_hash=f"{modality}_hash").drop_nulls("input_hash")
    current = lake.scan(f"{asset}/current")
    failed = lake.scan(f"{asset}/failed").select("item_id", "input_hash", "encoder_id", "key", "reason").collect()
    wanted = (
        items.join(current.select("item_id", old_hash="input_hash", old_encoder="encoder_id"), on="item_id", how="left")
        .with_columns(reason=_reason(encoder_id))
        .collect()
    )
    gone = current.join(items, on="item_id", how="anti").select("item_id", "key").collect()
    differing = wanted.filter(pl.col("reason") != SAME)
    differing = differing.with_columns(key=keys.row_keys(modality, differing["input_hash"], encoder_id))
    given_up = failed.filter(pl.col("encoder_id") == encoder_id).select("item_id", "key", before=pl.lit(value=True))
    differing = differing.join(given_up, on=["item_id", "key"], how="left")
    if not retry_failed:
        differing = differing.filter(pl.col("before").is_null())
    differing = differing.with_columns(reason=pl.when("before").then(pl.lit(FAILED)).otherwise("reason"))
    missing = _without_vector(lake, f"{asset}/vectors", differing.select("key", "input_hash").unique("key").sort("key"))
    lost = _lost(lake, asset, encoder_id, wanted)
    removed = gone.select("item_id", pl.lit(None, dtype=pl.String).alias("input_hash"), "key", reason=pl.lit(REMOVED))
    rows = pl.concat([differing.select("item_id", "input_hash", "key", "reason"), lost, removed]).sort(
        "item_id", "reason"
    )
    missing = pl.concat([missing, lost.select("key", "input_hash")]).unique("key").sort("key")
    counts = dict(rows["reason"].value_counts().sort("reason").iter_rows())
    same = wanted.height - differing.height - lost.height
    return EmbeddingPlan(modality, encoder_id, rows, missing, failed, {**counts, SAME: same})


def _reason(encoder_id: str) -> pl.Expr:
    return (
        pl.when(pl.col("old_hash").is_null())
        .then(pl.lit(NEW))
        .when(pl.col("old_hash") != pl.col("input_hash"))
        .then(pl.lit(CHANGED))
        .when(pl.col("old_encoder") != encoder_id)
        .then(pl.lit(ENCODER))
        .otherwise(pl.lit(SAME))
    )


def _without_vector(lake: Lake, table: str, wanted: pl.DataFrame) -> pl.DataFrame:
    if wanted.is_empty():
        return wanted
    return wanted.lazy().join(lake.scan(table).select("key"), on="key", how="anti").sort("key").collect()


def _lost(lake: Lake, asset: str, encoder_id: str, wanted: pl.DataFrame) -> pl.DataFrame:
    """Current rows whose vector is not there: never by our own order of commits, but a table may have been damaged."""
    current = (
        lake.scan(f"{asset}/current").filter(pl.col("encoder_id") == encoder_id).select("item_id", "input_hash", "key")
    )
    lost = current.join(lake.scan(f"{asset}/vectors").select("key"), on="key", how="anti").collect()
    same = wanted.filter(pl.col("reason") == SAME).select("item_id")
    return lost.join(same, on="item_id", how="semi").with_columns(reason=pl.lit(MISSING))
