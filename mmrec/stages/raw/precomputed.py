"""raw/precomputed: which item has which vector, in the files of encoders that are `precomputed:<file>`.

The vectors stay where they are: a row names one by the sha256 of its bytes. Here: landing those rows, and reading
vectors back by them. Not here: the files themselves (`mmrec/media/vector_files.py`), and judging a vector
(`mmrec/encoders/precomputed.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.encoders import Failure
from mmrec.ingest.parquet import as_text
from mmrec.lake.hashing import blob_hashes, text_hashes
from mmrec.lake.store import Lake
from mmrec.media import vector_files
from mmrec.quality.rules import clean_id
from mmrec.settings import Settings

_FRESH_NS = 2_000_000_000  # some file systems keep whole seconds
SEVERAL = Failure("its file holds several different vectors of this item; keep one")
GONE = Failure("its file no longer holds the vector that was landed; start again")


def precomputed(lake: Lake, settings: Settings) -> StageReport:
    """One row a vector that is delivered for an item; a file is read again only when its size or time is another."""
    run = StageRun(lake, tables.RAW_PRECOMPUTED)
    files = _states(settings)
    if run.begin(_keys(lake, files)):
        rows = landed(lake, settings)
        run.publish({WHOLE: Made(rows, work=rows.height)})
    return run.report(facts={"files": len(files)})


def precomputed_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the vectors' files, as they are."""
    return _keys(lake, _states(settings))


def landed(lake: Lake, settings: Settings) -> pl.DataFrame:
    """The rows of every file; of one that looks as it did, those that have landed."""
    known = lake.scan(tables.RAW_PRECOMPUTED).collect()
    contract = tables.contract(tables.RAW_PRECOMPUTED)
    return pl.concat([contract.empty(), *[_of_modality(settings, each, known) for each in settings.precomputed]])


def inputs(rows: pl.DataFrame) -> pl.DataFrame:
    """modality, item_id, input_hash of landed rows: of each item the hash of its vector's bytes.

    Of an item with several different vectors it is a hash of their hashes, which no vector has.
    """
    by_item = rows.with_columns(item_id=clean_id("item_id")).group_by("modality", "item_id", maintain_order=True)
    hashes = by_item.agg(pl.col("sha256").unique().sort())
    several = text_hashes(hashes["sha256"].list.join(" "))
    only = pl.when(pl.col("sha256").list.len() == 1).then(pl.col("sha256").list.first()).otherwise(several)
    return hashes.select("modality", "item_id", input_hash=only)


def vectors(lake: Lake, settings: Settings, modality: str, wanted: list[str]) -> list[bytes | Failure]:
    """The bytes of vectors by their hashes, in that order; where there are none, why.

    Found by their bytes: what stands in another row now is the same vector, and another vector in its row is not it.
    """
    found: dict[str, bytes] = {}
    asked = pl.Series(wanted, dtype=pl.String).unique()
    for part in _parts(settings, modality):
        hits = part.filter(pl.col("sha256").is_in(asked.implode()))
        found |= dict(hits.select("sha256", "vector").iter_rows())
    mine = lake.scan(tables.RAW_PRECOMPUTED).filter(pl.col("modality") == modality)
    known = set(mine.select("sha256").collect()["sha256"])
    return [found.get(each, GONE if each in known else SEVERAL) for each in wanted]


def unmatched(lake: Lake, settings: Settings, modality: str) -> list[str]:
    """A warning where vectors were delivered and no item of the catalogue has one: the ids are others."""
    items = lake.scan(tables.VALIDATED_ITEMS).select("item_id", has=pl.col(f"{modality}_hash").is_not_null()).collect()
    ids = lake.scan(tables.RAW_PRECOMPUTED).filter(pl.col("modality") == modality).select("item_id").head(1).collect()
    if items.is_empty() or ids.is_empty() or items["has"].any():
        return []
    found = f"the first id of its vectors is {ids.item()!r}, the catalogue's {items['item_id'][0]!r}"
    return [f"no item has a vector of {settings.precomputed[modality]}: {found}"]


@dataclass(frozen=True)
class _State:
    """A modality's file as it looks: with the same size and time of change it is not read again, unless it was fresh.

    A file that was touched just now may change again under the same time.
    """

    source_file: str
    size_bytes: int
    ctime_ns: int
    is_fresh: bool

    @classmethod
    def of(cls, settings: Settings, modality: str) -> _State:
        """As it is now; one line where there is none."""
        encoder = settings.precomputed[modality]
        path = vector_files.described(encoder).path.absolute()
        inside = path.relative_to(settings.data) if path.is_relative_to(settings.data) else path
        states = [each.stat() for each in vector_files.files(encoder)]
        ctime_ns = max(each.st_ctime_ns for each in states)
        is_fresh = time.time_ns() - ctime_ns < _FRESH_NS
        return cls(inside.as_posix(), sum(each.st_size for each in states), ctime_ns, is_fresh)

    @property
    def columns(self) -> dict[str, str | int | None]:
        """What stands in the landed rows."""
        known = None if self.is_fresh else self.ctime_ns
        return {"source_file": self.source_file, "size_bytes": self.size_bytes, "ctime_ns": known}


def _states(settings: Settings) -> dict[str, _State]:
    return {modality: _State.of(settings, modality) for modality in settings.precomputed}


def _keys(lake: Lake, files: dict[str, _State]) -> dict[str, str]:
    return {
        WHOLE: ledger.stage_key(lake.code_version, {}, {modality: astuple(state) for modality, state in files.items()})
    }


def _of_modality(settings: Settings, modality: str, known: pl.DataFrame) -> pl.DataFrame:
    now = _State.of(settings, modality)
    state = {"modality": modality, **now.columns}
    same = known.filter(pl.col(name).eq_missing(value) for name, value in state.items())
    if same.height and not now.is_fresh:
        return same
    rows = pl.concat([part.drop("vector") for part in _parts(settings, modality)])
    contract = tables.contract(tables.RAW_PRECOMPUTED)
    numbered = rows.with_row_index("source_row", offset=1).with_columns(**{k: pl.lit(v) for k, v in state.items()})
    return contract.conform(numbered.drop_nulls("sha256"))


def _parts(settings: Settings, modality: str) -> Iterator[pl.DataFrame]:
    """item_id as text, the vector's bytes, and their sha256, a part of the file after the other."""
    for ids, vectors in vector_files.described(settings.precomputed[modality]).parts():
        typed = pl.DataFrame({"item_id": pl.Series(pl.from_arrow(ids)), "vector": pl.Series(pl.from_arrow(vectors))})
        text = as_text(typed.lazy(), ["item_id"]).select("item_id").collect()
        yield text.with_columns(typed["vector"], sha256=blob_hashes(typed["vector"]))
