"""What happens without a click: the schedule that refreshes the newest landed period.

Here: when a run is asked for, and why not. Not here: what a run does, nor alerts (`alerts.py`).
"""

import dagster as dg

from mmrec.errors import MmrecError
from mmrec.lake import Lake
from mmrec.settings import Settings
from mmrec.stages import raw
from mmrec_assets.jobs import REFRESH

LANDED_TAG = "mmrec/landed"  # digest of the files that a scheduled run was asked for


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
    try:
        period, digest = raw.landed_digest(Lake(settings.lake_root), settings)
    except MmrecError as error:
        return dg.SkipReason(str(error))
    if period is None:
        return dg.SkipReason("no event file holds a row of a configured period")
    earlier = instance.get_run_records(dg.RunsFilter(tags={LANDED_TAG: digest}), limit=1)
    if earlier:
        run = earlier[0].dagster_run
        return dg.SkipReason(f"nothing new landed since run {run.run_id[:8]} ({run.status.value}) for period {period}")
    return dg.RunRequest(run_key=f"{period}:{digest}", partition_key=period, tags={LANDED_TAG: digest})
