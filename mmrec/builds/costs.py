"""What work costs: seconds by the speeds that earlier builds recorded here, bytes by the tables as they are.

A speed is the newest builds' seconds a row, without what was spent before the first one (loading an encoder, fitting
item factors), which counts once. What was never built here has no speed, and then its cost is unknown: nothing is
guessed. Here: estimates. Not here: what work there is (`mmrec/planning/plan.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.builds.ledger import ledger, newest
from mmrec.builds.report import StageReport
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake

NEVER, INPUTS, CODE = "never built", "inputs changed", "mmrec makes it in another way now"
RECENT = 5  # builds with work that a speed is the mean of
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Speed:
    """Seconds a row, seconds a period, and seconds that are spent once before the first row."""

    row: float
    period: float
    fixed: float

    def seconds(self, rows: int) -> float:
        """What so many rows are expected to take."""
        return self.row * rows + self.fixed


class Costs:
    """The recorded speeds of a lake."""

    def __init__(self, lake: Lake) -> None:
        """By what the ledger of builds says now."""
        self.lake, self.builds = lake, ledger(lake)

    def speed(self, asset: str, recipe: str = "") -> Speed | None:
        """The asset's speed under one recipe (an encoder's id; empty elsewhere); None where it never had work."""
        of = (pl.col("asset") == asset) & (pl.col("recipe").fill_null("") == recipe)
        worked = self.builds.filter(of, pl.col("computed") > 0, pl.col("seconds") > 0).sort("at").tail(RECENT)
        if worked.is_empty():
            return None
        fixed = worked["fixed_seconds"].fill_null(0.0)
        varying = max(float((worked["seconds"] - fixed).sum()), 0.0)
        once = fixed.filter(fixed > 0).mean() or 0.0
        return Speed(varying / float(worked["computed"].sum()), varying / worked.height, float(once))  # type: ignore[arg-type]

    def affords(self, asset: str, recipe: str, rows: int, budget: float) -> None:
        """Raises one line where so many rows are expected to take more seconds than the budget, or nobody knows."""
        speed = self.speed(asset, recipe)
        expected = None if speed is None else speed.seconds(rows)
        if rows and (expected is None or expected > budget):
            cost = "unknown, as nothing was built under this recipe" if expected is None else told(expected)
            raise MmrecError(
                f"{asset}: the cost of {rows:,} rows is {cost}, and the budget {told(budget)}; nothing was built"
            )

    def bytes_a_row(self, asset: str) -> float | None:
        """Bytes on disk a row of the asset's largest table, its other tables included; None where it has none yet."""
        sizes = [self.lake.size(table.name) for table in tables.owned_by(asset) if not table.name.startswith("ledger/")]
        rows = max((rows for _, rows in sizes), default=0)
        return sum(size for size, _ in sizes) / rows if rows else None


class Estimate:
    """What an asset's work was expected to take, told before it, beside what it took."""

    def __init__(self, lake: Lake, asset: str) -> None:
        """Holds what is known before the work begins."""
        self.asset, looking = asset, lake.acting_as(asset, "-")
        self.known, self.costs = newest(looking, asset), Costs(looking)

    def against(self, report: StageReport) -> pl.DataFrame:
        """One row a reason: periods with work, rows planned where they were counted, rows computed, seconds of both."""
        stage = self.asset.partition("/")[0]
        if stage == "embeddings":
            return self._embedding(report)
        worked = {period: each for period, each in report.periods.items() if each.seconds > 0}
        speed, rows = self.costs.speed(self.asset) if worked else None, []
        for reason, new in ((NEVER, True), (INPUTS, False)):
            mine = {period: each for period, each in worked.items() if (period not in self.known) == new}
            if mine:
                fits = sum(each.fixed_seconds > 0 for each in mine.values())
                expected = None if speed is None else speed.period * len(mine) + speed.fixed * fits
                seconds = sum(each.seconds for each in mine.values())
                rows.append((reason, len(mine), None, sum(each.computed for each in mine.values()), expected, seconds))
        return _estimates(rows)

    def _embedding(self, report: StageReport) -> pl.DataFrame:
        planned, [counts] = int(report.facts["keys_planned"]), report.periods.values()
        speed = self.costs.speed(self.asset, str(report.facts["encoder_id"])) if planned else None
        expected = None if speed is None else speed.seconds(planned)
        row = ("keys without a vector", 0, planned, counts.computed, expected, counts.seconds)
        return _estimates([row] if planned else [])


def _estimates(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    counts = dict.fromkeys(("periods", "rows_planned", "rows_computed"), pl.Int64())
    seconds = dict.fromkeys(("estimated_seconds", "actual_seconds"), pl.Float64())
    return pl.DataFrame(rows, schema={"reason": pl.String(), **counts, **seconds}, orient="row")


def seconds_of(given: str, what: str = "the budget") -> float:
    """`90s`, `10m`, `1h30m` or a plain number of seconds. Raises one line about `what` is given else."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", given.strip())
    if not given.strip() or parts is None:
        raise MmrecError(f"{what} is '{given}'; expected a time such as 90s, 10m or 1h30m")
    return sum(float(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS.values(), strict=True))


def told(seconds: float) -> str:
    """Seconds in words that fit their size."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def told_bytes(size: float) -> str:
    """Bytes in a unit that fits their size."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
