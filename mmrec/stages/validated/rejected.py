"""validated/rejected: every landed row that is not published, with the reason why."""

from __future__ import annotations

import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.quality import contracts
from mmrec.quality.contracts import GOOD, KINDS

JUDGED = ("rule", "reason", "source_file", "source_row")
KEPT_OUT = tuple(f"rows_{kind}" for kind in dict.fromkeys((contracts.REJECTED, *KINDS.values())) if kind != "valid")


def write_rejected(
    lake: Lake, table: str, landed: pl.DataFrame, judged: pl.DataFrame, periods: list[str]
) -> dict[str, int]:
    """Replaces what is kept out of a table's periods, each row as delivered; the number of rejected ones by period.

    An ignored row is only named: a log of impressions would be stored twice.
    """
    contract = tables.contract(tables.REJECTED)
    place = ["source_file", "source_row"]
    broken = judged.filter(pl.col("rule") != GOOD).select("period", *JUDGED)
    broken = broken.with_columns(kind=contracts.kind(pl.col("rule")), table=pl.lit(table))
    told = broken.filter(pl.col("kind") != "ignored").select(place)
    delivered = landed.join(told, on=place, how="semi")
    rows = broken.join(delivered.select(*place, row=_as_delivered(f"raw/{table}")), on=place, how="left")
    rejected = contract.conform(rows).sort(*place)
    old = lake.scan(tables.REJECTED).filter((pl.col("table") == table) & pl.col("period").is_in(periods)).collect()
    if rejected.height != old.height or rejected.join(old, on=contract.columns, how="anti", nulls_equal=True).height:
        lake.replace(tables.REJECTED, rejected, {"table": [table], "period": periods})
    counts = dict(rejected.filter(pl.col("kind") == contracts.REJECTED)["period"].value_counts().iter_rows())
    return {period: counts.get(period, 0) for period in periods}


def _as_delivered(raw: str) -> pl.Expr:
    """A landed row as JSON, without the columns that it is silent of (`Table.silent`)."""
    ours, silent = ("period", "time_utc", "problem"), tables.contract(raw).silent
    whole = pl.struct(pl.exclude(*ours)).struct.json_encode()
    if not silent:
        return whole
    without = pl.struct(pl.exclude(*ours, *silent)).struct.json_encode()
    return pl.when(pl.all_horizontal(pl.col(silent).is_null())).then(without).otherwise(whole)


def counts_kept_out(lake: Lake, table: str, periods: list[str]) -> dict[str, dict[str, int]]:
    """period → how many of its landed rows are rejected, duplicates or ignored."""
    mine = (pl.col("table") == table) & pl.col("period").is_in(periods)
    counted = lake.scan(tables.REJECTED).filter(mine).group_by("period", "kind").agg(pl.len()).collect()
    found = {period: dict.fromkeys(KEPT_OUT, 0) for period in periods}
    for period, kind, rows in counted.iter_rows():
        found[period][f"rows_{kind}"] = rows
    return found


def kept_out_by_rule(lake: Lake, table: str, periods: list[str]) -> pl.DataFrame:
    """Kind, rule, rows and the first example by file and row number; never the row itself."""
    return (
        lake.scan(tables.REJECTED)
        .filter((pl.col("table") == table) & pl.col("period").is_in(periods))
        .sort("source_file", "source_row")
        .group_by("kind", "rule")
        .agg(
            rows=pl.len(),
            file=pl.col("source_file").first(),
            row=pl.col("source_row").first(),
            reason=pl.col("reason").first(),
        )
        .sort("rows", "rule", descending=[True, False])
        .collect()
    )
