"""Which landing a run is judged against: the one that it has read itself, whatever others land beside it.

Complete history or nothing (`mmrec/published/events.py`) is demanded of what had landed when a run looked.
`raw/interactions` notes that as a tag of its run; the later assets of the run read it, and a command of several runs
hands it on. A run without it is judged against what has landed when its assets look. Here: the tag, and the lake as it
shows that landing. Not here: landing, nor the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import dagster as dg
import polars as pl

from mmrec import tables
from mmrec.builds.report import StageReport
from mmrec.lake.store import Lake
from mmrec.quality import verdicts
from mmrec_assets.running import tags as run_tags

TAG = "mmrec/landing"


@dataclass(frozen=True)
class Landing:
    """A version of the ledger of what landed. `left`: periods of it that came too late for the run that read it."""

    version: int
    left: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run_id: str, tags: Mapping[str, str]) -> Landing | None:
        """The landing that a run's tags name; None where they name none."""
        found = run_tags.read(TAG, run_id, tags)
        return None if found is None else cls(**found)

    def tags(self, run_id: str) -> dict[str, str]:
        """As tags of a run that is judged against it."""
        return run_tags.own(TAG, run_id, asdict(self))

    def without_late(self, lake: Lake, taken: Sequence[str]) -> Landing:
        """The same without periods that landed after a run had chosen the ones it takes, and that nobody has judged."""
        landed = lake.scan(tables.LANDING, self.version).filter(pl.col("rows") > 0).select("period").unique().collect()
        judged = verdicts.judged_periods(lake, tables.VALIDATED_INTERACTIONS)
        return Landing(self.version, sorted({*landed["period"]} - {*taken} - {*judged}))

    def shown(self, lake: Lake) -> Lake:
        """The lake with this landing in place of the newest one."""
        return lake.showing(
            {tables.LANDING: lake.scan(tables.LANDING, self.version).filter(~pl.col("period").is_in(self.left))}
        )


def note(context: dg.AssetExecutionContext, report: StageReport) -> None:
    """Tags the run with the landing that `raw/interactions` has read."""
    version = report.inputs.get(tables.LANDING)
    if version is not None:
        context.instance.add_run_tags(context.run.run_id, Landing(version).tags(context.run.run_id))


def of_run(instance: dg.DagsterInstance, run_id: str) -> Landing | None:
    """The landing that a run is judged against, as it is noted by now."""
    run = instance.get_run_by_id(run_id)
    return None if run is None else Landing.of(run.run_id, run.tags)
