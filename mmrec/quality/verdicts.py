"""Verdicts with their ledger: a candidate is judged once, and whoever asks again reads what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds.ledger import after, newest_rows
from mmrec.builds.report import Check
from mmrec.keys import canonical_digest
from mmrec.lake.memo import of_version
from mmrec.lake.store import Lake
from mmrec.quality import suites
from mmrec.quality.contracts import Candidate
from mmrec.settings import Settings

_SUITE = "2"  # raised when the meaning of a check changes


def verdicts(lake: Lake, asset: str, candidates: Iterable[Candidate], settings: Settings) -> dict[str, list[Check]]:
    """The checks of each candidate by period: from the ledger where it was judged before, else judged now.

    What is not the period's newest verdict is noted, so that the newest one is always that of the newest candidate.
    A failed check shows the candidate's worst rows and the share of each rule.
    """
    noted = lake.scan(tables.VERDICTS).filter(pl.col("asset") == asset).sort("at", "check").collect()
    known = _known(noted)
    newest = dict(known.keys())  # period → verdict: `known` begins with the oldest
    suite = _suite_digest(asset, settings)
    result: dict[str, list[Check]] = {}
    rows: list[dict[str, Any]] = []
    now = after(noted)  # one instant for all: the newest verdict is the one with the newest instant
    for candidate in candidates:
        name = canonical_digest([candidate.digest, suite, candidate.against])
        found = known.get((candidate.period, name))
        if found is None:
            found = suites.judge(asset, candidate, settings)
        if newest.get(candidate.period) != name:
            rows += [_row(lake, now, name, candidate, check) for check in found]
        result[candidate.period] = [
            check if check.passed else suites.explained(asset, check, candidate, settings) for check in found
        ]
    if rows:
        lake.append(tables.VERDICTS, pl.DataFrame(rows))
    return result


def refusal(found: Iterable[Check]) -> str | None:
    """Why a candidate may not be published, in one line; None when it may."""
    failed = [
        f"{check.name} (expected {check.expected}; found {check.found}{_by_rule(check)})"
        for check in found
        if not check.passed and check.blocking
    ]
    return "failed its contract: " + ", ".join(failed) if failed else None


def _by_rule(check: Check) -> str:
    """The shares of the rules that reject most, and where the first such row stands."""
    if not check.worst:
        return ""
    shares = ", ".join(f"{rule} {share:.1%}" for rule, share in list(check.shares.items())[:3])
    return f": {shares}; first {check.worst[0]['file']} row {check.worst[0]['row']}"


def judged_periods(lake: Lake, asset: str) -> dict[str, bool]:
    """Every period with a verdict → whether its newest verdict let it be published."""

    def read() -> dict[str, bool]:
        newest = newest_rows(lake.scan(tables.VERDICTS).filter(pl.col("asset") == asset), "period")
        published = newest.group_by("period").agg((pl.col("passed") | ~pl.col("blocking")).all())
        return dict(published.collect().iter_rows())

    return dict(of_version(lake, tables.VERDICTS, ("judged", asset), read))


def _known(rows: pl.DataFrame) -> Mapping[tuple[str, str], list[Check]]:
    """(period, verdict) → its checks, the one that was noted last at the end; `rows` begin with the oldest."""
    found: dict[tuple[str, str], dict[str, Check]] = {}
    for row in rows.iter_rows(named=True):
        check = Check(row["check"], row["period"], row["blocking"], row["passed"], row["expected"], row["found"])
        key = (row["period"], row["verdict"])
        found[key] = {**found.pop(key, {}), check.name: check}
    return {key: list(by_name.values()) for key, by_name in found.items()}


def _row(lake: Lake, now: dt.datetime, verdict: str, candidate: Candidate, check: Check) -> dict[str, Any]:
    return {
        "asset": lake.asset,
        "period": candidate.period,
        "verdict": verdict,
        "check": check.name,
        "blocking": check.blocking,
        "passed": check.passed,
        "expected": check.expected,
        "found": check.found,
        "rows": candidate.landed.height,
        "run_id": lake.run_id,
        "at": now,
    }


def _suite_digest(asset: str, settings: Settings) -> str:
    contract = tables.contract(asset)
    columns = [(c.name, str(c.dtype), c.nullable) for c in contract.columns_]
    limits = settings.interactions.value_range if asset == tables.VALIDATED_INTERACTIONS else None
    return canonical_digest([_SUITE, asset, columns, contract.key, settings.quality.model_dump(), limits])
