"""fused: one vector an item, and which modalities it had. Only vectors whose key is not there yet are computed.

A vector's key is a digest of the space and of the item's keys in each modality, so an encoder that comes back, or an
edit that is undone, computes nothing. The order of commits is vectors → current, as of embeddings. The statistics that
standardise a block are measured once an encoder and then frozen and named: otherwise one new row would change every
other one. Behind a first try on a small sample they are measured anew: once there are twice as many vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds import assets, ledger, publishing
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.builds.stage import StageRun
from mmrec.fusion import concat, redundancy
from mmrec.fusion import statistics as measuring
from mmrec.fusion.concat import Block
from mmrec.fusion.statistics import Statistics
from mmrec.keys import vector_checksums
from mmrec.lake.hashing import digest, text_hashes
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.published.features import Features
from mmrec.published.vectors import read_vectors
from mmrec.settings import Settings

_COMPARED = 2_000  # items on which modalities are compared
UNKNOWN_SPACE = "?"
_Vectors = tuple[list[str], np.ndarray]  # keys, and a vector each


def items(lake: Lake, settings: Settings) -> StageReport:
    """Brings the fused vectors up to date with the items and their current embeddings."""
    run = StageRun(lake, tables.FUSED_CURRENT)
    shared: dict[str, pl.DataFrame] = {}
    if run.begin(items_keys(lake, settings)):
        report, is_new = _fuse(lake, _modalities_of(settings))
        run.record({WHOLE: replace(report, seconds=run.seconds)})
        shared = _shared(lake, settings) if is_new else {}
    having = _having(lake)
    return run.report(
        tables={"items by modalities": having, **shared},
        facts={"items_without_any_modality": int(having.filter(pl.col("modalities") == "none")["items"].sum())},
    )


def items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the fused vectors."""
    inputs = ledger.data_version(lake, tables.VALIDATED_ITEMS)
    for modality in _modalities_of(settings):
        inputs |= ledger.data_version(lake, assets.embedding(modality))
    return {WHOLE: ledger.stage_key(lake.code_version, {"kind": "concat"}, inputs)}


def foreseen(lake: Lake, settings: Settings) -> pl.DataFrame:
    """The rows of fused/current as they would be for the items and current keys that `lake` shows; nothing is fused.

    Where an encoder has no frozen statistics yet, the space that they will be part of has a name that no space has.
    """
    modalities = _modalities_of(settings)
    wanted = _wanted(lake, modalities)
    encoders = {modality: found for modality in modalities if (found := _encoder(lake, modality)) is not None}
    statistics = [_frozen(lake, modality, encoder, wanted) for modality, encoder in encoders.items()]
    known = [each for each in statistics if each is not None]
    return _named(wanted, concat.space(known) if len(known) == len(statistics) else UNKNOWN_SPACE, modalities)


def data_version(current: pl.DataFrame) -> str:
    """A digest of which item has which fused digest."""
    return digest(current.with_columns(_one=pl.lit("")), "_one", ["item_id", "digest"]).get("", publishing.EMPTY)


def _named(wanted: pl.DataFrame, space: str, modalities: list[str]) -> pl.DataFrame:
    """Items with their keys, and beside them their modalities, the space, and the digest of all that."""
    wanted = wanted.with_columns(_modalities(modalities), space=pl.lit(space), digest=_row_digest(space, modalities))
    return wanted.with_columns(digest=text_hashes(wanted["digest"]))


def _modalities_of(settings: Settings) -> list[str]:
    return [name for name in NAMES if name in settings.embeddings]


def _fuse(lake: Lake, modalities: list[str]) -> tuple[PeriodReport, bool]:
    """What was done, and whether the vectors lie in a space that was not there before."""
    wanted = _wanted(lake, modalities)
    read: dict[str, _Vectors] = {}
    statistics = [found for m in modalities if (found := _statistics(lake, m, wanted, read)) is not None]
    space = concat.space(statistics)
    is_new = _name_space(lake, space, statistics, concat.cuts(statistics))
    wanted = _named(wanted, space, modalities)
    old = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest").collect()
    changed = wanted.join(old, on=["item_id", "digest"], how="anti").sort("item_id")
    removed = old.join(wanted, on="item_id", how="anti")
    computed = 0
    if changed.height + removed.height or not lake.exists(tables.FUSED_CURRENT):
        ledger.begin(lake, [WHOLE])
        computed = _add(lake, statistics, changed, read)
        current = changed.select("item_id", "modalities", "space", "digest")
        lake.merge(tables.FUSED_CURRENT, current, ["item_id"], removed=removed.select("item_id"))
    report = PeriodReport(
        wanted.height,
        data_version(wanted),
        computed=computed,
        reused=wanted.height - computed,
        removed=removed.height,
        work=computed,
    )
    return report, is_new


def _add(lake: Lake, statistics: list[Statistics], changed: pl.DataFrame, read: dict[str, _Vectors]) -> int:
    """Computes the vectors of these items that are not there yet, each once, and appends them; how many there were."""
    there = lake.keyed(tables.FUSED_VECTORS).stored(changed["digest"])
    rows = changed.unique("digest", keep="first").filter(~pl.col("digest").is_in(there.implode())).sort("digest")
    if rows.height or not lake.exists(tables.FUSED_VECTORS):
        vectors = _vectors(lake, statistics, rows, read)
        named = rows.select("space", "modalities", key="digest", vector=pl.Series(vectors).cast(tables.VECTOR))
        checksums = pl.Series(vector_checksums(vectors), dtype=pl.Int64)
        lake.append(tables.FUSED_VECTORS, named.with_columns(checksum=checksums))
    return rows.height


