"""What a change of 1 % of the people costs against fitting again, on Gowalla. Prints CPU seconds and shares of them.

    MMREC_TEST_DATA=folder python bench/foldin.py      (reads gowalla/interactions.parquet there, the train split)

Fold-in and lists are exact: the factors and lists of the 1 % are compared with those of everybody's pass.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from mmrec.factorization import Hyper, fit, fold_in
from mmrec.histories import Histories
from mmrec.ranking import top_k

K = 50
T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and the CPU seconds it took."""
    began = time.process_time()
    return work(), time.process_time() - began


def main() -> None:
    """Fit, fold everybody in, then the 1 %."""
    path = Path(os.environ.get("MMREC_TEST_DATA", ".")) / "gowalla" / "interactions.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; set MMREC_TEST_DATA to the folder of the test data")
    events = pl.read_parquet(path).filter(pl.col("split") == "train")
    user, item = events["user_id"].to_numpy(), events["item_id"].to_numpy()
    n_users, n_items = int(user.max()) + 1, int(item.max()) + 1
    histories, order = Histories.build(user, item, n_users=n_users), np.arange(n_items)
    factors, retrain = timed(lambda: fit(histories, n_items, Hyper()))
    users, everybody = timed(lambda: fold_in(factors, histories))
    (lists, scores), all_lists = timed(lambda: top_k(users, factors.H, histories, K, order))
    changed = np.random.default_rng(0).choice(n_users, n_users // 100, replace=False)
    own = histories.take(changed)
    few, fold = timed(lambda: fold_in(factors, own))
    (few_lists, few_scores), few_top = timed(lambda: top_k(few, factors.H, own, K, order))
    print(f"{n_users} people, {n_items} items, {user.size} events, width {Hyper().width}, {Hyper().sweeps} sweeps")
    for name, seconds in (
        ("fit", retrain),
        ("fold-in of everybody", everybody),
        (f"top {K} of everybody", all_lists),
        (f"fold-in of {len(changed)} people", fold),
        (f"fold-in and top {K} of {len(changed)} people", fold + few_top),
    ):
        print(f"  {name:40} {seconds:8.3f} CPU s {seconds / (retrain + everybody):8.2%} of fit and fold-in")
    differing = (few != users[changed]).any(1), (few_lists != lists[changed]).any(1), few_scores != scores[changed]
    print("people whose factor, list or score differs from everybody's pass:", *(int(each.sum()) for each in differing))


if __name__ == "__main__":
    main()
