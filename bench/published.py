"""How good what is served is on a published split, beside other models. Prints figures, judges none.

    python -m bench.published FOLDER [--width 128] [--models popularity,item-kNN]

FOLDER holds the split as papers publish it: `train.txt` and `test.txt`, a line a person ("person item item …", numbers
from 0), or `interactions.parquet` (user_id, item_id, split). Every `.npy` beside them is content, a row an item.

Everything is chosen within the published train part, as `model/factors` does: a tenth of each person's items is
validation, the search chooses, and the winner is fitted on all of train. The published test part is read once a model,
at the end: full ranking, train masked. Such splits have no times, so there is no recency and nothing directed. What is
too large for a catalogue (EASE above 12,000 items) has no row.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from mmrec.errors import MmrecError
from mmrec.evaluation import metrics, selection
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import PARTS
from mmrec.models import dense
from mmrec.models.feature_ials import FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.zoo import MORE, SLOW, ZOO
from mmrec.settings import Model

CUTOFF = 20


@dataclass(frozen=True)
class Published:
    """`train` and `test` (user_id, item_id), and content by name: float [items, width] in the order of `items`."""

    train: pl.DataFrame
    test: pl.DataFrame
    items: list[str]
    content: dict[str, np.ndarray]


def main() -> None:
    """Search on train, fit on train, read test."""
    asked = _arguments()
    data = read(asked.folder)
    problem = problem_of(data, Model(width=asked.width))
    print(f"{problem.n_users} people, {problem.n_items} items, {data.train.height} train events")
    cpu = time.process_time()
    chosen = selection.select(problem)
    print(f"search: {time.process_time() - cpu:.0f} CPU s, {len(chosen.trials)} trials")
    for trial in chosen.trials:
        print(f"  {trial.stage:13} {trial.share:.2f} {trial.value:.4f} of {trial.people} {trial.candidate.name}")
    print(f"chosen: {chosen.winner.name}")
    for name, scores in scored(problem, chosen, asked.models.split(",")).items():
        for metric, found in figures(problem, scores, data).items():
            told = f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}], {found.people} people"
            print(f"{name:20} {metric:9} {told}", flush=True)


def read(folder: Path) -> Published:
    """The split and the content of a folder. Raises MmrecError in one line where it is not one of the two forms."""
    parquet, texts = folder / "interactions.parquet", [folder / f"{part}.txt" for part in ("train", "test")]
    if parquet.is_file():
        rows = pl.read_parquet(parquet).with_columns(pl.col("user_id", "item_id").cast(pl.String))
        train, test = (rows.filter(split=part).select("user_id", "item_id") for part in ("train", "test"))
    elif all(text.is_file() for text in texts):
        train, test = (_of_lines(text) for text in texts)
    else:
        raise MmrecError(f"{folder} holds no published split; expected train.txt and test.txt, or interactions.parquet")
    items = _sorted(pl.concat([train["item_id"], test["item_id"]]))
    return Published(train, test, items, {path.stem: _rows_of(path, items) for path in sorted(folder.glob("*.npy"))})


def problem_of(data: Published, settings: Model) -> Problem:
    """The published train part as the search and the models take it."""
    events = data.train.with_columns(time=pl.lit(0).cast(pl.Datetime("us")), weight=1.0)
    there = {name: (block != 0).any(axis=1) for name, block in data.content.items()}
    return Problem.of(events, data.items, data.content, there, settings)


def scored(problem: Problem, chosen: selection.Selection, models: Sequence[str]) -> dict[str, Scores]:
    """Scores of the winner, with and without its item-item part, and of the first variant of other models."""
    known, candidate = problem.histories(*PARTS), chosen.winner
    fitted = FittedFactors(dense.fit(candidate, known, problem.n_items, problem.features(candidate)))
    plain = fitted.scores(known)
    found = {
        "served": Scores(plain.left, plain.right, known, problem.links(candidate.links, *PARTS)),
        "MF alone": plain,
    }
    for name in models:
        variants = ZOO[name](problem.n_items) if name in ZOO else MORE[name](problem.side)
        if variants:
            found[name] = variants[0].fit(known, problem.n_items).scores(known)
    return found


def figures(problem: Problem, scores: Scores, data: Published) -> dict[str, metrics.Interval]:
    """NDCG and Recall at 20 over the published test part, train masked."""
    lists, _ = scores.top_k(problem.met(*PARTS), CUTOFF, problem.item_order)
    held = _held(problem, data)
    told = {"NDCG": metrics.ndcg, "Recall": metrics.recall}
    return {f"{name}@{CUTOFF}": metrics.interval(figure(lists, held, CUTOFF)) for name, figure in told.items()}


def _held(problem: Problem, data: Published) -> Histories:
    """The published test part, of people who are in train."""
    people = _sorted(data.train["user_id"])
    test = data.test.filter(pl.col("user_id").is_in(people))
    at = {
        name: {each: place for place, each in enumerate(ids)} for name, ids in (("user", people), ("item", data.items))
    }
    user = test["user_id"].replace_strict(at["user"], return_dtype=pl.Int64).to_numpy()
    item = test["item_id"].replace_strict(at["item"], return_dtype=pl.Int64).to_numpy()
    return Histories.build(user, item, n_users=problem.n_users)


def _of_lines(path: Path) -> pl.DataFrame:
    """user_id, item_id from lines of a person and their items; who has no item has no row."""
    lines = pl.DataFrame({"line": path.read_text(encoding="utf-8").splitlines()}).select(
        pl.col("line").str.strip_chars().str.split(" ").alias("ids")
    )
    named = lines.select(user_id=pl.col("ids").list.first(), item_id=pl.col("ids").list.slice(1))
    rows = named.explode("item_id").filter(pl.col("item_id").is_not_null() & (pl.col("item_id") != ""))
    if odd := rows.filter(~pl.concat_str("user_id", "item_id").str.contains(r"^\d+$")).height:
        raise MmrecError(f"{path.name}: {odd} ids are no numbers; expected a line a person: person item item …")
    return rows


def _sorted(ids: pl.Series) -> list[str]:
    return ids.unique().sort().to_list()


def _rows_of(path: Path, items: Sequence[str]) -> np.ndarray:
    """Content in the order of the items, centred and scaled to mean squared norm 1; row n of the file is item n."""
    stored = np.load(path).astype(np.float64)
    numbers = np.array([int(each) for each in items])
    if stored.ndim != 2 or numbers.max(initial=-1) >= len(stored):
        raise MmrecError(
            f"{path.name}: found shape {stored.shape}; expected [items, width] for {numbers.max() + 1} items"
        )
    block = stored[numbers]
    there = (block != 0).any(axis=1)
    block = np.where(there[:, None], block - block[there].mean(axis=0), 0.0) if there.any() else block
    return block / max(np.sqrt((block**2).sum(axis=1)[there].mean()) if there.any() else 1.0, 1e-12)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What is served on a published split, beside other models.")
    parser.add_argument("folder", type=Path, help="train.txt and test.txt, or interactions.parquet; content as .npy")
    parser.add_argument("--width", type=int, default=128, help="[model] width: the search tries it and twice it")
    light = [name for name in (*ZOO, *MORE) if name not in SLOW]
    parser.add_argument("--models", default=",".join(light), help="models to set beside it, separated by commas")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except MmrecError as error:
        raise SystemExit(f"error: {error}") from None
