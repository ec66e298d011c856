"""What a stage says it did: counts, versions, checks and things worth looking at.

Here: plain values that assets, commands, tests and benches read. Not here: how they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mmrec.errors import MmrecError

WHOLE = ""  # the period of an asset without periods


@dataclass(frozen=True)
class Check:
    """One judged expectation of one period (`WHOLE` for an asset without periods)."""

    name: str
    period: str
    blocking: bool
    passed: bool
    expected: str
    found: str
    shares: Mapping[str, float] = field(default_factory=dict)  # of a failed one: rule → share of the landed rows
    worst: Sequence[Mapping[str, Any]] = ()  # file, row, rule, reason of a few rows that made it fail


@dataclass(frozen=True)
class PeriodReport:
    """One period's counts. rows = rows there now; computed, reused and removed say how they came to be there."""

    rows: int
    data_version: str
    computed: int = 0
    reused: int = 0
    removed: int = 0
    rejected: int = 0
    seconds: float = 0.0
    fixed_seconds: float = 0.0  # of them spent once whatever the rows: loading an encoder, fitting item factors
    refused: str | None = None  # why nothing of this period was published
    facts: Mapping[str, float] = field(default_factory=dict)  # the period's own figures, which plot over periods
    work: int = 0  # what was done, in the asset's unit: what a plan foresees, and what seconds are told by


@dataclass(frozen=True)
class StageReport:
    """What one stage did for the periods it was asked for. `inputs` holds the Delta version of each table it read."""

    asset: str
    periods: dict[str, PeriodReport]
    seconds: float
    lake_version: int | None
    inputs: dict[str, int]
    sample: pl.DataFrame = field(default_factory=pl.DataFrame)  # a few rows without personal columns
    facts: dict[str, int | float | str] = field(default_factory=dict)  # single values; the unit is in the name
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)  # small tables to show
    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problem: str | None = None  # a failure of the whole run that belongs to no period

    def total(self, count: str) -> int:
        """The sum of one of the counts (rows, computed, reused, removed, rejected, work) over the periods."""
        return sum(getattr(period, count) for period in self.periods.values())

    @property
    def refusals(self) -> list[str]:
        """Why periods, or the run, were refused; empty when all is well."""
        told = [f"{key}: {p.refused}" if key else p.refused for key, p in self.periods.items() if p.refused]
        return ([self.problem] if self.problem else []) + told

    def raise_if_refused(self) -> StageReport:
        """This report, when nothing was refused; else one `MmrecError` that names what was."""
        if self.refusals:
            raise MmrecError(f"{self.asset}: " + "; ".join(self.refusals))
        return self
