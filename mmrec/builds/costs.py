"""What work costs: seconds by the speeds that earlier builds recorded here, bytes by the tables as they are.

A speed is what the newest builds took a unit of work and a period, without what was spent before the first one (loading
an encoder, fitting item factors), which counts for itself. What was never built here has no speed, and then its cost is
unknown: nothing is guessed. Here: estimates. Not here: what work there is (`mmrec/planning/plan.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds.ledger import ledger, newest
from mmrec.builds.report import StageReport
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake

NEVER, INPUTS, CODE = "never built", "inputs changed", "mmrec makes it in another way now"
RECENT = 10  # builds that a speed is learnt from
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Speed:
    """Seconds a unit of work, seconds a period, and seconds that a fit, or loading an encoder, takes by itself."""

    unit: float
    period: float
    fixed: float

    def seconds(self, work: int, periods: int = 1, fits: int = 0) -> float:
        """What so much work in so many periods (1 for an asset without any) is expected to take."""
        return self.unit * work + self.period * periods + self.fixed * fits


class Costs:
    """The recorded speeds of a lake."""

    def __init__(self, lake: Lake) -> None:
        """By what the ledger of builds says now."""
        self.lake, self.builds = lake, ledger(lake)

    def speed(self, asset: str, recipe: str = "") -> Speed | None:
        """The asset's speed under one recipe (an encoder's id; empty elsewhere); None where it was never built."""
        of = (pl.col("asset") == asset) & (pl.col("recipe").fill_null("") == recipe)
        worked = self.builds.filter(of, pl.col("seconds") > 0).with_columns(
            work=pl.coalesce("work", "computed"), fixed=pl.col("fixed_seconds").fill_null(0.0)
        )
        runs = worked.group_by("at", "run_id").agg(pl.len(), pl.col("work", "seconds", "fixed").sum()).sort("at")
        runs = runs.tail(RECENT).with_columns(varying=pl.col("seconds") - pl.col("fixed"))
        runs = runs.filter(pl.col("varying") > 0)
        if runs.is_empty():
            return None
        fits = worked.filter(pl.col("fixed") > 0).sort("at").tail(RECENT)["fixed"].mean()
        return Speed(*_rates(*(runs[name].to_numpy() for name in ("work", "len", "varying"))), float(fits or 0.0))  # type: ignore[arg-type]

    def affords(self, asset: str, recipe: str, rows: int, budget: float) -> None:
        """Raises one line where so many rows are expected to take more seconds than the budget, or nobody knows."""
        speed = self.speed(asset, recipe)
        expected = None if speed is None else speed.seconds(rows, fits=1)
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

    def __init__(self, lake: Lake) -> None:
        """Holds what is known before the work of the asset that the lake acts for begins."""
        self.asset, self.known, self.costs = lake.asset, newest(lake, lake.asset), Costs(lake)

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
                work = sum(each.work for each in mine.values())
                expected = None if speed is None else speed.seconds(work, len(mine), fits)
                seconds = sum(each.seconds for each in mine.values())
                rows.append((reason, len(mine), None, sum(each.computed for each in mine.values()), expected, seconds))
        return _estimates(rows)

    def _embedding(self, report: StageReport) -> pl.DataFrame:
        planned, [counts] = int(report.facts["keys_planned"]), report.periods.values()
        speed = self.costs.speed(self.asset, str(report.facts["encoder_id"])) if planned else None
        expected = None if speed is None else speed.seconds(planned, fits=1)
        row = ("keys without a vector", 0, planned, counts.computed, expected, counts.seconds)
        return _estimates([row] if planned else [])


def _rates(work: np.ndarray, periods: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Seconds a unit of work and seconds a period, neither below 0, that come nearest to what builds have taken.

    Least squares of the relative error: a build of seconds weighs as much as one of minutes. One build alone, or builds
    that are alike, cannot tell the two apart: then work is what costs, where there was any.
    """
    rows, ones = np.stack([work / seconds, periods / seconds], axis=1), np.ones(len(seconds))
    both, _, rank, _ = np.linalg.lstsq(rows, ones, rcond=1e-6)
    if rank == 2 and (both >= 0).all():
        return float(both[0]), float(both[1])
    alone = [rows[:, at].sum() / np.square(rows[:, at]).sum() if rows[:, at].any() else 0.0 for at in (0, 1)]
    misses = [float(np.square(rows[:, at] * alone[at] - 1).sum()) for at in (0, 1)]
    return (float(alone[0]), 0.0) if misses[0] <= misses[1] + 1e-9 else (0.0, float(alone[1]))


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
