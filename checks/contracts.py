"""The batch contracts as check specs of the assets that they guard.

Here: specs only. A contract is judged inside its asset, before anything is committed, because a check that runs after
the asset stops its own run while the bad rows stay in the table. Not here: what holds (`mmrec/quality/contracts.py`).
"""

from collections.abc import Iterable

import dagster as dg
import polars as pl

from mmrec import tables
from mmrec.builds.report import Check
from mmrec.lake.store import Lake
from mmrec.quality import contracts
from mmrec.settings import Settings

_FILES_READABLE = "every event file of the glob could be read and, if it has rows, touches a configured period"


def specs(asset: str, settings: Settings, periods: dg.PartitionsDefinition | None) -> list[dg.AssetCheckSpec]:
    """The checks that an asset judges itself; each period has a verdict of its own where there are periods."""
    key = dg.AssetKey(asset.split("/"))
    if asset == tables.RAW_INTERACTIONS:  # about all files of the glob, whichever periods are landed
        return [dg.AssetCheckSpec("files_readable", asset=key, description=_FILES_READABLE, blocking=True)]
    return [
        dg.AssetCheckSpec(
            spec.name, asset=key, description=spec.description, blocking=spec.blocking, partitions_def=periods
        )
        for spec in contracts.checks(asset, settings)
    ]


def published(lake: Lake, asset: str, periods: Iterable[str]) -> list[Check]:
    """The verdict with which each period was published: what a run that changed nothing reports again."""
    rows = (
        lake.scan(tables.VERDICTS)
        .filter((pl.col("asset") == asset) & pl.col("period").is_in(list(periods)))
        .with_columns(
            good=(pl.col("passed") | ~pl.col("blocking")).all().over("period", "verdict"),
            judged_at=pl.col("at").max().over("period", "verdict"),
        )
        .filter("good")
        .filter(pl.col("judged_at") == pl.col("judged_at").max().over("period"))
        .unique(["period", "check"])
        .sort("period", "check")
        .collect()
    )
    return [
        Check(row["check"], row["period"], row["blocking"], row["passed"], row["expected"], row["found"])
        for row in rows.iter_rows(named=True)
    ]
