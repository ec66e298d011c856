"""The one shape of a stage: find its keys, make what is stale, publish it, report.

    run = StageRun(lake, TABLE)
    for period in run.begin(keys): ...        the stale periods; the others stand as they are
    run.publish({period: Made(rows), ...})    one commit, of what differs
    return run.report(facts=...)

Here: what every stage does around its work. Not here: any stage's work, nor how rows reach a table
(`mmrec/builds/publishing.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds import ledger, publishing
from mmrec.builds.publishing import Counts
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.lake.store import Lake

Standing = Callable[[Lake, Mapping[str, str]], dict[str, PeriodReport]]


@dataclass(frozen=True)
class Made:
    """What a stage made of one period. What is None is found by comparing the rows with those that are there.

    A stage that knows better which rows it `computed` says so; where rows are floats, `data_version` is a digest of
    what they are a function of. `fixed_seconds` were spent before the first row, whatever the rows. `work` is counted
    in the asset's unit, where that is not the rows computed.
    """

    rows: pl.DataFrame
    computed: int | None = None
    data_version: str | None = None
    rejected: int = 0
    fixed_seconds: float = 0.0
    work: int | None = None


def by_period(rows: pl.DataFrame) -> dict[str, Made]:
    """What was made of each period that has rows."""
    parts = rows.partition_by("period", as_dict=True)
    return {str(period): Made(own, work=own.height) for (period,), own in parts.items()}


class StageRun:
    """One run of a stage that writes `table`: its clock, its stage keys, and a report a period.

    `refused` names periods that may not be made at all, each with the reason; `warnings` go into the report.
    """

    def __init__(
        self, lake: Lake, table: str, *, refused: Mapping[str, str] | None = None, warnings: Iterable[str] = ()
    ) -> None:
        self.began = time.perf_counter()
        self.lake, self.table, self.warnings = lake, table, list(warnings)
        self.stale: dict[str, str] = {}  # period → stage key
        self.reports = {
            period: PeriodReport(0, publishing.EMPTY, refused=told) for period, told in (refused or {}).items()
        }

    @property
    def seconds(self) -> float:
        """Wall seconds since the run began."""
        return time.perf_counter() - self.began

    def begin(self, keys: Mapping[str, str], standing: Standing = publishing.unchanged) -> list[str]:
        """The periods with work, given every period's stage key; of the others `standing` says what is there."""
        stands = standing(self.lake, keys)
        self.reports |= stands
        self.stale = {period: key for period, key in keys.items() if period not in stands}
        return list(self.stale)

    def hold(self, reports: Mapping[str, PeriodReport]) -> None:
        """Leaves stale periods as they are, and reports this of them."""
        self.reports |= reports
        self.stale = {period: key for period, key in self.stale.items() if period not in reports}

    def refuse(self, period: str, told: str, rejected: int = 0) -> None:
        """Leaves a period as it is, because what it would become is not good enough."""
        before = ledger.newest(self.lake, self.lake.asset).get(period)
        rows, version = (before.rows, before.data_version) if before else (0, publishing.EMPTY)
        self.hold({period: PeriodReport(rows, version, rejected=rejected, refused=told)})

    def publish(self, made: Mapping[str, Made]) -> None:
        """Puts what was made in place of every stale period, empty where nothing was, and notes the builds."""
        if not self.stale:
            return
        contract = tables.contract(self.table)
        every = {period: made.get(period) or Made(contract.empty()) for period in self.stale}
        rows = pl.concat([contract.empty(), *[contract.conform(each.rows) for each in every.values()]])
        counts = publishing.put(self.lake, contract, rows, list(every))
        known = all(each.data_version is not None for each in every.values())
        versions = {} if known else publishing.digests(contract, rows)
        fixed = sum(each.fixed_seconds for each in every.values())
        share = (self.seconds - fixed) / len(every)
        self.record(
            {
                period: _report(each, counts[period], versions.get(period, publishing.EMPTY), share)
                for period, each in every.items()
            }
        )

    def record(
        self, reports: Mapping[str, PeriodReport], keys: Mapping[str, str] | None = None, recipe: str = ""
    ) -> None:
        """Notes builds whose rows are written already, under their stage keys, or others where a build moves its own.

        `recipe` is what sets the speed besides the asset: an encoder's id.
        """
        ledger.record(self.lake, reports, self.stale if keys is None else keys, recipe)
        self.reports |= reports

    def report(self, *, warnings: Iterable[str] = (), **more: Any) -> StageReport:
        """The stage's report, with a small sample of its newest period that shows no person."""
        contract, sample = tables.contract(self.table), pl.DataFrame()
        version = self.lake.version(self.table)
        if version is not None:
            newest = max(self.reports, default=WHOLE)
            own = [newest] if newest and "period" in contract.columns else None
            sample = self.lake.scan(self.table, periods=own).drop(contract.personal).head(5).collect()
        return StageReport(
            self.lake.asset,
            dict(sorted(self.reports.items())),
            self.seconds,
            version,
            self.lake.reads,
            sample=sample,
            warnings=[*self.warnings, *warnings],
            **more,
        )

    def problem(self, told: str) -> StageReport:
        """The report of a stage that published nothing, and why."""
        return StageReport(self.lake.asset, {}, self.seconds, None, self.lake.reads, problem=told)


def _report(made: Made, counts: Counts, version: str, seconds: float) -> PeriodReport:
    computed = counts.new if made.computed is None else made.computed
    return PeriodReport(
        counts.rows,
        version if made.data_version is None else made.data_version,
        computed=computed,
        reused=counts.rows - computed,
        removed=counts.gone,
        rejected=made.rejected,
        seconds=seconds + made.fixed_seconds,
        fixed_seconds=made.fixed_seconds,
        work=computed if made.work is None else made.work,
    )
