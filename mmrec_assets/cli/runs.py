"""Runs from the command line: the same job, instance and events as in the UI.

Here: which periods a run asks for, running in this process, and what it says afterwards. Not here: what a person sees
while it runs (`progress.py`), nor any work.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import dagster as dg
import polars as pl
from dagster._core.events import EngineEventData, RunFailureReason
from dagster._utils.error import SerializableErrorInfo

from mmrec.lake.store import Lake
from mmrec.planning import plan, walk
from mmrec.planning.graph import nodes
from mmrec.settings import Settings
from mmrec_assets import terminal
from mmrec_assets.assembly import build_defs
from mmrec_assets.running import landing, slots
from mmrec_assets.running.events import STORAGE
from mmrec_assets.running.instance import home, instance_of
from mmrec_assets.running.jobs import REFRESH
from mmrec_assets.running.landing import Landing
from mmrec_assets.running.processes import Process
from mmrec_assets.showing import display

_COUNTS = ("rows_computed", "rows_reused", "rows_removed", "rows_rejected")
Listener = Callable[[str, str, "dg.DagsterInstance"], None]  # run id, title, instance: called before each run


@dataclass
class Outcome:
    """What one asset did in a run, summed over its periods."""

    asset: str
    seconds: float = 0.0
    rows_computed: int = 0
    rows_reused: int = 0
    rows_removed: int = 0
    rows_rejected: int = 0


@dataclass
class Ran:
    """All runs of one command: outcomes by asset in order, messages of what failed, and warnings, each once."""

    outcomes: list[Outcome]
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False  # a folder cannot be used, so that no further run can go well


def _tell(line: str) -> None:
    terminal.errors().print(line)


def run(
    settings: Settings,
    served: list[str],
    before: Listener | None = None,
    *,
    planned: plan.Plan | None = None,
    retry_failed: bool = False,
    tell: slots.Tell = _tell,
    wait_seconds: float = slots.WAIT_SECONDS,
) -> Ran:
    """Three runs: what landed, content and events of every period with work, then model and lists for `served`.

    A refused file or period fails its run and is told at the end; the next run goes on with what is published, as a
    later run from the UI would. All are judged against what the first has landed. `planned` is attached to each run:
    what was known before it was paid for. `tell` says at once what a run waits for, at most `wait_seconds`, and what
    dead runs have left.
    """
    folder = home(settings)
    assets = [node.asset for node in nodes(settings)]
    lake, landed = Lake(settings.lake_root), None
    events = walk.event_periods(lake, settings)
    job = build_defs(settings).resolve_job_def(REFRESH)
    ran = Ran([Outcome(asset) for asset in assets])
    with instance_of(folder) as instance, slots.bounded(instance, tell, wait_seconds) as waiting:
        for line in slots.clear(instance):
            tell(line)
        for title, stages in _STEPS.items():
            wanted = served if "model" in stages else events
            run_id = str(uuid.uuid4())
            _announce(instance, run_id, title, stages, before, planned)
            mine = [asset for asset in assets if asset.partition("/")[0] in stages]
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                asset_selection=[dg.AssetKey(asset.split("/")) for asset in mine],
                tags=_tags(run_id, wanted, landed),
                run_config=_config(mine, retry_failed),
                raise_on_error=False,
            )
            _collect(instance, result, ran, waiting)
            if ran.stopped:
                break
            if "raw" in stages:
                landed = _landed(instance, lake, run_id, events, ran)
    return ran


_STEPS = {
    "landing": ("raw",),
    "content and events": ("validated", "embeddings", "fused"),
    "model and recommendations": ("model", "recommendations"),
}


def _announce(
    instance: dg.DagsterInstance,
    run_id: str,
    title: str,
    stages: tuple[str, ...],
    before: Listener | None,
    planned: plan.Plan | None,
) -> None:
    """Says that a run is about to begin, and attaches what was planned of it."""
    if before is not None:
        before(run_id, title, instance)
    if planned is not None:
        _attach(instance, run_id, planned, stages)


def _tags(run_id: str, wanted: list[str], landed: Landing | None) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": wanted[0],
        "dagster/asset_partition_range_end": wanted[-1],
        "dagster/max_retries": "0",  # the daemon does not know this process, and cannot begin it again
        **(process.tags(run_id) if (process := Process.this()) else {}),
        **(landed.tags(run_id) if landed else {}),
    }


def _config(assets: list[str], retry_failed: bool) -> dict[str, Any]:
    asked = {"config": {"retry_failed": retry_failed}}
    encoding = [asset for asset in assets if asset.startswith("embeddings/")]
    return {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the UI has the events
        "ops": {asset.replace("/", "__"): asked for asset in encoding},
    }


def _landed(instance: dg.DagsterInstance, lake: Lake, run_id: str, taken: list[str], ran: Ran) -> Landing | None:
    """What the first run has landed, for the ones behind it."""
    landed = landing.of_run(instance, run_id)
    if landed is None:
        return None
    landed = landed.without_late(lake, taken)
    if landed.left:
        count = f"{len(landed.left)} periods" if len(landed.left) > 1 else "1 period"
        span = " … ".join(dict.fromkeys((landed.left[0], landed.left[-1])))
        late = f"{count} landed while this run went on ({span}): type `mmrec run` again"
        ran.warnings.append(f"raw/interactions: {late}")
    return landed


def _attach(instance: dg.DagsterInstance, run_id: str, planned: plan.Plan, stages: tuple[str, ...]) -> None:
    """Puts the plan of these stages into the run's log, where the UI shows it beside what happened."""
    rows = [row for row in planned.rows if row.asset.partition("/")[0] in stages]
    frame = pl.DataFrame([row.as_dict() for row in rows], infer_schema_length=None)
    shown = frame.drop("by_period") if rows else frame
    instance.report_engine_event(
        f"the plan before this run: {len(rows)} rows of work" if rows else "the plan before this run: nothing to do",
        job_name=REFRESH,
        run_id=run_id,
        engine_event_data=EngineEventData({"plan": display.shown(shown)}),
    )


