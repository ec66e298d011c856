"""Which rows need a vector, and why: one join of the items to what is current.

Here: the decision, from the lake alone and without torch. Not here: doing it (`mmrec/stages/embeddings`,
`mmrec/encoders/running.py`).

Items are compared with `current` by input hash and encoder; only rows that differ get a key. Keys that have a vector
already (another item with the same input, an undone edit, an encoder switched back) need no forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE
from mmrec.lake import hashing
from mmrec.lake.keyed import prefix
from mmrec.lake.store import Lake
from mmrec.published import user_texts

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


@dataclass(frozen=True)
class _Compared:
    """One table of current rows against what is wanted. `rows` also tell whether a key has a vector (`stored`)."""

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

    A recorded failure stays unless it is retried, or its key got a vector from another run. All are tried again once
    after the asset's code version has changed: what another version of the code could not read, this one may.
    """
    catalogue = lake.scan(tables.VALIDATED_ITEMS) if items is None else items
    wanted = catalogue.select("item_id", input_hash=f"{modality}_hash")
    find = _Finder(lake, modality, encoder_id, retry_failed)
    of_items = find.compare("current", ["item_id"], wanted)
    of_people = find.nothing
    if modality == user_texts.MODALITY and (said is not None or lake.exists(tables.VALIDATED_USERS)):
        said = user_texts.said(lake) if said is None else said
        of_people = find.compare("words", ["user_id", "input_hash"], said.select("user_id", "input_hash").unique())
    rows = pl.concat([each.rows.select("key", "input_hash", "reason", "stored") for each in (of_items, of_people)])
    counts = dict(rows["reason"].value_counts().sort("reason").iter_rows())
    return EmbeddingPlan(
        modality,
        encoder_id,
        of_items.rows.drop("stored"),
        of_people.rows.drop("stored"),
        rows.filter(~pl.col("stored")).select("key", "input_hash").unique("key").sort("key"),
        pl.concat([of_items.given_up, of_people.given_up], how="diagonal"),
        {**counts, SAME: of_items.same + of_people.same},
    )


