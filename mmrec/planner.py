"""Which rows need a vector, and why: one join of the items to what is current.

Here: the decision, from the lake alone and without torch. Not here: doing it (`mmrec/stages/embeddings.py`,
`mmrec/executor.py`).

Items are compared with `current` by input hash and encoder; only rows that differ get a key. Keys that have a vector
already (another item with the same input, an undone edit, an encoder switched back) need no forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import keys, words
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
    """One modality's plan. `rows`: item_id, input_hash, key, reason of every item that differs (also removed ones);
    `words`: the same of people's own texts, with user_id.

    `missing` holds the distinct keys without a vector; `given_up` those of wanted inputs that failed before and are not
    tried again; `reasons` counts items and texts, `same` included.
    """

    modality: str
    encoder_id: str
    rows: pl.DataFrame
    words: pl.DataFrame
    missing: pl.DataFrame
    given_up: pl.DataFrame
    reasons: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs: no vector to compute and no row to write or remove."""
        return self.rows.is_empty() and self.words.is_empty()


@dataclass(frozen=True)
class _Compared:
    """One table of current rows against what is wanted."""

    rows: pl.DataFrame
    given_up: pl.DataFrame
    same: int


def plan_embeddings(
    lake: Lake,
    modality: str,
    encoder_id: str,
    *,
    items: pl.LazyFrame | None = None,
    said: pl.LazyFrame | None = None,
    retry_failed: bool = False,
) -> EmbeddingPlan:
    """Joins what there is to what is current: `items` (validated/items, or what it is about to be), and for text what
    people `said` (`words.said`).

    A recorded failure of the same key stays unless it is retried.
    """
    catalogue = lake.scan("validated/items") if items is None else items
    wanted = catalogue.select("item_id", input_hash=f"{modality}_hash").drop_nulls("input_hash")
    find = _Finder(lake, modality, encoder_id, retry_failed)
    of_items = find.compare("current", ["item_id"], wanted)
    of_people = find.nothing
    if modality == words.MODALITY:
        said = words.said(lake) if said is None else said
        of_people = find.compare("words", ["user_id", "input_hash"], said.select("user_id", "input_hash").unique())
    rows = pl.concat([each.rows.select("key", "input_hash", "reason") for each in (of_items, of_people)])
    differing = rows.filter(pl.col("reason") != REMOVED).select("key", "input_hash").unique("key").sort("key")
    counts = dict(rows["reason"].value_counts().sort("reason").iter_rows())
    return EmbeddingPlan(
        modality,
        encoder_id,
        of_items.rows,
        of_people.rows,
        _without_vector(lake, find.vectors, differing),
        pl.concat([of_items.given_up, of_people.given_up], how="diagonal"),
        {**counts, SAME: of_items.same + of_people.same},
    )


class _Finder:
    """Compares wanted inputs with tables of current rows, of one modality under one encoder."""

    def __init__(self, lake: Lake, modality: str, encoder_id: str, retry_failed: bool) -> None:
        self.lake, self.modality, self.encoder_id, self.retry_failed = lake, modality, encoder_id, retry_failed
        self.asset = f"embeddings/{modality}"
        self.vectors = f"{self.asset}/vectors"
        failed = lake.scan(f"{self.asset}/failed").filter((pl.col("encoder_id") == encoder_id) & (pl.col("key") != ""))
        self.failed = failed.select("key", before="reason").unique("key").collect()

    @property
    def nothing(self) -> _Compared:
        rows = pl.DataFrame(schema=dict.fromkeys(("user_id", "input_hash", "key", "reason"), pl.String))
        return _Compared(rows, rows, 0)

    def compare(self, table: str, names: list[str], inputs: pl.LazyFrame) -> _Compared:
        """Rows that differ, with their key and reason; rows whose key failed before; and how many are the same."""
        current = self.lake.scan(f"{self.asset}/{table}")
        held = current.select(*names, old_hash="input_hash", old_encoder="encoder_id")
        wanted = inputs.join(held, on=names, how="left").with_columns(reason=_reason(self.encoder_id)).collect()
        columns = [*dict.fromkeys((*names, "input_hash"))]
        differing = wanted.filter(pl.col("reason") != SAME)
        differing = differing.with_columns(key=keys.row_keys(self.modality, differing["input_hash"], self.encoder_id))
        differing = differing.join(self.failed, on="key", how="left")
        given_up = pl.col("before").is_not_null() & (not self.retry_failed)
        tried = differing.filter(~given_up)
        tried = tried.with_columns(reason=pl.when(pl.col("before").is_null()).then("reason").otherwise(pl.lit(FAILED)))
        gone = current.join(inputs, on=names, how="anti").select(*columns, "key", reason=pl.lit(REMOVED)).collect()
        same = wanted.filter(pl.col("reason") == SAME)
        lost = self._lost(current, names).join(same, on=names, how="semi")
        lost = lost.select(*columns, "key", reason=pl.lit(MISSING))
        rows = pl.concat([tried.select(*columns, "key", "reason"), lost, gone]).sort(*columns, "reason")
        kept = differing.filter(given_up).select(*columns, "key", reason="before")
        return _Compared(rows, kept, wanted.height - differing.height - lost.height)

    def _lost(self, current: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
        """Current rows whose vector is not there: never by our own order of commits, but a table may be damaged."""
        mine = current.filter(pl.col("encoder_id") == self.encoder_id)
        return mine.join(self.lake.scan(self.vectors).select("key"), on="key", how="anti").collect()


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
