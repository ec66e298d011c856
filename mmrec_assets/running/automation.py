"""What happens without a click: a schedule for the newest landed period, and conditions that pass changes on.

Here: when a run is asked for, and why not. Both are stopped until somebody starts them. Not here: what a run does, nor
alerts (`alerts.py`).
"""

from typing import Any

import dagster as dg

from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.settings import Settings
from mmrec.stages.raw import deliveries
from mmrec_assets.running.jobs import REFRESH

AC = dg.AutomationCondition
LANDED_TAG = "mmrec/landed"  # digest of the files that a scheduled run was asked for
_UNSUCCESSFUL = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)  # asked for again at the next tick


def condition(stage: str) -> dg.AutomationCondition[Any] | None:
    """When an asset is made without a click: something it rests on has another data version, not merely a new event.

    `AutomationCondition.eager()` fires on every re-materialization, looks at the newest time window alone, and waits
    for ever for an upstream period that was never materialized; so these three parts of it are other ones. That a
    change was seen is remembered until it is handled. Of model and lists only periods that are there are made again:
    a new one is what the schedule asks for. What is landed has no condition: it rests on files.
    """
    if stage in ("raw", "sources"):
        return None
    eager: Any = AC.eager()  # whose parts can be left out, which its declared type does not say
    moved = AC.any_deps_match(AC.data_version_changed() | AC.will_be_requested()).with_label("any_deps_changed")
    found = eager.replace("any_deps_updated", moved).without(AC.in_latest_time_window())
    found = found.without(~AC.any_deps_missing().with_label("any_deps_missing"))
    found = found & ~AC.missing() if stage in ("model", "recommendations") else found
    return found.with_label("what it rests on has other data")


def schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Asks for the newest landed period, once for each state of the source files; stopped until somebody starts it."""

    @dg.schedule(
        name="refresh_newest_landed_period",
        job_name=REFRESH,
        cron_schedule=settings.schedule.cron,
        execution_timezone=settings.schedule.timezone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Refreshes the newest landed period, from raw to recommendations, when something new landed.",
    )
    def refresh_newest_landed_period(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return request(context.instance, settings)

    return refresh_newest_landed_period


def request(instance: dg.DagsterInstance, settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """A run for the newest landed period, or the reason why there is none to ask for."""
    lake = Lake(settings.lake_root)
    try:
        period, digest = deliveries.landed_digest(lake, settings)
        behind = [each for each in walk.event_periods(lake, settings) if period and each <= period]
    except MmrecError as error:
        return dg.SkipReason(str(error))
    if period is None:
        return dg.SkipReason("no event file holds a row of a configured period")
    earlier = instance.get_run_records(dg.RunsFilter(tags={LANDED_TAG: digest}))
    settled = [record.dagster_run for record in earlier if record.dagster_run.status not in _UNSUCCESSFUL]
    if settled:
        run = settled[0]
        return dg.SkipReason(f"nothing new landed since run {run.run_id[:8]} ({run.status.value}) for period {period}")
    # A tick that was missed, or a late file, leaves older periods with work: one run takes all of them.
    first = min([*behind, period])
    key = f"{first}:{period}:{digest}:{len(earlier)}"
    if first == period:
        return dg.RunRequest(run_key=key, partition_key=period, tags={LANDED_TAG: digest})
    span = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": period}
    return dg.RunRequest(run_key=key, tags={LANDED_TAG: digest, **span})
