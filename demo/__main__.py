"""The demo: from fetched files to published lists, with what it cost and what to type next.

Here: what `make demo` shows. Not here: fetching (`demo/fetch.py`), the runs (`mmrec_assets/cli/runs.py`) or any work of
a stage.
"""

from __future__ import annotations

import os
import resource
import sys
import time

import polars as pl
from rich.table import Table

from demo import config, tour
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.modalities import NOUNS
from mmrec.published import figures, snapshots
from mmrec.queries import recommend
from mmrec.settings import Settings, load
from mmrec_assets.cli import printed
from mmrec_assets.cli.progress import Progress
from mmrec_assets.cli.runs import Outcome, leave, run
from mmrec_assets.cli.shell import served_periods
from mmrec_assets.terminal import Console

SERVED = 8  # the newest weeks that get a model and lists, so that plots over partitions show something
PEOPLE = 3
ITEMS = 5
out = Console(width=None if sys.stdout.isatty() else 118)


def main() -> int:
    """Runs the demo's data set; 1 and one line on an error that a person can put right."""
    began = time.perf_counter()
    try:
        settings = load(config.path())
        periods = served_periods(settings, None, SERVED)
        with Progress(settings) as progress:
            ran = run(settings, periods, progress.begin, tell=progress.tell)
        if ran.failures:
            raise MmrecError("; ".join(ran.failures))
        lake = Lake(settings.lake_root)
        _show_modalities(lake, settings)
        _show_evaluation(lake, periods[-1])
        _show_people(lake, settings, periods[-1])
        _show_cost(ran.outcomes, time.perf_counter() - began)
        if any(each.rows_computed for each in ran.outcomes):
            out.print()
            tour.play(settings, out)
    except MmrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _show_next()
    return 0


def _show_modalities(lake: Lake, settings: Settings) -> None:
    """How many films have which modality, and what in it is not real or not of its time."""
    out.print()
    out.heading("What is known of the films")
    own = config.path() != config.DEMO_CONFIG
    told = {
        "text": f"title, genres, year, {'plot overview, ' if own else ''}and credits where Wikidata has them",
        "image": "real, out of DEMO_MEDIA" if own else "drawn stand-ins",
        "audio": "synthesised stand-ins",
        "video": "drawn stand-ins",
    }
    table = Table("", "films", "", box=None, pad_edge=False)
    for modality in settings.embeddings:
        films = lake.scan(f"embeddings/{modality}/current").select(pl.len()).collect().item()
        table.add_row(NOUNS[modality], f"{films:,}", told[modality])
    out.print(table)
    out.print("Credits were written down decades after the ratings: they know what nobody knew in 1998.")
    out.print("Stand-ins are made from title, genres and year: no figure below says what real ones are worth.")


def _show_evaluation(lake: Lake, period: str) -> None:
    rows = figures.read(lake, [period]).filter(
        (pl.col("split") == "test") & (pl.col("segment") == "all") & pl.col("metric").is_in(["NDCG@20", "Recall@20"])
    )
    out.print()
    out.heading(
        "How good it is",
        f": the last 10 % of each person's ratings up to the week of {period}, from a fit on the first 80 %",
    )
    table = Table("", "NDCG@20 [95 %]", "Recall@20 [95 %]", "", box=None, pad_edge=False)
    for name in rows.sort("place")["label"].unique(maintain_order=True):
        mine = {row["metric"]: row for row in rows.filter(pl.col("label") == name).iter_rows(named=True)}
        if mine:
            note = next((row["note"] for row in mine.values() if row["note"]), "")
            table.add_row(name, *[_figure(mine.get(metric)) for metric in ("NDCG@20", "Recall@20")], note or "")
    out.print(table)
    out.print("Every rating counts as one positive.")


def _figure(row: dict | None) -> str:
    if row is None or row["value"] is None:
        return "too little history"
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _show_people(lake: Lake, settings: Settings, period: str) -> None:
    """Three people's lists. A list names no person, here or anywhere that is not asked for one."""
    pins = snapshots.pinned(lake, period)
    people = (
        lake.pinned(pins).scan("recommendations/top_k").filter(pl.col("period") == period).select("user_id").unique()
    )
    for number, user in enumerate(people.sort("user_id").collect()["user_id"].gather_every(300)[:PEOPLE], 1):
        answer = recommend.recommend(lake, settings, user, period)
        table = Table("", "title", "score", "reason", box=None, pad_edge=False)
        for row in answer["items"][:ITEMS]:
            table.add_row(str(row["rank"]), row["title"], f"{row['score']:.2f}", row["reason"])
        out.print()
        out.heading(f"Person {number}")
        out.print(table)


def _show_cost(outcomes: list[Outcome], seconds: float) -> None:
    out.print()
    out.heading("What it cost")
    out.print(printed.outcome_table(outcomes))
    encode = sum(o.seconds for o in outcomes if o.asset.startswith("embeddings/"))
    model = sum(o.seconds for o in outcomes if o.asset.startswith(("model/", "recommendations/")))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    out.print(
        f"encode {encode:.0f} s · model and search {model:.0f} s · Dagster and everything else "
        f"{seconds - encode - model:.0f} s · peak memory {peak:.1f} GiB"
    )
    computed = sum(o.rows_computed for o in outcomes)
    heavy = [name for name in ("torch", "great_expectations") if name in sys.modules]
    out.print(f"{computed:,} rows computed; imported of the heavy packages: {', '.join(heavy) or 'none'}")


def _show_next() -> None:
    flags = "".join(f" {name}=…" for name in ("DEMO_MEDIA", "DEMO_ARCHIVE") if os.environ.get(name))
    prefix = f"MMREC_CONFIG={config.path().relative_to(config.PROJECT)} "
    commands = {
        "make tour": "the two acts above once more, on a throw-away copy",
        f"make demo{flags}": "again: nothing changed, so nothing is computed",
        f"make ui{flags}": "the same lake and runs in Dagster, on http://127.0.0.1:3000",
        f"{prefix}.venv/bin/mmrec recommend --user 196": "one person's list",
        f"{prefix}.venv/bin/mmrec why --user 196": "its first item, followed back to files and rows",
        f"{prefix}.venv/bin/mmrec plan": "what a run would do, before it is paid for",
    }
    width = max(map(len, commands))
    out.print()
    out.heading("Next")
    for command, what in commands.items():
        out.print(f"  {command:{width}}    {what}")


if __name__ == "__main__":
    leave(main())
