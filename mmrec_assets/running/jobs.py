"""Jobs: one that refreshes everything for a period.

Here: what a job selects and how it runs. Not here: when it runs (`automation.py`).
"""

from typing import TYPE_CHECKING

import dagster as dg

from mmrec.errors import SettingsError

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

REFRESH = "refresh"
_SIX_HOURS = str(6 * 3600)
_EXECUTORS = {"in-process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


def executor(name: str) -> dg.ExecutorDefinition:
    """The executor called `name`; in one process an encoder stays loaded and a step costs least."""
    if name not in _EXECUTORS:
        raise SettingsError(f"MMREC_EXECUTOR: found '{name}'; allowed: {', '.join(_EXECUTORS)}")
    return _EXECUTORS[name]


def refresh(executor_def: dg.ExecutorDefinition) -> "UnresolvedAssetJobDefinition":
    """Every asset, from raw to recommendations, for the run's period."""
    return dg.define_asset_job(
        REFRESH,
        selection=dg.AssetSelection.all(),
        description="From landed files to published lists, for one period or a range.",
        executor_def=executor_def,
        run_tags={"dagster/max_runtime": _SIX_HOURS},
    )
