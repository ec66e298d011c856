"""What it costs to switch to another encoder and back, against a run that finds nothing to do. Judges nothing.

    python -m bench.switched [items]      2,000 made items with a text, encoders that cost next to nothing

Everything up to the fused vectors, in one process, by a lake that is opened anew each time; both encoders have met all
items before. CPU seconds, medians of 15, a switch and a run without work in turn.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import cpu, line
from bench.recompute import STAGES, settings_of, write_catalogue
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.settings import Settings

ITEMS, TIMES = 2_000, 15


def main() -> None:
    """Both encoders meet the items; then they take turns."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}; {items:,} items")
    with tempfile.TemporaryDirectory(prefix="mmrec-bench-") as folder:
        write_catalogue(Path(folder), [f"text number {n}" for n in range(items)], pictures=False)
        one, other = settings_of(Path(folder), text="hash:64"), settings_of(Path(folder), text="hash:32")
        for settings in (one, other, one):
            run(settings)
        nothing, switched = [], []
        for _ in range(TIMES):
            nothing.append(cpu(lambda settings=one: run(settings)))
            one, other = other, one
            switched.append(cpu(lambda settings=one: run(settings)))
    found = [statistics.median(each) for each in (nothing, switched)]
    line("nothing changed", found[0])
    line("the encoder switched back", found[1])
    line("switched back / nothing changed", found[1] / found[0], "", 2)


def run(settings: Settings) -> None:
    """Every stage up to the fused vectors."""
    lake = Lake(settings.lake_root)
    for node in graph.nodes(settings):
        if node.stage in STAGES and node.name not in ("interactions", "users"):
            node.run(lake, settings, []).raise_if_refused()


if __name__ == "__main__":
    main()
