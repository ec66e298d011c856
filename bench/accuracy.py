"""How good the model is on all 31 weeks of MovieLens-100K, beside its rivals. Prints figures, judges none.

    python bench/accuracy.py path/to/ml-100k.inter      (or MMREC_ML100K; it lies in the recbole 1.2.1 wheel)

Protocol: every rating counts as positive; per person by time 80/10/10; equal timestamps ordered by a hash of the ids;
candidates fitted on train and compared on validation; test read once for the winner, fitted on train, with train and
validation masked, full ranking. Content is what the file beside it knows: title words, genres and the decade.
"""

import csv
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from mmrec.evaluation import metrics, selection
from mmrec.evaluation.metrics import Row
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.search import STAGES, Trial
from mmrec.evaluation.split import TRAIN
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.interface import Scores
from mmrec.settings import Model

SHOWN = 8  # trials of a stage


def main() -> None:
    """Select on validation, evaluate on test, print."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MMREC_ML100K", "ml-100k.inter"))
    if not path.is_file():
        raise SystemExit(f"{path} is not there; name ml-100k.inter of the recbole 1.2.1 wheel, or set MMREC_ML100K")
    problem = read(path)
    parts = np.bincount(problem.part).tolist()
    print(f"{problem.n_users} people, {problem.n_items} items, events in train / validation / test: {parts}")
    began, cpu = time.perf_counter(), time.process_time()
    chosen = selection.select(problem)
    show_trials(chosen.trials)
    print(f"\nchosen: {chosen.winner.name}")
    rows = selection.evaluate(problem, chosen.winner)
    show("validation, beside the references", [row for row in rows if row.split == "validation"])
    show("test", [row for row in rows if row.split == "test"])
    show_cold(problem, chosen.winner)
    print(f"\n{time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} CPU s")


def read(path: Path) -> Problem:
    """The wheel's interactions and the content of its item file."""
    events = pl.DataFrame(_table(path)).select(
        user_id="user_id:token",
        item_id="item_id:token",
        time=pl.from_epoch(pl.col("timestamp:float").cast(pl.Float64).cast(pl.Int64)),
        weight=1.0,
    )
    item_ids = events["item_id"].unique().sort().to_list()
    block, there = _content(path.with_suffix(".item"), item_ids)
    return Problem.of(events, item_ids, {"text": block} if there.any() else {}, {"text": there}, Model())


def show(title: str, rows: list[Row] | tuple[Row, ...]) -> None:
    """One line a figure; MAP and the warm segment, which move with the others, are left out."""
    print(f"\n{title}")
    for row in rows:
        if row.value is not None and not row.metric.startswith("MAP") and row.segment != "warm items":
            interval = "" if row.low is None else f"[{row.low:+.4f}, {row.high:+.4f}]"
            model, metric = f"{row.label:36}", f"{row.metric:13} {row.segment:11}"
            print(f"  {model} {metric} {row.value:+.4f} {interval:20} {row.people} people {row.note or ''}")


def show_trials(trials: Sequence[Trial]) -> None:
    """What the search tried on everybody, stage by stage, the best first."""
    print(f"\nsearch: {len(trials)} trials, {sum(trial.work for trial in trials):,} people × sweeps")
    for stage in STAGES:
        tried = [trial for trial in trials if trial.stage == stage and trial.share == 1]
        for each in sorted(tried, key=lambda trial: -trial.value)[:SHOWN]:
            print(f"  {stage:12} {each.value:.4f} [{each.low:.4f}, {each.high:.4f}] {each.candidate.name}")


def show_cold(problem: Problem, candidate: Candidate) -> None:
    """What content is worth for new items: a tenth of the items hidden from the fit, ranked among themselves.

    Figures are over the train events hidden with them. A ranking at random is beside it.
    """
    if candidate.block_weights is None:
        return
    rng = np.random.default_rng(0)
    hidden = rng.random(problem.n_items) < 0.1
    train, people = problem.train, problem.histories(TRAIN, recency=candidate.recency)
    held, known = metrics.only(train, hidden), metrics.only(train, ~hidden)
    fitted = FeatureIALS(candidate.hyper, problem.features(candidate)).fit(known, problem.n_items)
    scores = {
        "mf": fitted.scores(metrics.only(people, ~hidden)),
        "random": Scores(rng.random((len(people), problem.n_items)), np.eye(problem.n_items)),
    }
    lists = {name: each.top_k(known, 20, problem.item_order, hidden)[0] for name, each in scores.items()}
    figures = {
        f"{name}, {hidden.sum()} hidden items": {("NDCG@20", "cold items"): metrics.ndcg(made, held, 20)}
        for name, made in lists.items()
    }
    show("new items, ranked among themselves", metrics.rows(figures, "train"))


def _table(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {name: list(column) for name, column in zip(rows[0], zip(*rows[1:], strict=True), strict=True)}


def _content(path: Path, item_ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A block of 0/1 words (title, genres, decade; in three items or more), standardised, and who has any."""
    words: dict[str, set[str]] = {}
    if path.is_file():
        table = _table(path)
        columns = zip(*(table[f"{name}:token{seq}"] for name, seq in _COLUMNS), strict=True)
        for item, title, year, genres in columns:
            words[item] = {
                *title.lower().split(),
                f"decade {year[:3]}",
                *(f"genre {genre}" for genre in genres.split()),
            }
    used = sorted(word for own in words.values() for word in own)
    kept = sorted({word for word in used if used.count(word) >= 3})
    block = np.array([[word in words.get(item, ()) for word in kept] for item in item_ids], np.float64)
    there = np.array([item in words for item in item_ids])
    if there.any():
        block = np.where(there[:, None], block - block[there].mean(0), 0.0)
        block /= np.sqrt((block**2).sum(1).mean())
    return block, there


_COLUMNS = (("item_id", ""), ("movie_title", "_seq"), ("release_year", ""), ("class", "_seq"))

if __name__ == "__main__":
    main()
