"""What a contract judges: the rows of a period or of a whole table, before their commit."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mmrec import tables
from mmrec.builds import publishing
from mmrec.builds.report import PeriodReport
from mmrec.keys import canonical_digest
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.quality import verdicts
from mmrec.quality.contracts import Candidate
from mmrec.stages.validated.rejected import JUDGED


def unchanged(lake: Lake, keys: Mapping[str, str]) -> dict[str, PeriodReport]:
    """The periods that need no work. One that was refused since is judged once more: a bad delivery was taken back."""
    judged = verdicts.judged_periods(lake, lake.asset)
    return {period: each for period, each in publishing.unchanged(lake, keys).items() if judged.get(period, True)}


def candidates_of(
    contract: tables.Table, judged: pl.DataFrame, good: pl.DataFrame, against: Mapping[str, str]
) -> list[Candidate]:
    """One candidate a period that has landed rows; a period without any has nothing to judge."""
    content = digest(good, "period", contract.columns, contract.silent)
    ruled = digest(judged, "period", ["rule", "source_file", "source_row"])
    rows = judged.select("period", *JUDGED, *(["known"] if "known" in judged.columns else []))
    by_period = rows.partition_by("period", as_dict=True)
    published = good.partition_by("period", as_dict=True)
    empty = contract.empty()
    return [
        Candidate(
            str(period),
            of_period,
            contract.conform(published[period,]) if (period,) in published else empty,
            canonical_digest([content.get(str(period), publishing.EMPTY), ruled[str(period)]]),
            against.get(str(period), ""),
        )
        for (period,), of_period in sorted(by_period.items(), key=lambda part: str(part[0]))
    ]
