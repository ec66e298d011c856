"""What a run of every asset in Dagster costs where nothing has changed: in one process, after imports.

    python -m bench.noop      after `make demo`, on its lake, which stays as it is

CPU seconds, all threads together: one run of the job over all assets for the newest period, as the UI starts it; and
what `mmrec run` does, which is planning and three such runs of some assets each.
"""

import os
import tempfile
import time

import dagster as dg

from bench.measuring import cpu, line, median
from demo import config
from mmrec.lake.store import Lake
from mmrec.planning import graph, walk
from mmrec.settings import Settings, load
from mmrec_assets.assembly import build_defs
from mmrec_assets.cli import runs
from mmrec_assets.cli.shell import served_periods
from mmrec_assets.running.instance import home
from mmrec_assets.running.jobs import REFRESH

TIMES = 5
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    """Asks twice for what is there already, and times the later runs."""
    settings = load(config.path())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DAGSTER_HOME"] = folder
        home(settings)
        measure(settings)


def measure(settings: Settings) -> None:
    """The first run of each kind imports what is needed, and is not counted."""
    served = served_periods(settings, None, 1)
    job = build_defs(settings).resolve_job_def(REFRESH)

    def everything() -> None:
        with dg.DagsterInstance.get() as instance:
            tags = {"dagster/partition": served[0]}
            assert job.execute_in_process(instance=instance, tags=tags, run_config=QUIET).success

    def command() -> None:
        lake = Lake(settings.lake_root)
        ran = runs.run(settings, served, planned=walk.plan(lake, settings, served))
        assert not ran.failures
        assert sum(outcome.rows_computed for outcome in ran.outcomes) == 0

    command()
    everything()
    assets = len(graph.nodes(settings))
    print(f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; nothing changed, {assets} assets")
    line("one run over all assets", median(lambda: cpu(everything), TIMES), bar=3)
    line("`mmrec run`: plan and three runs", median(lambda: cpu(command), TIMES))


if __name__ == "__main__":
    main()
