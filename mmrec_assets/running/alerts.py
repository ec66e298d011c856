"""Alerts: one sensor over finished runs that tells of every failed check, whatever its severity, and every failed run.

A run-failure sensor would never hear of a warning, so this one reads finished runs in the order they ended.
Here: what is worth an alert and its words. Not here: delivery (`resources/notifier.py`). No person's id is in a
message: expectations speak of counts, and of an unexpected error only its kind is told.
"""

import datetime as dt
import json
from collections.abc import Container
from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from mmrec import tables
from mmrec_assets.owners import owner
from resources.notifier import Notifier

_OVERLAP_SECONDS = 60.0  # a run may be stored a little after the time that it says it ended
_RUNS_A_TICK = 50
_PERIODS_SHOWN = 5
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_REJECTING = ("raw", "validated", "embeddings")  # stages whose bad rows `mmrec rejected` shows


@dataclass(frozen=True)
class Alert:
    """One message."""

    title: str
    body: str


def sensor() -> dg.SensorDefinition:
    """The alert sensor. It runs from the first day: without targets it only writes a log file."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the targets of MMREC_ALERTS, and a log file, of failed checks and failed runs.",
    )
    def alerts(context: dg.SensorEvaluationContext, notifier: Notifier) -> dg.SkipReason:
        cursor, told, missed = look(context.instance, notifier, context.cursor)
        context.update_cursor(cursor)
        return dg.SkipReason(
            f"{told} alerts" + (f"; {missed} could not be delivered, see the log file" if missed else "")
        )

    return alerts


def look(instance: dg.DagsterInstance, notifier: Notifier, cursor: str | None) -> tuple[str, int, int]:
    """Tells of the runs that ended since the cursor; the new cursor, alerts sent, and alerts not delivered everywhere.

    The first look only notes the time. The cursor holds the newest end that was told and the runs told within the
    overlap before it, so that a run is told once, whatever later touches its record.
    """
    if cursor is None:
        return _cursor(dt.datetime.now(dt.UTC).timestamp() + _OVERLAP_SECONDS, {}), 0, 0
    state = json.loads(cursor)
    newest, seen = state["newest"], dict(state["seen"])
    told = missed = 0
    for ended, run in _ended_since(instance, newest - _OVERLAP_SECONDS, seen):
        for alert in of_run(instance, run):
            told += 1
            missed += bool(notifier.send(alert.title, alert.body))
        newest = max(newest, ended)
        seen[run.run_id] = ended
    return _cursor(newest, seen), told, missed


def of_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[Alert]:
    """Everything worth telling about one finished run."""
    told = [_check_alert(run, failed) for failed in _failed_checks(instance, run)]
    return [*told, _run_alert(instance, run)] if run.status == dg.DagsterRunStatus.FAILURE else told


def _cursor(newest: float, seen: dict[str, float]) -> str:
    recent = {run_id: ended for run_id, ended in seen.items() if ended > newest - _OVERLAP_SECONDS}
    return json.dumps({"newest": newest, "seen": recent})


def _ended_since(instance: dg.DagsterInstance, since: float, seen: Container[str]) -> list[tuple[float, dg.DagsterRun]]:
    """The first finished runs after `since` that were not seen, in the order they ended."""
    wanted = dg.RunsFilter(statuses=_FINISHED, updated_after=dt.datetime.fromtimestamp(since, dt.UTC))
    records = [
        (record.end_time or record.update_timestamp.timestamp(), record.dagster_run)
        for record in instance.get_run_records(wanted)
    ]
    fresh = [(ended, run) for ended, run in records if ended > since and run.run_id not in seen]
    return sorted(fresh, key=lambda pair: pair[0])[:_RUNS_A_TICK]


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[list[dg.AssetCheckEvaluation]]:
    """The failed evaluations of a run, a list a check. A period's own verdict stands for the run's sum over periods."""
    by_check: dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]] = {}
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        assert event is not None
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            by_check.setdefault(evaluation.asset_check_key, []).append(evaluation)
    return [[each for each in found if each.partition] or found for found in by_check.values()]


def _check_alert(run: dg.DagsterRun, failed: list[dg.AssetCheckEvaluation]) -> Alert:
    asset = "/".join(failed[0].asset_key.path)
    name, periods = failed[0].check_name, [each.partition for each in failed if each.partition]
    lines = [f"{each.partition + ': ' if each.partition else ''}{each.description}" for each in failed[:_PERIODS_SHOWN]]
    more = [f"and {len(failed) - _PERIODS_SHOWN} more periods"] if len(failed) > _PERIODS_SHOWN else []
    period = periods[0] if periods else run.tags.get("dagster/partition")
    severity = "error" if any(each.severity == dg.AssetCheckSeverity.ERROR for each in failed) else "warning"
    where = f" in {', '.join(periods[:_PERIODS_SHOWN])}" if periods else ""
    return Alert(
        f"mmrec: check {name} of {asset} failed{where} ({severity})",
        "\n".join([*lines, *more, f"owner: {owner(asset)}", f"look: {_command(asset, period)}", f"run: {run.run_id}"]),
    )


def _command(asset: str, period: str | None) -> str:
    """The command that shows the rows in question."""
    if asset.partition("/")[0] in _REJECTING:
        return "mmrec rejected" + (f" --period {period}" if period else "")
    table = tables.main_table(asset)
    where = f" WHERE period = '{period}'" if period and "period" in table.columns else ""
    return f'mmrec sql "SELECT * FROM {tables.view(table.name)}{where}"'


def _run_alert(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    """A failed run: of an error that a person is meant to read the words, of any other only its kind."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    events = [record.event_log_entry.dagster_event for record in records]
    lines = [f"{event.step_key}: {_why(event.step_failure_data)}" for event in events if event is not None]
    owners = sorted({owner(event.step_key.replace("__", "/")) for event in events if event and event.step_key})
    period = run.tags.get("dagster/partition")
    return Alert(
        f"mmrec: run of {run.job_name} failed" + (f" for {period}" if period else ""),
        "\n".join(
            [
                *(lines or ["no step failed: the run was stopped, or its process died"]),
                f"owner: {', '.join(owners) or owner('')}",
                f"look: the run's page, {run.run_id}" + (f"; mmrec rejected --period {period}" if period else ""),
            ]
        ),
    )


def _why(failure: StepFailureData) -> str:
    said = failure.user_failure_data
    if said is not None and said.description:
        return said.description
    error = failure.error
    cause = error.cause if error and error.cause else error
    return f"an unexpected {cause.cls_name if cause else 'error'}; the run's page has the details"
