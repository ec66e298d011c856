"""What an edited title of the demo costs, stage by stage, here and in another checkout. Prints figures, judges none.

    python -m bench.edited [other checkout [times]]      after `make demo` in each of them

Played on a copy of each checkout's own demo, made of links: everything is run once, which finds nothing to do; then one
film's title is edited, everything is run, the title is put back, and everything is run. CPU seconds of all threads, for
the newest week, in a process that has imported what is needed and without loading the encoder; medians, in turn.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
OLD, NEW = "Star Wars", "Star Wars, seen again"
STEPS = ("nothing", "edited", "undone")
TIMES = 3
_Found = dict[str, dict[str, float]]  # step → stage → CPU seconds


def main() -> None:
    """Plays it with each checkout in turn."""
    checkouts = [HERE, *(Path(path).resolve() for path in sys.argv[1:2])]
    times = int(sys.argv[2]) if len(sys.argv) > 2 else TIMES
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}; CPU seconds")
    played: dict[Path, list[_Found]] = {path: [] for path in checkouts}
    for path in checkouts * times:
        played[path].append(_played(path))
    for step in STEPS:
        stages = played[HERE][0][step]
        for stage in stages:
            tell(f"{step}: {stage}", [[run[step].get(stage, 0.0) for run in played[path]] for path in checkouts])
        tell(f"{step}: all", [[sum(run[step].values()) for run in played[path]] for path in checkouts])


def tell(name: str, sides: list[list[float]]) -> None:
    """One line: medians here and there, and their ratio."""
    medians = [statistics.median(side) for side in sides]
    ratio = f"   other {medians[1]:7.2f}   ratio {medians[0] / max(medians[1], 1e-9):.2f}" if len(medians) > 1 else ""
    print(f"  {name:32} {medians[0]:7.2f}{ratio}")


def _played(checkout: Path) -> _Found:
    with tempfile.TemporaryDirectory(dir=checkout / ".mmrec") as folder:
        _link(checkout, Path(folder))
        command = [sys.executable, str(Path(__file__).resolve()), "--play", folder]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _link(checkout: Path, folder: Path) -> None:
    """The demo in another folder: settings, data, lake and weights. No file of it is ever written to, only replaced."""
    for part in ("demo", "lake"):
        shutil.copytree(checkout / ".mmrec" / part, folder / ".mmrec" / part, copy_function=os.link)
    (folder / ".mmrec" / "weights").symlink_to((checkout / ".mmrec" / "weights").resolve())
    (folder / "demo").mkdir()
    (folder / "demo" / ".mmrec").symlink_to(folder / ".mmrec")  # where a checkout of before it was a setting looks
    shutil.copy(checkout / "demo" / "mmrec.toml", folder / "demo")


def play(folder: Path) -> None:
    """In a process of its own: prints the CPU seconds as JSON."""
    import great_expectations  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    from bench.measuring import Spent, watched
    from mmrec.settings import load

    settings, spent = load(folder / "demo" / "mmrec.toml", environment={}), Spent()
    watched(spent)
    catalogue = settings.data / "items.csv"
    text = catalogue.read_text(encoding="utf-8")
    assert text.count(f"\n50,{OLD},") == 1
    edited = text.replace(f"\n50,{OLD},", f'\n50,"{NEW}",')
    found = {}
    for step, content in zip(STEPS, (None, edited, text), strict=True):
        if content is not None:
            fresh = catalogue.with_suffix(".new")
            fresh.write_text(content, encoding="utf-8")
            fresh.replace(catalogue)
        found[step] = _run(settings, spent)
    print(json.dumps(found))


def _run(settings: Any, spent: Any) -> dict[str, float]:
    try:
        from mmrec.lake.store import Lake
        from mmrec.planning import graph
    except ImportError:  # a checkout of before the library had rooms
        from mmrec import graph
        from mmrec.lake import Lake
    lake, stages = Lake(settings.lake_root), dict[str, float]()
    newest = lake.scan("recommendations/top_k").select("period").collect()["period"].max()
    for node in graph.nodes(settings):
        began, loading = time.process_time(), spent.loading
        node.run(lake, settings, [newest] if node.partitioned else []).raise_if_refused()
        spent_here = time.process_time() - began - (spent.loading - loading)
        stages[node.stage] = stages.get(node.stage, 0.0) + spent_here
    return stages


if __name__ == "__main__":
    play(Path(sys.argv[2])) if sys.argv[1:2] == ["--play"] else main()
