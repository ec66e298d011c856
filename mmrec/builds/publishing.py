"""How rows reach a table: only where they differ from what is there, counted row by row.

Here: comparing and writing the rows of light tables. Not here: what the rows are, nor the run around it
(`mmrec/builds/stage.py`); nor heavy, content-addressed tables, which `mmrec/stages/embeddings` appends to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, PeriodReport
from mmrec.errors import MmrecError
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake

EMPTY = "empty"  # the data version of a period without rows


class Damaged(MmrecError):
    """Stored bytes that differ from their checksum."""


def unchanged(lake: Lake, keys: Mapping[str, str]) -> dict[str, PeriodReport]:
    """The periods whose newest build has the same stage key, reported as reused; the others have work to do.

    So has a period of which the asset's table holds another number of rows than were built: its files were lost.
    """
    known = ledger.newest(lake, lake.asset)
    same = {p: known[p] for p, key in keys.items() if p in known and known[p].stage_key == key}
    gone = lost(lake, same) if same else set()
    return {
        period: PeriodReport(build.rows, build.data_version, reused=build.rows, rejected=build.rejected)
        for period, build in same.items()
        if period not in gone
    }


def lost(lake: Lake, builds: Mapping[str, ledger.Build]) -> set[str]:
    """The periods of these builds whose rows are not there, by the table's log alone."""
    table = tables.main_table(lake.asset)
    if table.name.startswith(("ledger/", "embeddings/")):  # one holds every snapshot, of the other its own key knows
        return set()
    counts = lake.counts(table.name)
    there = counts if "period" in table.partition_by else dict.fromkeys(builds, sum(counts.values()))
    return {period for period, build in builds.items() if there.get(period, 0) != build.rows}


@dataclass(frozen=True)
class Counts:
    """A period's rows after a publication, how many of them have new content, and how many keys are gone."""

    rows: int
    new: int
    gone: int
    differs: bool


def put(lake: Lake, contract: tables.Table, rows: pl.DataFrame, periods: list[str]) -> dict[str, Counts]:
    """Puts `rows` in place of these periods (`WHOLE` for a table without periods); counts by period.

    Only periods that differ are written, in one commit. Where a row came from does not count, but is written when it
    differs.
    """
    counts = _counts(lake, contract, rows, periods)
    written = [period for period in periods if counts[period].differs]
    if written or not lake.exists(contract.name):
        ledger.begin(lake, written)
        _write(lake, contract, rows, written)
    return counts


def digests(contract: tables.Table, rows: pl.DataFrame) -> dict[str, str]:
    """period → data version: a digest of the rows' content; a period without rows has none here."""
    if "period" in contract.partition_by:
        return digest(rows, "period", contract.content, contract.silent)
    return digest(rows.with_columns(_whole=pl.lit(WHOLE)), "_whole", contract.content, contract.silent)


def difference(lake: Lake, table: str, rows: pl.DataFrame) -> tuple[int, int]:
    """How many of `rows` are not in a table, and how many of the table's are not among them; provenance aside."""
    content = tables.contract(table).content
    ours, theirs = rows.lazy(), lake.scan(table)
    return (
        ours.join(theirs, on=content, how="anti", nulls_equal=True).select(pl.len()).collect().item(),
        theirs.join(ours, on=content, how="anti", nulls_equal=True).select(pl.len()).collect().item(),
    )


def fresh(table: str, rows: pl.DataFrame, *known: pl.DataFrame) -> int:
    """How many of a period's rows have content that no `known` row has, of whichever period."""
    content = [name for name in tables.contract(table).content if name != "period"]
    there = pl.concat([each.select(content) for each in known])
    return rows.join(there, on=content, how="anti", nulls_equal=True).height


def _counts(lake: Lake, contract: tables.Table, rows: pl.DataFrame, periods: list[str]) -> dict[str, Counts]:
    partitioned = "period" in contract.partition_by
    old = lake.scan(contract.name, periods=periods if partitioned else None).collect()
    other = rows.join(old, on=contract.columns, how="anti", nulls_equal=True)
    new = rows.join(old, on=contract.content, how="anti", nulls_equal=True)
    gone = old.join(rows, on=list(contract.key), how="anti", nulls_equal=True)
    if not partitioned:
        differs = other.height > 0 or rows.height != old.height
        return dict.fromkeys(periods, Counts(rows.height, new.height, gone.height, differs))
    count, before, differing, fresh, lost = (
        dict(frame["period"].value_counts().iter_rows()) for frame in (rows, old, other, new, gone)
    )
    return {
        p: Counts(
            count.get(p, 0), fresh.get(p, 0), lost.get(p, 0), p in differing or count.get(p, 0) != before.get(p, 0)
        )
        for p in periods
    }


def _write(lake: Lake, contract: tables.Table, rows: pl.DataFrame, periods: list[str]) -> None:
    ordered = rows.sort(list(contract.key), nulls_last=True)
    if "period" not in contract.partition_by:
        lake.replace(contract.name, ordered)
        return
    lake.replace(contract.name, ordered.filter(pl.col("period").is_in(periods)), {"period": periods})
