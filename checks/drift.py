"""Does the newest period look like the ones before it? An answer warns and stops nothing.

Here: the number of rows against the median of earlier periods. Not here: thresholds that keep a period from being
published, which are the contract's (`mmrec/quality/contracts.py`).
"""

import dagster as dg
import polars as pl

from checks import results
from mmrec import tables
from mmrec.builds.report import WHOLE, Check
from mmrec.lake.store import Lake
from resources.lake import LakeResource

_TIMES = 4.0  # the newest period may have between a quarter and four times the median
_EARLIER = 3  # periods with rows that a median needs
_DESCRIPTION = f"the newest period with rows has between 1/{_TIMES:g} and {_TIMES:g} times the median of earlier ones"


def definitions() -> list[dg.AssetChecksDefinition]:
    """The drift checks."""

    @dg.asset_check(
        asset=dg.AssetKey(tables.VALIDATED_INTERACTIONS.split("/")), name="rows_drift", description=_DESCRIPTION
    )
    def rows_drift(lake: LakeResource) -> dg.AssetCheckResult:
        return results.result("rows_drift", tables.VALIDATED_INTERACTIONS, [judge(lake.open())])

    return [rows_drift]


def judge(lake: Lake) -> Check:
    """The newest published period's rows against the median of the earlier ones."""
    counts = lake.scan(tables.VALIDATED_INTERACTIONS).group_by("period").agg(rows=pl.len()).sort("period").collect()
    if counts.height <= _EARLIER:
        return _check(
            True,
            f"at least {_EARLIER} earlier periods to compare with",
            f"{max(counts.height - 1, 0)}; nothing to say yet",
        )
    newest, rows = counts.row(-1)
    median = float(counts["rows"][:-1].cast(pl.Float64).median())  # type: ignore[arg-type]
    low, high = median / _TIMES, median * _TIMES
    return _check(low <= rows <= high, f"{low:.0f} to {high:.0f} rows", f"{rows} rows in {newest}; median {median:.0f}")


def _check(passed: bool, expected: str, found: str) -> Check:
    return Check("rows_drift", WHOLE, blocking=False, passed=passed, expected=expected, found=found)