class _Finder:
    """Compares wanted inputs with tables of current rows, of one modality under one encoder.

    Of big tables only hashes are held; the few rows that differ are then read as they are.
    """

    def __init__(self, lake: Lake, modality: str, encoder_id: str, retry_failed: bool) -> None:
        self.lake, self.modality, self.encoder_id = lake, modality, encoder_id
        self.asset = f"embeddings/{modality}"
        built = ledger.newest(lake, self.asset).get(WHOLE)
        self.retry_failed = retry_failed or (built is not None and built.code_version != lake.code_version)
        lake.pin(tables.vectors(modality))
        self.vectors = lake.keyed(tables.vectors(modality))
        failed = lake.scan(f"{self.asset}/failed").filter((pl.col("encoder_id") == encoder_id) & (pl.col("key") != ""))
        self.failed = failed.select("key", before="reason").unique("key").collect()

    @property
    def nothing(self) -> _Compared:
        names = ("user_id", "input_hash", "key", "reason")
        rows = pl.DataFrame(schema={**dict.fromkeys(names, pl.String), "stored": pl.Boolean})
        return _Compared(rows, rows.drop("stored"), 0)

    def compare(self, table: str, names: list[str], inputs: pl.LazyFrame) -> _Compared:
        """Rows that differ, with their key and reason; rows whose key failed before; and how many are the same."""
        columns = [names[0], "input_hash"]
        there, of_mine = self.lake.scan(f"{self.asset}/{table}"), pl.col("encoder_id") == self.encoder_id
        given = pl.col("input_hash").is_not_null()
        wanted = inputs.select(pair=_hashed(columns), given=given).collect().filter("given")["pair"]
        inputs = inputs.filter(given)  # of texts, which costs as much as reading them, only where they are needed
        held = there.select(pair=_hashed(columns), key=prefix(pl.col("key")), mine=of_mine).collect()
        mine = held if held["mine"].all() else held.filter("mine")
        others = _not_among(wanted, mine["pair"])
        lost = _few(there.filter(of_mine), prefix(pl.col("key")), self._lost(mine["key"]))
        lost = lost.lazy().join(inputs, on=columns, how="semi").collect() if lost.height else lost
        parts, told = [_because(lost, MISSING, False)], self.nothing.given_up
        if others.len() or held.height > wanted.len():
            differing, told, gone = self._differing(there, names, inputs, others, held["pair"], wanted.len())
            parts += [differing, _because(gone, REMOVED, True)]
        rows = pl.concat([part.select(*columns, "key", "reason", "stored") for part in parts])
        return _Compared(rows.sort(*columns, "reason"), told, wanted.len() - others.len() - lost.height)

    def _differing(
        self, there: pl.LazyFrame, names: list[str], inputs: pl.LazyFrame, pairs: pl.Series, held: pl.Series, count: int
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Wanted rows with these pairs, that are not current: with their reason; those that are given up; and current
        rows that do not stay. `held` are the pairs of all current rows, and `count` is how many rows are wanted.
        """
        columns = [names[0], "input_hash"]
        name, pair = _hashed(names), _hashed(columns)
        differing = _few(inputs.select(columns), pair, pairs).with_columns(name=name, pair=pair)
        named = pl.col("pair") // 2**64 if len(names) == 1 else pl.col("pair")
        old = held.to_frame("pair").select("pair", name=named.cast(differing.schema["name"]))
        old = old.filter(pl.col("name").is_in(differing["name"].implode()))
        explained = self._explained(differing, old)
        given_up = explained.filter(pl.col("reason").is_null())
        gone = _few(there, name, given_up["name"])  # what a row was before it failed is not it
        if len(held) - count + differing.height > old.height:
            gone = pl.concat([gone, there.join(inputs, on=names, how="anti").collect()])
        return explained.drop_nulls("reason"), given_up.select(*columns, "key", reason="before"), gone

    def _explained(self, differing: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
        """Rows that differ from what was held, with key and reason; no reason where one is given up: it failed."""
        keyed = differing.with_columns(key=hashing.row_keys(self.modality, differing["input_hash"], self.encoder_id))
        stored = self.vectors.stored(keyed["key"])
        old = held.select("name", old="pair").unique("name")
        joined = keyed.join(old, on="name", how="left").join(self.failed, on="key", how="left")
        joined = joined.with_columns(stored=pl.col("key").is_in(stored.implode()))
        failed = pl.col("before").is_not_null() & ~pl.col("stored")
        tried_again = pl.lit(FAILED if self.retry_failed else None, dtype=pl.String)
        return joined.with_columns(reason=pl.when(failed).then(tried_again).otherwise(_DIFFERENCE))

    def _lost(self, prefixes: pl.Series) -> pl.Series:
        """Prefixes of current keys without a vector: never by our own order of commits, but a table may be damaged."""
        return _not_among(prefixes, self.vectors.prefixes)


_DIFFERENCE = (
    pl.when(pl.col("old").is_null())
    .then(pl.lit(NEW))
    .when(pl.col("old") != pl.col("pair"))
    .then(pl.lit(CHANGED))
    .otherwise(pl.lit(ENCODER))
)


def _hashed(columns: list[str]) -> pl.Expr:
    """64 bits of one column's values, or 128 of two: those of the first one above those of the second.

    A third of the cost of a join, and an edit is taken for none once in 10^19.
    """
    first, *second = [pl.col(name).hash(seed) for seed, name in enumerate(columns, start=1)]
    return first.cast(pl.UInt128) * 2**64 + second[0].cast(pl.UInt128) if second else first


def _not_among(wanted: pl.Series, there: pl.Series) -> pl.Series:
    """The wanted values that are not there. Most often there is none, which sorting tells at half the cost; where there
    is one, their sums say so.
    """
    if wanted.sum() == there.sum() and wanted.sort().equals(there.sort()):
        return wanted.clear()
    return wanted.filter(~wanted.is_in(there.implode()))


def _few(rows: pl.LazyFrame, hashed: pl.Expr, chosen: pl.Series) -> pl.DataFrame:
    """The rows with one of these few hashes; where there are none, nothing is read."""
    return (rows.filter(hashed.is_in(chosen.implode())) if chosen.len() else rows.head(0)).collect()


def _because(rows: pl.DataFrame, reason: str, stored: bool) -> pl.DataFrame:
    return rows.with_columns(reason=pl.lit(reason), stored=pl.lit(stored))
