"""How good what is served is on Gowalla's published split, beside popularity and item-kNN. Prints figures, judges none.

    MMREC_TEST_DATA=folder python bench/gowalla.py [width]     (128 by default; reads gowalla/interactions.parquet)

Everything is chosen within the published train part, as `model/factors` does: a tenth of each person's items is
validation, the search chooses, and the winner is fitted on all of train. The published test part is read once, at the
end: full ranking, train masked. The data has no times, so there is no recency and nothing directed. EASE has no row:
the catalogue is too large to invert.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mmrec.evaluation import metrics, selection
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import PARTS
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.zoo import ZOO
from mmrec.settings import Model


def main() -> None:
    """Search on train, fit on train, read test."""
    path = Path(os.environ.get("MMREC_TEST_DATA", ".")) / "gowalla" / "interactions.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; set MMREC_TEST_DATA to the folder of the test data")
    rows = pl.read_parquet(path).with_columns(pl.col("user_id", "item_id").cast(pl.String))
    item_ids = rows["item_id"].unique().sort().to_list()
    train = rows.filter(pl.col("split") == "train").select(
        "user_id", "item_id", time=pl.lit(0).cast(pl.Datetime("us")), weight=1.0
    )
    settings = Model(width=int(sys.argv[1]) if len(sys.argv) > 1 else 128)
    problem = Problem.of(train, item_ids, {}, {}, settings)
    print(f"{problem.n_users} people, {problem.n_items} items, {train.height} train events")
    cpu = time.process_time()
    chosen = selection.select(problem)
    print(f"search: {time.process_time() - cpu:.0f} CPU s, {len(chosen.trials)} trials")
    for trial in chosen.trials:
        print(f"  {trial.stage:13} {trial.share:.2f} {trial.value:.4f} of {trial.people} {trial.candidate.name}")
    print(f"chosen: {chosen.winner.name}")
    people = train["user_id"].unique().sort().to_list()
    _show(problem, chosen, _held(rows, people, item_ids))


def _held(rows: pl.DataFrame, people: Sequence[str], items: Sequence[str]) -> Histories:
    """The published test part."""
    test = rows.filter((pl.col("split") == "test") & pl.col("user_id").is_in(list(people)))
    at = {name: {each: place for place, each in enumerate(ids)} for name, ids in (("user", people), ("item", items))}
    user = test["user_id"].replace_strict(at["user"], return_dtype=pl.Int64).to_numpy()
    item = test["item_id"].replace_strict(at["item"], return_dtype=pl.Int64).to_numpy()
    return Histories.build(user, item, n_users=len(people))


def _show(problem: Problem, chosen: selection.Selection, held: Histories) -> None:
    """Figures of the winner, with and without its item-item part, and of the rivals."""
    known, candidate = problem.histories(*PARTS), chosen.winner
    dense = FeatureIALS(candidate.hyper).fit(known, problem.n_items).scores(known)
    models = {
        "served": Scores(dense.left, dense.right, known, problem.links(candidate.links, *PARTS)),
        "MF alone": dense,
    }
    for name in ("popularity", "item-kNN"):
        if name in ZOO:
            models[name] = ZOO[name](problem.n_items)[0].fit(known, problem.n_items).scores(known)
    for name, scores in models.items():
        lists, _ = scores.top_k(known, 20, problem.item_order)
        for metric, figure in (("NDCG@20", metrics.ndcg), ("Recall@20", metrics.recall)):
            found = metrics.interval(figure(lists, held, 20))
            print(f"{name:12} {metric:9} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}], {found.people} people")


if __name__ == "__main__":
    main()
