"""Which periods `mmrec verify` can hold against a rebuild, and what a rebuild from today's sources cannot give.

Here: reading the ledgers. Not here: rebuilding (`mmrec/verification/rebuild.py`) and comparing
(`mmrec/verification/oracle.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import periods, tables
from mmrec.builds import publishing
from mmrec.builds.assets import SNAPSHOT
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.planning.graph import nodes
from mmrec.quality import verdicts
from mmrec.settings import Settings

ANSWERS = ("model", "recommendations")  # the stages whose periods are chosen


@dataclass(frozen=True)
class Scope:
    """Of model and recommendations the `chosen` periods are compared. `behind` are published ones that are left out."""

    chosen: list[str]
    behind: list[str]
    kept: dict[str, list[str]]


def choose(lake: Lake, settings: Settings, period: str | None = None, last: int | None = None) -> Scope:
    """The published periods, or the one that is named, or the `last` ones of those (up to the named one).

    Raises where a run would have work: then the lake is not what a rebuild from today's sources gives, and nothing is
    wrong with it. Periods that were published from earlier inputs and not chosen by name are left out.
    """
    known = set(lake.scan(tables.SNAPSHOTS).select(pl.col("period").unique()).collect()["period"])
    published = [each for each in periods.keys(settings.calendar) if each in known]
    if not published:
        raise MmrecError("nothing is published yet, so there is nothing to verify; type `mmrec run`")
    if period is not None and period not in published:
        raise MmrecError(f"period {period} is not published; published are: {', '.join(published)}")
    count = last or (1 if period else len(published))
    wanted = [each for each in published if period is None or each <= period][-count:]
    stale = _behind(lake, settings, wanted)
    current = [each for each in wanted if each not in stale]
    chosen = wanted if period or last or not current else current
    found = kept(lake)
    work = walk.plan(lake, settings, chosen).rows
    if work and not found:  # a refused delivery is judged again by every run, so it is always planned
        told = ", ".join(dict.fromkeys(f"{row.asset} ({row.reason})" for row in work))
        raise MmrecError(
            f"the sources, the settings or the code have changed since the last run: {told}; `mmrec plan` says more, "
            f"`mmrec run` brings the lake up to date, then it can be verified"
        )
    return Scope(chosen, sorted(set(published) - set(chosen)), found)


def kept(lake: Lake) -> dict[str, list[str]]:
    """asset → its periods with rows of an earlier delivery: the newest was refused, as a file or by its contract."""
    refused = lake.scan(tables.LANDING).filter(pl.col("refused").is_not_null()).select(source_file="file")
    raw = (
        lake.scan(tables.RAW_INTERACTIONS).join(refused, on="source_file", how="semi").select(pl.col("period").unique())
    )
    judged = verdicts.judged_periods(lake, tables.VALIDATED_INTERACTIONS)
    found = {
        tables.RAW_INTERACTIONS: raw.collect()["period"].sort().to_list(),
        tables.VALIDATED_INTERACTIONS: sorted(each for each, published in judged.items() if not published),
    }
    return {asset: each for asset, each in found.items() if each}


def _behind(lake: Lake, settings: Settings, wanted: list[str]) -> set[str]:
    """The periods of which some part would be made again from what is in the lake now."""
    stale: set[str] = set()
    for node in nodes(settings):
        if node.stage in ANSWERS and node.partitioned and node.asset != SNAPSHOT:
            acting = lake.acting_as(node.asset, node.code_version)
            stale |= set(wanted) - set(publishing.unchanged(acting, node.keys(acting, settings, wanted)))
    return stale
