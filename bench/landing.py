"""How long 1,000,000 events take to land, here and in another checkout. Prints figures and their ratio, judges none.

    python -m bench.landing [other checkout [kind …]]     events made up in a temporary folder; a process a landing

Six kinds of event file: CSV without a quote, with every query in quotes, with queries of several lines, and with one
quote in a thousand that nothing closes; JSON lines; Parquet. Landing is the stage raw/interactions on an empty lake,
median of 3 landings in turn; seconds are CPU seconds of all threads, without imports, and memory is the peak of the
whole process.
"""

import datetime as dt
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

ROWS, PEOPLE, ITEMS, DAYS, TIMES = 1_000_000, 50_000, 20_000, 30, 3
HERE = Path(__file__).resolve().parent.parent
START = dt.date(2024, 1, 1)
_CONFIG = """
name = "landing"
data = "{kind}"
[calendar]
start = 2024-01-01
end = 2024-01-31
[interactions]
files = ["events.*"]
[interactions.columns]
event = "event"
query = "query"
[events]
view = 1.0
[items]
files = ["items.csv"]
"""


def main() -> None:
    """Lands each kind of file with each checkout in turn."""
    checkouts = [HERE, *(Path(path).resolve() for path in sys.argv[1:2])]
    print(f"{ROWS:,} events; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as temporary:
        for kind in sys.argv[2:] or KINDS:
            (Path(temporary) / kind).mkdir()
            KINDS[kind](Path(temporary) / kind)
            measured: dict[Path, list[tuple[float, float]]] = {path: [] for path in checkouts}
            for path in checkouts * TIMES:
                measured[path].append(landed(path, Path(temporary), kind))
            tell(kind, [[statistics.median(each) for each in zip(*runs, strict=True)] for runs in measured.values()])


def tell(kind: str, sides: list[list[float]]) -> None:
    """One line: seconds and memory here, there, and the ratio."""
    told = [f"{seconds:6.2f} CPU s {mib:6.0f} MiB" for seconds, mib in sides]
    ratio = "" if len(sides) < 2 else "  ratio {:.2f} and {:.2f}".format(*[a / b for a, b in zip(*sides, strict=True)])
    print(f"  {kind:12} {'   other '.join(told)}{ratio}")


def landed(checkout: Path, folder: Path, kind: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of one landing by the code of a checkout."""
    config = folder / f"{kind}.toml"
    config.write_text(_CONFIG.format(kind=kind))
    command = [sys.executable, str(Path(__file__).resolve()), "--land", str(config)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    seconds, mib, rows = done.stdout.split()
    if int(rows) != ROWS:
        print(f"  {kind}: {checkout} landed {int(rows):,} of {ROWS:,} rows")
    return float(seconds), float(mib)


def land(config: Path) -> None:
    """In a process of its own: lands on an empty lake and prints CPU seconds, peak MiB and rows."""
    from mmrec import periods
    from mmrec.settings import load

    try:
        from mmrec.lake.store import Lake
        from mmrec.stages.raw import interactions as raw
    except ImportError:  # a checkout of before the library had rooms
        from mmrec.lake import Lake
        from mmrec.stages import raw

    with tempfile.TemporaryDirectory() as lake:
        settings = load(config, environment={})
        began = time.process_time()
        report = raw.interactions(
            Lake(lake).acting_as("raw/interactions", "1", "bench"), settings, periods.keys(settings.calendar)
        )
        seconds = time.process_time() - began
        report.raise_if_refused()
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, report.total("rows"))


def events(queries: pl.Series) -> pl.DataFrame:
    """Made-up events in the order of their times."""
    draw = np.random.default_rng(0)
    seconds = np.sort(draw.integers(0, DAYS * 86_400, ROWS))
    begin = int(dt.datetime.combine(START, dt.time(), dt.UTC).timestamp())
    return pl.DataFrame(
        {
            "user_id": pl.Series(draw.integers(0, PEOPLE, ROWS)).cast(pl.String),
            "item_id": pl.Series(draw.integers(0, ITEMS, ROWS)).cast(pl.String),
            "time": pl.from_epoch(pl.Series(begin + seconds)).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "event": pl.repeat("view", ROWS, eager=True),
            "query": queries,
        }
    )


def words(between: str) -> pl.Series:
    """A made-up query a row, of some words."""
    draw = np.random.default_rng(1)
    some = pl.Series(["red", "mug", "lamp", "blue", "bowl", "for", "two", "old"])
    parts = [some.gather(draw.integers(0, len(some), ROWS)) for _ in range(3)]
    return pl.select(pl.concat_str(parts, separator=between)).to_series()


def csv(between: str, *, spoilt: bool = False) -> Callable[[Path], None]:
    """Writes queries whose words have this between them; `spoilt`: a quote in a thousand rows that nothing closes."""

    def write(folder: Path) -> None:
        path = folder / "events.csv"
        events(words(between)).write_csv(path)
        if spoilt:
            lines = enumerate(path.read_text().split("\n"))
            odd = [line.replace(",view,", ',view,"') if at % 1000 == 7 else line for at, line in lines]
            path.write_text("\n".join(odd))

    return write


KINDS: dict[str, Callable[[Path], object]] = {
    "plain": csv(" "),
    "quoted": csv(", "),
    "many lines": csv(",\n"),
    "stray quotes": csv(" ", spoilt=True),
    "json lines": lambda folder: events(words(" ")).write_ndjson(folder / "events.jsonl"),
    "parquet": lambda folder: events(words(" ")).write_parquet(folder / "events.parquet"),
}


if __name__ == "__main__":
    land(Path(sys.argv[2])) if sys.argv[1:2] == ["--land"] else main()
