"""How near the plan's seconds come to the run's, on copies of the demo: for an idle machine. Judges nothing.

    python -m bench.foretold [times]      after `make demo`

A new week lands, one film's title is edited, the edit is undone; each is planned and then run, on a new copy each time.
Medians of wall seconds, imports not counted, and the differences: those of a machine that is as busy as when the lake
was made say something, others do not.
"""

import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable

from demo import config, tour
from mmrec import periods
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.settings import Settings, load
from mmrec_assets.cli.runs import leave, run

TIMES = 5
STORY = tour.FILMS
STEPS: dict[str, Callable[[Settings], object]] = {
    "a new week": lambda copy: shutil.move(copy.data / STORY.arrives, copy.data / STORY.lands),
    "an edited title": lambda copy: tour.edit(copy, STORY.item, STORY.old, STORY.new),
    "the edit undone": lambda copy: tour.edit(copy, STORY.item, STORY.new, STORY.old),
}
_SECONDS, _SHARE = 2.0, 0.25  # what a plan may be off: one or the other


def main() -> None:
    """Plays the steps so many times."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    found: dict[str, list[tuple[float, float]]] = {step: [] for step in STEPS}
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}; wall seconds", flush=True
    )
    settings = load(config.path())
    for _ in range(times):
        with tour.copied(settings, STORY) as copy:
            for step, change in STEPS.items():
                change(copy)
                found[step].append(_foretold_and_taken(copy))
    for step, pairs in found.items():
        told, took = (statistics.median(each) for each in zip(*pairs, strict=True))
        off = statistics.median(abs(told - took) for told, took in pairs)
        near = sum(abs(told - took) <= max(_SECONDS, _SHARE * took) for told, took in pairs)
        print(
            f"  {step:18} planned {told:6.1f}   took {took:6.1f}   off by {off:5.1f}   near in {near} of {len(pairs)}"
        )


def _foretold_and_taken(settings: Settings) -> tuple[float, float]:
    wanted = [periods.newest(settings.calendar)]
    planned = walk.plan(Lake(settings.lake_root), settings, wanted)
    ran = run(settings, wanted, planned=planned)
    assert not ran.failures, ran.failures
    return planned.seconds, sum(each.seconds for each in ran.outcomes)


if __name__ == "__main__":
    main()
    leave(0)
