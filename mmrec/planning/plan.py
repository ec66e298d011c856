"""What a run would do, read before it is paid for: rows per asset, period and reason.

Here: one walk over the stages, from the files and the lake alone; nothing is written and torch is not imported. Where
an input does not exist yet, or has work of its own, the rows are an upper bound and say so. Not here: running anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NOTHING, WORK, UNDER, OVER = "nothing to do", "work to do", "under budget", "over budget"
UPSTREAM = "an input has work"


@dataclass(frozen=True)
class Row:
    """Work of one asset: how many periods (0 = it has none), why, rows, exact or at most, and what they will cost.

    `work` counts in the asset's `unit` what will be done, and `fits` how many item-factor versions will be fitted: a
    run does no more, and hardly less. `seconds` and `bytes` are None where nothing of the kind was ever built here.
    """

    asset: str
    reason: str
    rows: int
    at_most: bool
    periods: int = 0
    first: str = ""
    last: str = ""
    work: int = field(default=0, compare=False)
    unit: str = field(default="rows", compare=False)
    fits: int = field(default=0, compare=False)
    by_period: Mapping[str, int] = field(default_factory=dict, compare=False)  # rows, where there are periods
    seconds: float | None = field(default=None, compare=False)
    bytes: int | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """Every asset's work and what it costs in all; the files that a run will refuse, each with the reason; and what
    a person should know of the sources although nothing is refused.
    """

    rows: list[Row]
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of all work that has a speed; at most, where rows are a bound."""
        return sum(row.seconds or 0.0 for row in self.rows)

    @property
    def bytes(self) -> int:
        """Written by all work whose tables are there already."""
        return sum(row.bytes or 0 for row in self.rows)

    @property
    def unknown(self) -> list[str]:
        """Assets that have work and were never built here, so that nothing says what they cost."""
        return list(dict.fromkeys(row.asset for row in self.rows if row.seconds is None))

    def verdict(self, budget_seconds: float | None) -> str:
        """`nothing to do`, `work to do`, or against a budget `under` or `over`; an unknown cost is not under it."""
        if not self.rows:
            return NOTHING
        if budget_seconds is None:
            return WORK
        return OVER if self.unknown or self.seconds > budget_seconds else UNDER

    def as_dict(self, budget_seconds: float | None = None) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "verdict": self.verdict(budget_seconds),
            "seconds": self.seconds,
            "bytes": self.bytes,
            "unknown": self.unknown,
            "budget_seconds": budget_seconds,
            "refused": self.refused,
            "warnings": self.warnings,
            "rows": [row.as_dict() for row in self.rows],
        }
