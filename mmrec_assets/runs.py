"""Runs from the command line: the same job, instance and events as in the UI.

Here: DAGSTER_HOME, which periods a run asks for, running in this process, and what it says afterwards. Not here: what a
person sees while it runs (`cli.py`), nor any work.
"""

from __future__ import annotations

import atexit
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import dagster as dg
import polars as pl
from dagster._core.events import EngineEventData

from mmrec import plan
from mmrec.graph import nodes
from mmrec.lake import Lake, local_folder
from mmrec.settings import HOME, PROJECT, Settings
from mmrec_assets import display
from mmrec_assets.definitions import build_defs
from mmrec_assets.jobs import REFRESH

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


@dataclass(frozen=True)
class Ran:
    """All runs of one command: outcomes by asset in order, and the messages of what failed."""

    outcomes: list[Outcome]
    failures: list[str]
    warnings: list[str]


def home(settings: Settings) -> Path:
    """DAGSTER_HOME: as set, else the folder `dagster` beside the lake, with the project's dagster.yaml in it."""
    lake = local_folder(settings.lake_root)
    ours = (HOME if lake is None else lake.parent) / "dagster"
    folder = Path(os.environ.setdefault("DAGSTER_HOME", str(ours)))
    folder.mkdir(parents=True, exist_ok=True)
    told, here = (PROJECT / "dagster.yaml").read_text(), folder / "dagster.yaml"
    if not here.exists() or (folder == ours and here.read_text() != told):
        here.unlink(missing_ok=True)
        here.write_text(told)
    return folder


def run(
    settings: Settings,
    served: list[str],
    before: Listener | None = None,
    *,
    planned: plan.Plan | None = None,
    retry_failed: bool = False,
) -> Ran:
    """Three runs: what landed, content and events of every period with work, then model and lists for `served`.

    A refused file or period fails its run and is told at the end; the next run goes on with what is published, as a
    later run from the UI would. `planned` is attached to each run: what was known before it was paid for.
    """
    home(settings)
    assets = [node.asset for node in nodes(settings)]
    events = plan.event_periods(Lake(settings.lake_root), settings)
    job = build_defs(settings).resolve_job_def(REFRESH)
    ran = Ran([Outcome(asset) for asset in assets], [], [])
    with dg.DagsterInstance.get() as instance:
        for title, stages, wanted in (
            ("landing", ("raw",), events),
            ("content and events", ("validated", "embeddings", "fused"), events),
            ("model and recommendations", ("model", "recommendations"), served),
        ):
            run_id = str(uuid.uuid4())
            if before is not None:
                before(run_id, title, instance)
            if planned is not None:
                _attach(instance, run_id, planned, stages)
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                asset_selection=[dg.AssetKey(a.split("/")) for a in assets if a.partition("/")[0] in stages],
                tags={
                    "dagster/asset_partition_range_start": wanted[0],
                    "dagster/asset_partition_range_end": wanted[-1],
                },
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the UI has the events
                    "ops": {
                        asset.replace("/", "__"): {"config": {"retry_failed": retry_failed}}
                        for asset in assets
                        if asset.startswith("embeddings/") and "embeddings" in stages
                    },
                },
                raise_on_error=False,
            )
            _collect(instance, result, ran)
    return ran


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


def _collect(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, ran: Ran) -> None:
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
        if event.is_step_failure:
            ran.failures.append(_message(event))
        if event.is_step_success and event.step_key:
            asset = event.step_key.replace("__", "/")
            if asset in by_asset:
                by_asset[asset].seconds += event.step_success_data.duration_ms / 1000


def _message(event: dg.DagsterEvent) -> str:
    """What failed, in one line: the stage's own words, without a traceback."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    # An error that nobody worded may quote a value, so only its kind is told.
    kind = error.cls_name if error is not None else "an unknown error"
    return f"{event.step_key or 'a step'}: {kind}; `mmrec ui` shows where"
