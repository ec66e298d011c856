"""How a stage's result reaches its table: only where it differs, counted row by row, and noted in the ledger of builds.

Here: the end of every light stage's work. Not here: what the rows are; nor heavy, content-addressed tables, which are
appended by `mmrec/stages/embeddings`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.errors import MmrecError
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake

EMPTY = "empty"  # the data version of a period without rows


class Damaged(MmrecError):
    """Stored bytes that differ from their checksum."""


def unchanged(lake: Lake, keys: Mapping[str, str]) -> dict[str, PeriodReport]:
    """The periods whose newest build has the same stage key, reported as reused; the others have work to do."""
    known = ledger.newest(lake, lake.asset)
    return {
        period: PeriodReport(
            known[period].rows, known[period].data_version, reused=known[period].rows, rejected=known[period].rejected
        )
        for period, key in keys.items()
        if period in known and known[period].stage_key == key
    }


def publish(
    lake: Lake,
    table: str,
    rows: pl.DataFrame,
    keys: Mapping[str, str],
    began: float,
    rejected: Mapping[str, int] | None = None,
    data_versions: Mapping[str, str] | None = None,
    computed: Mapping[str, int] | None = None,
    fixed_seconds: Mapping[str, float] | None = None,
) -> dict[str, PeriodReport]:
    """Puts `rows` in place of the periods named in `keys` (period → stage key; `WHOLE` for a table without periods).

    Only periods that differ are written, in one commit. computed = rows that were not there, reused = rows that were,
    removed = rows whose key is gone; a stage that knows better which rows it `computed` says so. `data_versions` are
    those of tables whose rows are floats: a digest of their keys instead of their content. Where a row came from does
    not count, but is written when it differs. `fixed_seconds` is spent by period before its first row.
    """
    contract = tables.contract(table)
    rows = contract.conform(rows)
    versions = data_versions or _digests(contract, rows)
    differ = _differing(lake, contract, rows, list(keys))
    written = [period for period in keys if differ[period][0]]
    if written or not lake.exists(table):
        ledger.begin(lake, written)
        _write(lake, contract, rows, written)
    fixed = fixed_seconds or {}
    share = (time.perf_counter() - began - sum(fixed.values())) / max(len(keys), 1)
    reports = {}
    for period in keys:
        _, count, new, removed = differ[period]
        new = new if computed is None else computed[period]
        reports[period] = PeriodReport(
            count,
            versions.get(period, EMPTY),
            computed=new,
            reused=count - new,
            removed=removed,
            rejected=(rejected or {}).get(period, 0),
            seconds=share + fixed.get(period, 0.0),
            fixed_seconds=fixed.get(period, 0.0),
        )
    ledger.record(lake, reports, keys)
    return reports


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


def report(lake: Lake, table: str, periods: Mapping[str, PeriodReport], began: float, **more: Any) -> StageReport:
    """The stage's report, with a small sample of its newest period that shows no person."""
    contract = tables.contract(table)
    sample = pl.DataFrame()
    if lake.exists(table):
        newest = max(periods, default=WHOLE)
        scanned = lake.scan(table)
        if newest and "period" in contract.columns:
            scanned = scanned.filter(pl.col("period") == newest)
        sample = scanned.drop(contract.personal).head(5).collect()
    ordered = dict(sorted(periods.items()))
    return StageReport(
        lake.asset, ordered, time.perf_counter() - began, lake.version(table), lake.reads, sample=sample, **more
    )


def problem(lake: Lake, told: str, began: float) -> StageReport:
    """The report of a stage that published nothing, and why."""
    return StageReport(lake.asset, {}, time.perf_counter() - began, None, lake.reads, problem=told)


def _digests(contract: tables.Table, rows: pl.DataFrame) -> dict[str, str]:
    if "period" in contract.partition_by:
        return digest(rows, "period", contract.content)
    return digest(rows.with_columns(_whole=pl.lit(WHOLE)), "_whole", contract.content)


def _differing(
    lake: Lake, contract: tables.Table, rows: pl.DataFrame, periods: list[str]
) -> dict[str, tuple[bool, int, int, int]]:
    """period → (whether it must be written, rows, rows of new content, rows whose key is gone)."""
    partitioned = "period" in contract.partition_by
    old_rows = lake.scan(contract.name)
    old = (old_rows.filter(pl.col("period").is_in(periods)) if partitioned else old_rows).collect()
    other = rows.join(old, on=contract.columns, how="anti", nulls_equal=True)
    new = rows.join(old, on=contract.content, how="anti", nulls_equal=True)
    gone = old.join(rows, on=list(contract.key), how="anti", nulls_equal=True)
    if not partitioned:
        total = (rows.height, new.height, gone.height)
        return dict.fromkeys(periods, (other.height > 0 or rows.height != old.height, *total))
    count, before, differing, fresh, lost = (
        dict(frame["period"].value_counts().iter_rows()) for frame in (rows, old, other, new, gone)
    )
    return {
        p: (p in differing or count.get(p, 0) != before.get(p, 0), count.get(p, 0), fresh.get(p, 0), lost.get(p, 0))
        for p in periods
    }


def _write(lake: Lake, contract: tables.Table, rows: pl.DataFrame, periods: list[str]) -> None:
    ordered = rows.sort(list(contract.key), nulls_last=True)
    if "period" not in contract.partition_by:
        lake.replace(contract.name, ordered)
        return
    lake.replace(contract.name, ordered.filter(pl.col("period").is_in(periods)), {"period": periods})
