"""How long `mmrec why` and `mmrec impact` take on a synthetic lake. Prints figures, judges none.

    python -m bench.impact [folder]      a made-up lake of 1,000,000 events, kept in the folder where one is named

Warm: asked in one process, the median of 15, each time of another person, item or file. Cold: the command itself,
imports included, the median of 3. The lake is made by `bench/made.py`: nothing in it was computed from anything.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.made import Size, settings, write
from mmrec import periods
from mmrec.lake.store import Lake
from mmrec.queries import impact, why
from mmrec.settings import Settings

TIMES, COLD_TIMES = 15, 3
Question = Callable[[Lake, Settings, str], object]
# What is asked, by the command, with what, and by the library.
QUESTIONS: list[tuple[str, str, Question]] = [
    ("why --user", "person-{:06}", why.why),
    ("impact --item", "item-{:06}", impact.of_item),
    ("impact --file", "item-{:06}.png", impact.of_file),
    ("impact --file", "events/{week}.csv", impact.of_file),
]


def main() -> None:
    """Write the lake where there is none, ask, print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).resolve()
        if not (folder / "lake").exists():
            write(folder)
        measure(folder)


def measure(folder: Path) -> None:
    """Every question, warm and cold."""
    size, made = Size(), settings(folder)
    print(
        f"synthetic: {size.events:,} events of {size.people:,} people on {size.items:,} items in {size.weeks} weeks, "
        f"lists of {size.k} as of {size.published} of them; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    lake, weeks = Lake(made.lake_root), periods.keys(made.calendar)
    for command, named, ask in QUESTIONS:
        about = [named.format(at * 97, week=weeks[at]) for at in range(TIMES + 1)]
        walls, cpus = zip(*[timed(lambda ask=ask, of=of: ask(lake, made, of)) for of in about], strict=True)
        warm, cpu = (statistics.median(each[1:]) * 1e3 for each in (walls, cpus))
        cold = statistics.median(timed(lambda c=command, of=of: typed(folder, c, of))[0] for of in about[:COLD_TIMES])
        print(f"  mmrec {command} {named:18} warm {warm:5.0f} ms ({cpu:.0f} CPU ms), cold {cold:.2f} s")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; CPU of this process alone."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def typed(folder: Path, command: str, of: str) -> None:
    """The command, in a process of its own."""
    environment = {**os.environ, "MMREC_CONFIG": str(folder / "mmrec.toml")}
    arguments = [sys.executable, "-m", "mmrec_assets.cli.command", *command.split(), of]
    subprocess.run(arguments, env=environment, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
