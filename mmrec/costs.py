"""What work costs: seconds by the speeds that earlier builds recorded here, bytes by the tables as they are.

A speed is the newest builds' seconds a row, without what was spent before the first one (loading an encoder, fitting
item factors), which counts once. What was never built here has no speed, and then its cost is unknown: nothing is
guessed. Here: estimates. Not here: what work there is (`mmrec/plan.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.builds import LEDGER
from mmrec.errors import MmrecError
from mmrec.lake import Lake

RECENT = 5  # builds with work that a speed is the mean of
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Speed:
    """Seconds a row, seconds a period, and seconds that are spent once before the first row."""

    row: float
    period: float
    fixed: float


class Costs:
    """The recorded speeds of a lake."""

    def __init__(self, lake: Lake) -> None:
        """Reads the ledger of builds once."""
        self.lake = lake
        worked = lake.scan(LEDGER).filter((pl.col("computed") > 0) & (pl.col("seconds") > 0))
        fixed = pl.col("fixed_seconds").fill_null(0.0)
        recipe = pl.col("recipe").fill_null("")
        self.builds = worked.select(
            "asset", recipe, "computed", fixed, "at", varying=pl.col("seconds") - fixed
        ).collect()

    def speed(self, asset: str, recipe: str = "") -> Speed | None:
        """The asset's speed under one recipe (an encoder's id; empty elsewhere); None where it never had work."""
        mine = self.builds.filter((pl.col("asset") == asset) & (pl.col("recipe") == recipe)).sort("at").tail(RECENT)
        if mine.is_empty():
            return None
        fixed = mine.filter(pl.col("fixed_seconds") > 0)["fixed_seconds"].mean() or 0.0
        varying = max(float(mine["varying"].sum()), 0.0)
        return Speed(varying / float(mine["computed"].sum()), varying / mine.height, float(fixed))  # type: ignore[arg-type]

    def bytes_a_row(self, asset: str) -> float | None:
        """Bytes on disk a row of the asset's largest table, its other tables included; None where it has none yet."""
        sizes = [self.lake.size(table.name) for table in tables.owned_by(asset) if not table.name.startswith("ledger/")]
        rows = max((rows for _, rows in sizes), default=0)
        return sum(size for size, _ in sizes) / rows if rows else None


def seconds_of(budget: str) -> float:
    """`90s`, `10m`, `1h30m` or a plain number of seconds. Raises one line for anything else."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", budget.strip())
    if not budget.strip() or parts is None:
        raise MmrecError(f"--budget is '{budget}'; expected a time such as 90s, 10m or 1h30m")
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
