"""What lists lose where items lack their content: the model with content beside the one without, by share of items.

    python bench/missing.py [--home FOLDER]       (after `make demo`)

Protocol: MovieLens-100K as the demo has fetched it; per person by time 80/10/10; fitted on train, test ranked with
train and validation masked. A seeded share of the items loses every modality. Both models have the settings that a
search begins with and no item-item part; the one with content reads what the choice by hidden items reads, chosen anew
for each share. Cold items are those of a tenth that is hidden from the fit, ranked among themselves; those that have
lost their content have no place. Content-kNN ranks them by the cosine of their texts to those of a person's past items.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from segments import ITEMS, NDCG, Fold, K

from demo.config import HOME
from mmrec.evaluation import fitting, metrics, unmet
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.lake.store import Lake
from mmrec.models.candidates import Candidate, with_content
from mmrec.models.factorization import fold_in
from mmrec.models.interface import Scores
from mmrec.models.ranking import top_k
from mmrec.published.features import Features
from mmrec.settings import Model

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    """Read, choose, fit, print a table."""
    asked = _arguments()
    problem = _problem(asked.home)
    print("| items without content | read | without content | with content | difference | cold items | content-kNN |")
    print("|---|---|---|---|---|---|---|")
    for share in SHARES:
        print(_row(lacking(problem, share), share, asked.folds))


def lacking(problem: Problem, share: float) -> Problem:
    """The same where a seeded share of the items has no modality at all."""
    order = np.random.default_rng(5).permutation(problem.n_items)
    kept = np.ones(problem.n_items, bool)
    kept[order[: round(share * problem.n_items)]] = False
    blocks = {name: block * kept[:, None] for name, block in problem.blocks.items()}
    present = {name: there & kept for name, there in problem.present.items() if name in blocks}
    return replace(problem, blocks=blocks, present=present)


def candidates(problem: Problem) -> tuple[Candidate, Candidate]:
    """Without content, and with the content that places hidden items best."""
    plain = replace(problem.start, block_weights=None, links=None)
    [best, *_] = unmet.choose(problem, plain.hyper) or [None]
    return plain, plain if best is None else with_content(plain, best.weights, problem.train.items.size)


def ndcg(problem: Problem, candidate: Candidate) -> np.ndarray:
    """Everybody's NDCG@20 on test."""
    factors = fitting.fitted(problem, candidate, TRAIN).factors
    users = fold_in(factors, problem.histories(TRAIN, recency=candidate.recency))
    lists, _ = Scores(users, factors.H).top_k(problem.met(TRAIN, VALIDATION), K, problem.item_order, problem.listable)
    return metrics.ndcg(lists, problem.held(TEST), K)


def cold(problem: Problem, candidate: Candidate, folds: int) -> tuple[float, float]:
    """NDCG@20 of hidden items among themselves, by the model and by content-kNN: means over the folds."""
    found = [_cold(problem, candidate, Fold(problem, number)) for number in range(folds)]
    model, knn = np.nanmean(np.stack(found), axis=0)
    return float(model), float(knn)


def _cold(problem: Problem, candidate: Candidate, fold: Fold) -> tuple[float, float]:
    train = replace(problem, part=np.where(fold.items[problem.item_idx], TEST, problem.part))
    factors = fitting.fitted(train, candidate, TRAIN).factors
    own = metrics.only(problem.histories(TRAIN, recency=candidate.recency), ~fold.items).take(fold.known)
    lists, _ = top_k(fold_in(factors, own), factors.H, fold.fitted, K, problem.item_order, fold.items)
    text = problem.blocks["text"].astype(np.float64)
    lengths = np.linalg.norm(text, axis=1, keepdims=True)
    unit = np.divide(text, lengths, out=np.zeros_like(text), where=lengths > 0)
    taste = np.zeros((len(own), text.shape[1]))
    np.add.at(taste, own.rows, unit[own.items] * own.weights[:, None])
    near, _ = top_k(taste, unit, fold.fitted, K, problem.item_order, fold.items)
    return tuple(float(np.nanmean(fold.of_items(each)[NDCG, ITEMS])) for each in (lists, near))  # type: ignore[return-value]


def _row(problem: Problem, share: float, folds: int) -> str:
    plain, reading = candidates(problem)
    without, having = (ndcg(problem, each) for each in (plain, reading))
    read = ", ".join(f"{name} {weight:g}" for name, weight in (reading.block_weights or {}).items()) or "nothing"
    at_cold = cold(problem, reading, folds) if share < 1 else (0.0, 0.0)
    cells = [f"{share:.0%}", read, _figure(without), _figure(having), _figure(having - without, "+")]
    return f"| {' | '.join([*cells, *(f'{each:.3f}' for each in at_cold)])} |".replace(" 0.", " .")


def _figure(values: np.ndarray, sign: str = "") -> str:
    at = metrics.interval(values)
    return f"{at.value:{sign}.4f} [{at.low:{sign}.4f}, {at.high:{sign}.4f}]".replace("0.", ".").replace("-", "−")


def _problem(home: Path) -> Problem:
    files = sorted([*(home / "demo").glob("interactions/*.csv"), *(home / "demo").glob("later/*.csv")])
    if not files:
        raise SystemExit(f"no interactions in {home / 'demo'}; type `make demo` first, or name its .mmrec with --home")
    table = pl.concat([pl.read_csv(file, infer_schema=False) for file in files])
    seconds = pl.from_epoch(pl.col("timestamp").cast(pl.Int64))
    events = table.select("user_id", "item_id", time=seconds, weight=1.0)
    features = Features(Lake(str(home / "lake")))
    present = {name: features.present[name] for name in features.blocks}
    return Problem.of(events, features.item_ids, features.blocks, present, Model())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What lists lose where items lack their content.")
    parser.add_argument("--home", type=Path, default=HOME, help="the folder with the demo's data and lake")
    parser.add_argument("--folds", type=int, default=2, help="tenths of films that are hidden in turn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
