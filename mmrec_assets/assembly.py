"""The only module that knows every room and puts the graph together.

Here: assembly, from settings that are handed in. Not here: anything that an asset, a check or a sensor does.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from checks import drift, neighbours, qualification, vectors
from checks import model as quality
from mmrec.settings import Settings
from mmrec_assets import declared, sources
from mmrec_assets.assets import assets
from mmrec_assets.running import alerts, automation, jobs, partitions, slots
from resources.lake import LakeResource
from resources.notifier import Notifier


def build_defs(
    settings: Settings,
    *,
    lake: LakeResource | None = None,
    notifier: Notifier | None = None,
    executor: str = "in-process",
) -> dg.Definitions:
    """Every definition of a data set; what a test wants otherwise is handed in."""
    executor_def = jobs.executor(executor)
    with _without_stability_warnings():
        made = assets(settings)
        model_checks = quality.definitions(partitions.of(settings.calendar))
    return dg.Definitions(
        assets=[*dg.map_asset_specs(declared.policies(settings), made), *sources.specs(settings)],
        asset_checks=[
            *vectors.definitions(settings),
            *qualification.definitions(settings),
            *drift.definitions(),
            *model_checks,
            *neighbours.definitions(),
        ],
        jobs=[jobs.refresh(executor_def)],
        schedules=[automation.schedule(settings)],
        sensors=[alerts.sensor(), slots.sensor()],
        resources={"lake": lake or LakeResource(root=settings.lake_root), "notifier": notifier or _notifier(settings)},
        executor=executor_def,
    )


@contextmanager
def _without_stability_warnings() -> Iterator[None]:
    """Keeps quiet about exactly three things that the graph uses knowingly and tests pin down.

    `allow_nonexistent_upstream_partitions` (Beta) lets the first period have a history that begins before the calendar,
    `backfill_policy` (Beta) makes a backfill of many periods one run, and `partitions_def` on a check (Preview) gives
    each period a verdict of its own.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*allow_nonexistent_upstream_partitions", dg.BetaWarning)
        warnings.filterwarnings("ignore", "Parameter `backfill_policy` of function `asset`", dg.BetaWarning)
        warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
        yield


def _notifier(settings: Settings) -> Notifier:
    """Alerts go where `MMREC_ALERTS` says; the addresses are secret, so Dagster keeps the variable's name only."""
    targets = dg.EnvVar("MMREC_ALERTS") if os.environ.get("MMREC_ALERTS") else ""
    return Notifier(targets=targets, log_file=str(settings.home / "alerts.log"))
