"""What each modality is worth: one factorization without content, with each kind alone, and with all. Prints tables.

    python bench/ablation.py FOLDER [--media FOLDER]      (after `make demo` without DEMO_MEDIA)

FOLDER keeps what is encoded here, so that a second run encodes nothing. `--media` names a folder as DEMO_MEDIA does
(default: ml-100k-multimodal below MMREC_TEST_DATA); without one the rows of real overviews and posters are left out.

Protocol: MovieLens-100K, all 31 weeks; every rating counts as positive; per person by time 80/10/10; equal timestamps
ordered by a hash of the ids. Every row has the settings that a search begins with and no item-item part: only its
content differs, and nothing is chosen here. What each segment hides and asks for is said in `segments.py`. A person's
value is the mean over the fits in which they have one; intervals and paired differences are over people.
"""

import argparse
import os
import platform
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from content import blocks
from segments import BOTH, ITEMS, NDCG, PEOPLE, RECALL, WARM, Figures, cold, cold_references, warm, warm_references

from demo.config import HOME
from mmrec.errors import MmrecError
from mmrec.evaluation import metrics
from mmrec.evaluation.problem import Problem
from mmrec.models.candidates import Candidate
from mmrec.settings import Model

STAND_IN, LATER = "**stand-in**", "written later"
NONE, AGAIN = "no content", "no content, other starts"
TEXT, CREDITED = "text: title, genres, year", f"text with credits ({LATER})"
DESCRIBED = f"text with overview (real, {LATER})"
NOISE, FLAGS = "control: random numbers", "control: genres and year as flags"
DRAWN, REAL = f"image: drawn ({STAND_IN})", "image: real posters"
DEMO = f"all of the demo: text with credits ({LATER}), image, audio, video ({STAND_IN})"
DEMO_TEXT, POSTERS, POSTERS_TEXT = f"{DEMO}, mostly text", f"{TEXT}; real posters", f"{TEXT}; real posters, mostly text"
_DEMO = ("text, credits", "image, drawn", "audio, synthesised", "video, drawn")
# What a row is called → its blocks (`content.py`).
ROWS: dict[str, tuple[str, ...]] = {
    NONE: (),
    NOISE: ("noise",),
    FLAGS: ("flags",),
    TEXT: ("text",),
    CREDITED: ("text, credits",),
    DESCRIBED: ("text, overview",),
    f"text with overview and credits (real, {LATER})": ("text, overview, credits",),
    DRAWN: ("image, drawn",),
    REAL: ("image, real",),
    f"audio: synthesised ({STAND_IN})": ("audio, synthesised",),
    f"video: drawn ({STAND_IN})": ("video, drawn",),
    DEMO: _DEMO,
    DEMO_TEXT: _DEMO,
    POSTERS: ("text", "image, real"),
    POSTERS_TEXT: ("text", "image, real"),
    f"all real: text with overview and credits ({LATER}), posters": ("text, overview, credits", "image, real"),
}
MOSTLY = 0.3  # the weight of every block but the first in rows that are mostly text, as the search tries it
# What is added → the row that has it, the row that lacks it.
ADDED = {
    "title, genres, year instead of random numbers": (TEXT, NOISE),
    "the title, to genres and year": (TEXT, FLAGS),
    "credits, to title, genres, year": (CREDITED, TEXT),
    "the overview, to title, genres, year": (DESCRIBED, TEXT),
    "real posters, to title, genres, year": (POSTERS, TEXT),
    "real posters, to title, genres, year, mostly text": (POSTERS_TEXT, TEXT),
    "real posters instead of drawn ones": (REAL, DRAWN),
    "all stand-ins, to text with credits": (DEMO, CREDITED),
    "all stand-ins, to text with credits, mostly text": (DEMO_TEXT, CREDITED),
}


