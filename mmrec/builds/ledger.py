"""Stage keys and the ledger of builds: why a stage may do nothing.

A stage's key is sha256 over its code version, the settings it reads and the data versions of its inputs. When the
ledger's newest build of a period has the same key, the stage reports the old data version and 0 rows. The order of
commits is ledger (key taken away), table, ledger (new key): a crash between them repeats a build and never skips one.

Here: keys of stages and the ledger. Not here: the keys of single rows (`mmrec/keys.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds.report import WHOLE, PeriodReport
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake

_BUILD = (
    "stage_key",
    "data_version",
    "rows",
    "computed",
    "rejected",
    "seconds",
    "code_version",
)  # what a `Build` is made of


@dataclass(frozen=True)
class Build:
    """The newest build of one asset's period."""

    stage_key: str
    data_version: str
    rows: int
    computed: int
    rejected: int
    seconds: float
    code_version: str


def stage_key(code_version: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The key of a stage's period: equal keys mean equal results."""
    return canonical_digest({"code": code_version, "settings": dict(settings), "inputs": dict(inputs)})


def ledger(lake: Lake) -> pl.DataFrame:
    """Every build of every asset."""
    return _noted(lake).rows


def newest(lake: Lake, asset: str) -> dict[str, Build]:
    """The newest build of each of an asset's periods."""
    return dict(_noted(lake).newest.get(asset, {}))


def data_version(lake: Lake, asset: str, periods: Iterable[str] = (WHOLE,)) -> dict[str, str]:
    """`asset@period` → data version of the newest builds, for a stage key; a period never built has none."""
    known = newest(lake, asset)
    return {f"{asset}@{period}": known[period].data_version for period in sorted(periods) if period in known}


def foreseeing(lake: Lake, asset: str, builds: Mapping[str, Build]) -> Lake:
    """The same reader, to whom the ledger says that these builds of an asset were made; nothing is written."""
    noted = _noted(lake)
    newest = {**noted.newest, asset: {**noted.newest.get(asset, {}), **builds}}
    return replace(lake, memo={**lake.memo, tables.BUILDS: _Noted(noted.version, noted.rows, newest)})


def begin(lake: Lake, periods: Iterable[str]) -> None:
    """Takes the stage keys of periods away before their rows change; `record` gives the new ones.

    Between the two commits the ledger then says that it does not know, and a killed build is done again even when what
    caused it is taken back. Data versions stay, so that nothing behind moves.
    """
    known = newest(lake, lake.asset)
    old = {period: known[period] for period in periods if period in known and known[period].stage_key}
    reports = {
        period: PeriodReport(build.rows, build.data_version, rejected=build.rejected) for period, build in old.items()
    }
    record(lake, reports, dict.fromkeys(old, ""))


def record(lake: Lake, reports: Mapping[str, PeriodReport], keys: Mapping[str, str], recipe: str = "") -> None:
    """Notes what was built, one row a period of `keys`; a refused period is not a build. `recipe`: an encoder's id."""
    now = after(_noted(lake).rows)
    rows = [
        {
            "asset": lake.asset,
            "period": period,
            "stage_key": keys[period],
            "data_version": report.data_version,
            "rows": report.rows,
            "computed": report.computed,
            "reused": report.reused,
            "removed": report.removed,
            "rejected": report.rejected,
            "work": report.work,
            "seconds": report.seconds,
            "fixed_seconds": report.fixed_seconds,
            "recipe": recipe,
            "code_version": lake.code_version,
            "run_id": lake.run_id,
            "at": now,
        }
        for period, report in sorted(reports.items())
        if period in keys and report.refused is None
    ]
    if rows:
        frame = tables.contract(tables.BUILDS).conform(pl.DataFrame(rows))
        known = lake.memo.get(tables.BUILDS)
        version = lake.append(tables.BUILDS, frame)
        if known is not None and known.version is not None and version == known.version + 1:
            lake.memo[tables.BUILDS] = known.after(frame, version)


def after(rows: pl.DataFrame) -> dt.datetime:
    """Now, or a moment after a ledger's newest row: a clock that was set back makes no later row an earlier one."""
    now, newest = dt.datetime.now(dt.UTC), rows["at"].max()
    return max(now, newest + dt.timedelta(microseconds=1)) if isinstance(newest, dt.datetime) else now


def newest_rows(rows: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    """Of a ledger's rows those that were written last, for each value of `by`.

    Of runs that wrote in the same microsecond the one with the greatest id counts, so that every reader agrees.
    """
    last = rows.filter(pl.col("at") == pl.col("at").max().over(by))
    return last.filter(pl.col("run_id") == pl.col("run_id").max().over(by))


@dataclass(frozen=True)
class _Noted:
    """The ledger at one version, and the newest builds in it: asset → period → build."""

    version: int | None
    rows: pl.DataFrame
    newest: dict[str, dict[str, Build]]

    @classmethod
    def of(cls, version: int | None, rows: pl.DataFrame) -> _Noted:
        newest: dict[str, dict[str, Build]] = {}
        ordered = rows.sort("at", "run_id").group_by("asset", "period", maintain_order=True).last()
        for asset, period, *rest in ordered.select("asset", "period", *_BUILD).iter_rows():
            newest.setdefault(asset, {})[period] = Build(*rest)
        return cls(version, rows, newest)

    def after(self, rows: pl.DataFrame, version: int) -> _Noted:
        """What the next version says, where nobody else has written."""
        [(asset, builds)] = _Noted.of(version, rows).newest.items()
        newest = {**self.newest, asset: {**self.newest.get(asset, {}), **builds}}
        return _Noted(version, pl.concat([self.rows, rows]), newest)


def _noted(lake: Lake) -> _Noted:
    """The ledger, read once a version of it, and not again where only this run has written."""
    version, known = lake.pin(tables.BUILDS), lake.memo.get(tables.BUILDS)
    if known is None or known.version != version:
        known = lake.memo[tables.BUILDS] = _Noted.of(version, lake.scan(tables.BUILDS).collect())
    return known
