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

    @classmethod
    def nothing(cls, modality: str, encoder_id: str, same: int) -> EmbeddingPlan:
        """The plan where nobody has written to anything since the last one was carried out."""
        none = pl.DataFrame(schema=dict.fromkeys(("item_id", "user_id", "input_hash", "key", "reason"), pl.String))
        return cls(modality, encoder_id, none, none, none, none, {SAME: same})

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

    A recorded failure stays unless it is retried, or its key got a vector from another run.
    """
    catalogue = lake.scan("validated/items") if items is None else items
    wanted = catalogue.select("item_id", input_hash=f"{modality}_hash").drop_nulls("input_hash")
    find = _Finder(lake, modality, encoder_id, retry_failed)
    of_items = find.compare("current", ["item_id"], wanted)
    of_people = find.nothing
    if modality == words.MODALITY and (said is not None or lake.exists("validated/users")):
        said = words.said(lake) if said is None else said
        of_people = find.compare("words", ["user_id", "input_hash"], said.select("user_id", "input_hash").unique())
    rows = pl.concat([each.rows.select("key", "input_hash", "reason") for each in (of_items, of_people)])
    differing = rows.filter(pl.col("reason") != REMOVED).select("key", "input_hash").unique("key")
    counts = dict(rows["reason"].value_counts().sort("reason").iter_rows())
    return EmbeddingPlan(
        modality,
        encoder_id,
        of_items.rows,
        of_people.rows,
        differing.join(find.stored(differing), on="key", how="anti").sort("key"),
        pl.concat([of_items.given_up, of_people.given_up], how="diagonal"),
        {**counts, SAME: of_items.same + of_people.same},
    )


class _Finder:
    """Compares wanted inputs with tables of current rows, of one modality under one encoder.

    A big catalogue is compared once; everything else joins the few rows that differ.
    """

    def __init__(self, lake: Lake, modality: str, encoder_id: str, retry_failed: bool) -> None:
        self.lake, self.modality, self.encoder_id, self.retry_failed = lake, modality, encoder_id, retry_failed
        self.asset = f"embeddings/{modality}"
        self.vectors = lake.scan(f"{self.asset}/vectors").select("key").collect()
        failed = lake.scan(f"{self.asset}/failed").filter((pl.col("encoder_id") == encoder_id) & (pl.col("key") != ""))
        self.failed = failed.select("key", before="reason").unique("key").collect()

    @property
    def nothing(self) -> _Compared:
        rows = pl.DataFrame(schema=dict.fromkeys(("user_id", "input_hash", "key", "reason"), pl.String))
        return _Compared(rows, rows, 0)

    def stored(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The keys of some rows that have a vector."""
        return self.vectors.join(rows, on="key", how="semi").unique("key")

    def compare(self, table: str, names: list[str], inputs: pl.LazyFrame) -> _Compared:
        """Rows that differ, with their key and reason; rows whose key failed before; and how many are the same."""
        columns = [names[0], "input_hash"]
        wanted, current = inputs.select(columns).collect(), self.lake.scan(f"{self.asset}/{table}").collect()
        others = current["encoder_id"] != self.encoder_id
        mine = current.filter(~others) if others.any() else current
        differing = wanted.filter(~_among(wanted, mine, columns))
        held = current.join(differing, on=names, how="semi") if differing.height else current.clear()
        gone = current.clear()
        if current.height > wanted.height - differing.height + held.height:
            gone = current.join(wanted, on=names, how="anti")
        explained = self._explained(differing, held, names)
        given_up = explained.filter(pl.col("reason").is_null())
        gone = pl.concat([gone, held.join(given_up, on=names, how="semi")])  # what it was before it failed is not it
        lost = self._lost(mine).join(wanted, on=columns, how="semi")
        parts = (explained.drop_nulls("reason"), _because(lost, MISSING), _because(gone, REMOVED))
        rows = pl.concat([part.select(*columns, "key", "reason") for part in parts]).sort(*columns, "reason")
        same = wanted.height - differing.height - lost.height
        return _Compared(rows, given_up.select(*columns, "key", reason="before"), same)

    def _explained(self, differing: pl.DataFrame, held: pl.DataFrame, names: list[str]) -> pl.DataFrame:
        """Rows that differ from what was held, with key and reason; no reason where one is given up: it failed."""
        keyed = differing.with_columns(key=keys.row_keys(self.modality, differing["input_hash"], self.encoder_id))
        old = held.select(*names, old_hash="input_hash", old_encoder="encoder_id")
        joined = keyed.join(old, on=names, how="left").join(self.failed, on="key", how="left")
        stored = pl.col("key").is_in(self.stored(keyed)["key"].implode())
        failed = pl.col("before").is_not_null() & ~stored
        tried_again = pl.lit(FAILED if self.retry_failed else None, dtype=pl.String)
        return joined.with_columns(reason=pl.when(failed).then(tried_again).otherwise(_DIFFERENCE))

    def _lost(self, mine: pl.DataFrame) -> pl.DataFrame:
        """Current rows whose vector is not there: never by our own order of commits, but a table may be damaged.

        By 64-bit hashes of the keys, at half the cost of the keys: what is looked for is damage.
        """
        return mine.filter(~pl.col("key").hash().is_in(self.vectors["key"].hash().implode()))


_DIFFERENCE = (
    pl.when(pl.col("old_hash").is_null())
    .then(pl.lit(NEW))
    .when(pl.col("old_hash") != pl.col("input_hash"))
    .then(pl.lit(CHANGED))
    .otherwise(pl.lit(ENCODER))
)


def _among(rows: pl.DataFrame, known: pl.DataFrame, columns: list[str]) -> pl.Series:
    """Which rows are among the known ones, by two columns.

    By 128 bits, 64 of each column's hash, at a third of the cost of a join: an edit is taken for none once in 10^19.
    """
    first, second = columns
    hashed = pl.col(first).hash(1).cast(pl.UInt128) * 2**64 + pl.col(second).hash(2).cast(pl.UInt128)
    return rows.select(hashed.is_in(known.select(hashed).to_series().implode())).to_series()


def _because(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.with_columns(reason=pl.lit(reason))