def main() -> None:
    """Read, encode what is not encoded, fit, print."""
    asked = _arguments()
    events = _events(asked.home / "demo")
    item_ids = sorted(set(events["item_id"]))
    known = blocks(asked.folder, asked.home, asked.media, item_ids)
    began, cpu = time.perf_counter(), time.process_time()
    vectors, there = ({name: block[part] for name, block in known.items()} for part in (0, 1))
    problem = Problem.of(events, item_ids, vectors, there, Model())
    versions = ", ".join(f"{name} {version(name)}" for name in ("mmrec", "torch", "numpy"))
    print(f"Python {platform.python_version()}, {versions}, {os.cpu_count()} cores")
    for name in known:
        print(f"  {name}: {there[name].sum()} of {problem.n_items} films, {vectors[name].shape[1]} numbers")
    rows = {label: names for label, names in ROWS.items() if set(names) <= known.keys()}
    found = {label: _row(problem, label, names, asked.starts, asked.folds) for label, names in rows.items()}
    found[AGAIN] = warm(problem, _candidate(problem, NONE, ()), range(asked.starts, 2 * asked.starts))
    at_warm, at_cold = warm_references(problem), cold_references(problem, range(asked.folds))
    found |= {name: at_warm.get(name, {}) | each for name, each in at_cold.items()}
    beside = {WARM: [NONE], ITEMS: ["random"], PEOPLE: [NONE, "popularity"], BOTH: [NOISE, "popularity"]}
    for segment, others in beside.items():
        _table(found, segment, others)
    _added(found)
    print(f"\n{time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} CPU s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What each modality is worth.")
    parser.add_argument("folder", type=Path, help="where real media are prepared and what is encoded is kept")
    parser.add_argument("--home", type=Path, default=HOME, help="the folder with the demo's data and lake")
    data = os.environ.get("MMREC_TEST_DATA")
    media = Path(data) / "ml-100k-multimodal" if data else None
    parser.add_argument("--media", type=Path, default=media, help="real posters and overviews, as for DEMO_MEDIA")
    parser.add_argument("--starts", type=int, default=3, help="seeded starts that a warm figure is the mean of")
    parser.add_argument("--folds", type=int, default=5, help="tenths of films and people that are hidden in turn")
    return parser.parse_args()


def _events(data: Path) -> pl.DataFrame:
    """Every week that the demo has fetched, the one held back for later too."""
    files = sorted([*data.glob("interactions/*.csv"), *data.glob("later/*.csv")])
    if not files:
        raise SystemExit(f"no interactions in {data}; type `make demo` first, or name its .mmrec with --home")
    table = pl.concat([pl.read_csv(file, infer_schema=False) for file in files])
    seconds = pl.from_epoch(pl.col("timestamp").cast(pl.Int64))
    return table.select("user_id", "item_id", time=seconds, weight=1.0)


def _row(problem: Problem, label: str, names: tuple[str, ...], starts: int, folds: int) -> Figures:
    candidate = _candidate(problem, label, names)
    return warm(problem, candidate, range(starts)) | cold(problem, candidate, range(folds))


def _candidate(problem: Problem, label: str, names: tuple[str, ...]) -> Candidate:
    """The candidate that a search begins with, but with a half-life alone, these blocks and no item-item part."""
    begin = replace(problem.start, floor=0.0, links=None)
    if not names:
        return replace(begin, block_weights=None)
    weights = {name: MOSTLY if label.endswith("mostly text") and name != names[0] else 1.0 for name in names}
    return replace(begin, block_weights=weights)


def _table(found: dict[str, Figures], segment: str, others: list[str]) -> None:
    """A Markdown table: figures, their paired differences, and in how many fits the NDCG is better than the last."""
    minus = [f"− {other}" for other in others]
    header = [segment, "people", NDCG, *minus, f"better than {others[-1]} in", RECALL, *minus]
    print(f"\n| {' | '.join(header)} |\n{'|---' * len(header)}|")
    for label, figures in found.items():
        if (NDCG, segment) not in figures:
            continue
        cells = [str((~np.isnan(figures[NDCG, segment])).any(0).sum())]
        for metric in (NDCG, RECALL):
            values = figures[metric, segment]
            pairs = [values - found[other][metric, segment] for other in others]
            cells += [_figure(values), *(_difference(pair) for pair in pairs)]
            cells += [_better(pairs[-1])] if metric == NDCG else []
        print(f"| {label} | {' | '.join(cells)} |")


def _added(found: dict[str, Figures]) -> None:
    """A Markdown table: paired differences of rows of which one has more than the other."""
    segments = (WARM, ITEMS, PEOPLE)
    print(f"\n| {NDCG} | {' | '.join(segments)} |\n{'|---' * 4}|")
    for what, (more, less) in ADDED.items():
        if more in found and less in found:
            pairs = [found[more][NDCG, segment] - found[less][NDCG, segment] for segment in segments]
            print(f"| {what} | {' | '.join(f'{_difference(pair)}, {_better(pair)}' for pair in pairs)} |")


def _figure(values: np.ndarray) -> str:
    at = metrics.interval(_mean(values, 0))
    return f"{at.value:.3f} [{at.low:.3f}, {at.high:.3f}]".replace("0.", ".")


def _difference(values: np.ndarray) -> str:
    if not np.nan_to_num(values).any():
        return ""
    at = metrics.interval(_mean(values, 0))
    return f"{at.value:+.3f} [{at.low:+.3f}, {at.high:+.3f}]".replace("0.", ".").replace("-", "−")


def _better(differences: np.ndarray) -> str:
    same = not np.nan_to_num(differences).any()
    return "" if same else f"{(_mean(differences, 1) > 0).sum()} of {len(differences)}"


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN; NaN where nothing is."""
    some = (~np.isnan(values)).sum(axis)
    return np.where(some, np.nansum(values, axis) / np.maximum(some, 1), np.nan)


if __name__ == "__main__":
    try:
        main()
    except MmrecError as error:
        raise SystemExit(f"error: {error}") from None
