"""Acts two and three of the demo: a change costs what changed, and why a film is on a list.

Played on a throw-away copy of the lake and the data, made of hard links: nothing of the real ones is touched. Run as
`python -m demo.tour`; with `--write` the output also becomes `docs/tour.txt`, which the README shows. Not here: the
first act, a first run (`demo/__main__.py`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from demo import config
from mmrec import periods
from mmrec.builds.costs import told, told_bytes
from mmrec.errors import MmrecError
from mmrec.lake.files import local_folder
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.published import snapshots
from mmrec.queries import why
from mmrec.settings import Settings, load
from mmrec_assets.cli import printed
from mmrec_assets.cli.runs import Outcome, leave, run
from mmrec_assets.terminal import Console

TRANSCRIPT = config.PROJECT / "docs" / "tour.txt"
_WIDTH = 118


class Story(NamedTuple):
    """What happens in act two: a file of events arrives, and an item's title is edited and put back."""

    arrives: Path  # not landed yet, relative to the data
    lands: Path  # where it is found
    end: str  # the calendar's new end
    item: str  # the catalogue's row of this id
    old: str
    new: str


FILMS = Story(
    Path("later") / "1998-04-18.csv.part",
    Path("interactions") / "1998-04-18.csv",
    "1998-04-25",
    "50",
    "Star Wars",
    "Star Wars, seen again",
)


def main() -> int:
    """Plays both acts; 1 and one line on an error that a person can put right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="also write docs/tour.txt")
    write = parser.parse_args().write
    out = Console(width=None if sys.stdout.isatty() and not write else _WIDTH, record=write)
    try:
        play(load(config.path()), out)
    except MmrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if write:
        lines = [line.rstrip() for line in out.export_text().splitlines()]
        TRANSCRIPT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def play(settings: Settings, out: Console, story: Story = FILMS) -> None:
    """Act two and act three, on a copy of what `settings` name."""
    lake = Lake(settings.lake_root)
    period = snapshots.newest_period(lake, settings)
    with copied(settings, story) as copy:
        out.heading("Act two: a change costs what changed", " (on a throw-away copy of the lake)")
        shutil.move(copy.data / story.arrives, copy.data / story.lands)
        newest = periods.newest(copy.calendar)
        _step(copy, newest, f"A {copy.calendar.period} lands: {story.lands.name}", out)
        edit(copy, story.item, story.old, story.new)
        _step(copy, newest, f"One title is edited: “{story.old}” becomes “{story.new}”", out)
        edit(copy, story.item, story.new, story.old)
        outcomes = _step(copy, newest, "The edit is undone", out)
        encoded = sum(each.rows_computed for each in outcomes if each.asset.startswith("embeddings/"))
        out.print(f"{encoded} rows encoded: the old vector was still there")
    out.print()
    out.heading("Act three: why")
    _why(lake, settings, period, out)


def _step(settings: Settings, period: str, what: str, out: Console) -> list[Outcome]:
    """Says the plan, runs it, and holds one against the other."""
    out.print()
    out.heading(what)
    found = walk.plan(Lake(settings.lake_root), settings, [period])
    for row in found.rows:
        cost = f"{told(row.seconds)}, {told_bytes(row.bytes or 0)}" if row.seconds is not None else "cost unknown"
        count = (
            f"{'at most ' if row.at_most else ''}{row.rows:,} row{'s' * (row.rows != 1)}"
            if row.rows or not row.periods
            else "a period's work"
        )
        out.print(f"  plan: {row.asset}, {row.reason}: {count}; {cost}")
    ran = run(settings, [period], planned=found)
    if ran.failures:
        raise MmrecError("; ".join(ran.failures))
    worked = [each for each in ran.outcomes if each.rows_computed or each.rows_removed]
    out.print(printed.outcome_table(worked))
    took = told(sum(each.seconds for each in ran.outcomes))
    out.print(f"planned {told(found.seconds)}, imports not counted; took {took}")
    return ran.outcomes


def edit(settings: Settings, item: str, old: str, new: str) -> None:
    """Rewrites the catalogue with one title changed; a new file, since the old one is a hard link to the real one."""
    path = settings.data / "items.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{item},"))
    quoted = f'"{new}"' if "," in new else new
    lines[at] = lines[at].replace(f'"{old}"' if "," in old else old, quoted, 1)
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(lines), encoding="utf-8")
    fresh.replace(path)


def _why(lake: Lake, settings: Settings, period: str, out: Console) -> None:
    """The first film of somebody's list, followed back to events, bytes and the encoder's digest."""
    lists = lake.pinned(snapshots.pinned(lake, period)).scan("recommendations/top_k").filter(pl.col("period") == period)
    user = lists.select(pl.col("user_id").sort().first()).collect().item()
    printed.why(out, why.why(lake, settings, user))


@contextmanager
def copied(settings: Settings, story: Story) -> Iterator[Settings]:
    """The same data set in a folder of its own, with the same lake, one week longer; gone afterwards."""
    lake = local_folder(settings.lake_root)
    if lake is None or not lake.exists():
        raise MmrecError("there is no lake to copy yet; type `make demo` first")
    if not (settings.data / story.arrives).is_file():
        raise MmrecError(f"{story.arrives} is not among the demo's data; type `make demo` first")
    home = os.environ.get("DAGSTER_HOME")
    with tempfile.TemporaryDirectory(dir=lake.parent, prefix=".tour-") as folder:
        for what, name in ((lake, "lake"), (settings.data, "data")):
            shutil.copytree(what, Path(folder) / name, copy_function=_link)
        os.environ["DAGSTER_HOME"] = str(Path(folder) / "dagster")
        calendar = type(settings.calendar).model_validate({**settings.calendar.model_dump(), "end": story.end})
        root = settings.lake.model_copy(update={"root": str(Path(folder) / "lake")})
        try:
            yield settings.model_copy(update={"data": Path(folder) / "data", "lake": root, "calendar": calendar})
        finally:
            os.environ.pop("DAGSTER_HOME")
            if home is not None:
                os.environ["DAGSTER_HOME"] = home


def _link(source: str, target: str) -> None:
    """A hard link, which costs nothing: files of the lake are never changed in place. Copied where links cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    leave(main())