def _wanted(lake: Lake, modalities: list[str]) -> pl.DataFrame:
    """Every item with its key in each modality, null where it has none."""
    wanted = lake.scan(tables.VALIDATED_ITEMS).select("item_id")
    for modality in modalities:
        current = lake.scan(tables.current(modality)).select("item_id", pl.col("key").alias(modality))
        wanted = wanted.join(current, on="item_id", how="left")
    return wanted.sort("item_id").collect()


def _statistics(lake: Lake, modality: str, wanted: pl.DataFrame, read: dict[str, _Vectors]) -> Statistics | None:
    """The frozen statistics of the modality's encoder; measured and frozen now where there are none yet.

    The vectors that they are measured on stay in `read`: under a new encoder every item is fused from them.
    """
    encoder_id = _encoder(lake, modality)
    if encoder_id is None:
        return None
    if (frozen := _frozen(lake, modality, encoder_id, wanted)) is not None:
        return frozen
    read[modality] = read_vectors(lake, modality, wanted.select(key=modality).drop_nulls().unique())
    measured = measuring.measure(modality, encoder_id, read[modality][1])
    fields = {"version": measured.version, "modality": modality, "encoder_id": encoder_id, "items": measured.items}
    lake.append(
        tables.FUSED_STATISTICS, pl.DataFrame([{**fields, "mean": measured.mean.tolist(), "scale": measured.scale}])
    )
    return measured


def _encoder(lake: Lake, modality: str) -> str | None:
    """The encoder of a modality's current vectors; None where there are none."""
    encoder = lake.scan(tables.current(modality)).select("encoder_id").head(1).collect()
    return None if encoder.is_empty() else encoder.item()


def _frozen(lake: Lake, modality: str, encoder_id: str, wanted: pl.DataFrame) -> Statistics | None:
    """The statistics of an encoder that were measured on most vectors; None where there are none, or there are `GROWN`
    times as many by now.
    """
    mine = (pl.col("modality") == modality) & (pl.col("encoder_id") == encoder_id)
    rows = lake.scan(tables.FUSED_STATISTICS).filter(mine).sort("items", "version", descending=[True, False]).collect()
    row = next(rows.iter_rows(named=True), None)
    if row is None or wanted[modality].drop_nulls().n_unique() >= measuring.GROWN * row["items"]:
        return None
    return Statistics(modality, encoder_id, np.array(row["mean"]), row["scale"], row["items"])


def _name_space(lake: Lake, space: str, statistics: list[Statistics], cuts: Mapping[str, slice]) -> bool:
    """Notes once where each block lies in a vector of this space; whether that was now."""
    if (
        not lake.scan(tables.FUSED_SPACES).filter(pl.col("space") == space).head(1).collect().is_empty()
        or not statistics
    ):
        return False
    rows = [
        {
            "space": space,
            "modality": each.modality,
            "begin": cuts[each.modality].start,
            "end": cuts[each.modality].stop,
            "statistics": each.version,
        }
        for each in statistics
    ]
    lake.append(tables.FUSED_SPACES, pl.DataFrame(rows))
    return True


def _row_digest(space: str, modalities: list[str]) -> pl.Expr:
    """What a fused vector is a function of, which its key is the sha256 of."""
    named = [pl.format(f"{m}={{}}", pl.col(m).fill_null("")) for m in modalities]
    return pl.concat_str([pl.lit(space), *named], separator="|")


def _modalities(modalities: list[str]) -> pl.Expr:
    present = [pl.when(pl.col(m).is_not_null()).then(pl.lit(m)) for m in modalities]
    empty = pl.lit([], dtype=pl.List(pl.String))
    return (pl.concat_list(present).list.drop_nulls() if present else empty).alias("modalities")


def _vectors(lake: Lake, statistics: list[Statistics], changed: pl.DataFrame, read: dict[str, _Vectors]) -> np.ndarray:
    """The fused vectors of these items, float32 [n, width]."""
    blocks = []
    for each in statistics:
        places = changed.with_row_index("at").select("at", key=each.modality).drop_nulls()
        found, vectors = read.get(each.modality) or read_vectors(lake, each.modality, places.select("key").unique())
        row_of = pl.DataFrame({"key": found, "row": np.arange(len(found))}, schema={"key": pl.String, "row": pl.Int64})
        placed = places.join(row_of, on="key", how="inner", maintain_order="left")
        blocks.append(Block(each, placed["at"].to_numpy(), vectors[placed["row"].to_numpy()]))
    return concat.fuse(blocks, changed.height)


def _shared(lake: Lake, settings: Settings) -> dict[str, pl.DataFrame]:
    """What modalities say of each other, over some items from all over the catalogue; drawn stand-ins are marked."""
    current = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest").sort("item_id").collect()
    some = current.gather_every(-(-max(1, current.height) // _COMPARED))
    features = Features(lake, some)
    pairs = redundancy.pairs(features.blocks, features.present)
    if not pairs:
        return {}
    rows = pl.DataFrame([asdict(each) for each in pairs], infer_schema_length=None)
    drawn = pl.any_horizontal(pl.col("modality", "other").is_in(list(settings.media.stand_in)))
    return {
        "what modalities share": rows.with_columns(
            pl.col("correlation", "shared", "told").cast(pl.Float64).round(3), stand_in=drawn
        )
    }


def _having(lake: Lake) -> pl.DataFrame:
    counted = lake.scan(tables.FUSED_CURRENT).group_by("modalities").agg(items=pl.len()).collect()
    named = pl.col("modalities").list.join(" + ")
    named = pl.when(named == "").then(pl.lit("none")).otherwise(named)
    return counted.with_columns(modalities=named).sort("modalities")