def leave(code: int) -> NoReturn:
    """Ends the process after a run. Modules are not torn down: DuckDB's bindings print leaks of their own there."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _collect(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, ran: Ran, waiting: slots.Waiting) -> None:
    """Adds what one run did, failed at and warned of."""
    by_asset = {outcome.asset: outcome for outcome in ran.outcomes}
    # A period may have two events, the step's own and one with its own data version: the newest counts.
    newest: dict[tuple[str, str | None], dg.AssetMaterialization] = {}
    records = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    for record in records:
        found = record.event_log_entry.asset_materialization
        if found is not None:
            newest["/".join(found.asset_key.path), found.partition] = found
    for (asset, _), materialized in newest.items():
        if asset not in by_asset:
            continue
        for count in _COUNTS:
            value = materialized.metadata.get(count)
            number = value.value if isinstance(value, dg.IntMetadataValue) else 0
            setattr(by_asset[asset], count, getattr(by_asset[asset], count) + (number or 0))
    for event in result.all_events:
        if event.is_step_success and event.step_key:
            asset = event.step_key.replace("__", "/")
            if asset in by_asset:
                by_asset[asset].seconds += event.step_success_data.duration_ms / 1000
    ran.failures.extend(_failures(result, waiting))
    ran.warnings.extend(warned for warned in _warnings(instance, result) if warned not in ran.warnings)
    if of_storage := [_message(event) for event in result.all_events if _is_of_storage(event)]:
        ran.stopped, ran.failures = True, list(dict.fromkeys(of_storage))  # the others follow from it


def _failures(result: dg.ExecuteInProcessResult, waiting: slots.Waiting) -> list[str]:
    """Why the run failed, a message a step; or why it ended without a step that failed. Raises after Ctrl-C."""
    messages = [_message(event) for event in result.all_events if event.is_step_failure]
    for event in result.all_events:
        if event.is_run_failure:
            data = event.job_failure_data
            if data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION:
                raise KeyboardInterrupt
            messages = messages or [waiting.given_up or f"the run failed: {_kind(data.error)}; `mmrec ui` shows where"]
    return messages


def _warnings(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    """What the run's assets have warned of, also those that failed: each once, with the asset's name."""
    warned: dict[str, str] = {}  # several assets may warn of the same
    records = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    found = [each.event_log_entry.asset_materialization for each in records]
    told = [("/".join(each.asset_key.path), each.metadata) for each in found if each is not None]
    for event in result.all_events:
        if event.is_step_failure and (failure := event.step_failure_data.user_failure_data) and event.step_key:
            told.append((event.step_key.replace("__", "/"), failure.metadata))
    for asset, metadata in told:
        for line in display.warnings(metadata):
            warned.setdefault(line, asset)
    return [f"{asset}: {line}" for line, asset in warned.items()]


def _is_of_storage(event: dg.DagsterEvent) -> bool:
    failure = event.step_failure_data.user_failure_data if event.is_step_failure else None
    return failure is not None and STORAGE in failure.metadata


def _message(event: dg.DagsterEvent) -> str:
    """What failed, in one line: the stage's own words, without a traceback."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    return f"{(event.step_key or 'a step').replace('__', '/')}: {_kind(data.error)}; `mmrec ui` shows where"


def _kind(error: SerializableErrorInfo | None) -> str:
    """What kind of error it was. Where nobody worded it, it may quote a value, and no more is told."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "an unknown error"
    worded = re.match(r"mmrec\.[\w.]+: (.+)", error.message)  # an error of the project's own
    return worded.group(1) if worded else error.cls_name or "an error"
