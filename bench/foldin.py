"""What a change of 1 % of the people costs against fitting again, on Gowalla. Prints figures, passes or fails on none.

    MMREC_TEST_DATA=folder python bench/foldin.py [draws]      (20 by default; reads gowalla/interactions.parquet there)

Of 20 groups of 1 % of the people, drawn at random without overlap, a tenth of the train events is held back, and item
factors are fitted once on the rest. In each draw the events of one group arrive. Then two ways of bringing everybody's
list up to date are compared, pair by pair: folding the group in and ranking for it alone, everybody else's list
staying; and fitting everything again, folding everybody in and ranking for everybody. NDCG@20 is that of everybody's
lists on the published test split, with the train events of the draw masked. The settings are the model's defaults,
which are not tuned for Gowalla.

Seconds are CPU seconds of the process on all its threads: other work on the machine moves them less than wall time,
but does move them, so the median of the pairs stands with their range.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from mmrec.evaluation import metrics
from mmrec.models.factorization import Hyper, ItemFactors, fit, fold_in
from mmrec.models.histories import Histories
from mmrec.models.ranking import top_k

K, DECIDES, GROUPS, BAR, KEPT = 50, 20, 20, 0.01, 0.995
T = TypeVar("T")
Lists = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Fit on the rest, then draw by draw: fold in, fit again, compare."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else GROUPS
    train, test = read()
    n_items = int(max(train.items.max(), test.items.max())) + 1
    group, back = held_back(train)
    known = part(train, back < 0)
    print(f"{len(train)} people, {n_items} items, {train.items.size} events; {Hyper()}; top {K}")
    print(f"{sum(group == 0)} people and {sum(back == 0)} events a draw; shared machine, CPU seconds")
    factors = fit(known, n_items, Hyper())
    before = everybody(factors, known)
    rows = []
    for draw in range(draws):
        now, changed = part(train, (back < 0) | (back == draw)), np.flatnonzero(group == draw)
        rows.append(compare(factors, before, now, changed, test))
        show(f"draw {draw}", rows[-1])
    told = np.array(rows)
    show("median", np.median(told, axis=0))
    show("lowest", told.min(axis=0))
    show("highest", told.max(axis=0))
    print(f"bars: a share of at most {BAR:.0%} at a quality of at least {KEPT:.1%}")


def compare(factors: ItemFactors, before: Lists, now: Histories, changed: np.ndarray, test: Histories) -> list[float]:
    """CPU seconds of both ways, their ratio, both NDCGs, their ratio, and lists that differ from everybody's pass."""
    own = now.take(changed)
    (lists, _), few = timed(lambda: everybody(factors, own))
    served = before[0].copy()
    served[changed] = lists
    again, all_of_it = timed(lambda: everybody(fit(now, len(factors.H), Hyper()), now)[0])
    held = metrics.without(test, now)
    ndcg = [float(np.nanmean(metrics.ndcg(each, held, DECIDES))) for each in (served, again)]
    return [few, all_of_it, few / all_of_it, *ndcg, ndcg[0] / ndcg[1]]


def everybody(factors: ItemFactors, histories: Histories) -> Lists:
    """The lists and scores of everybody in `histories`, folded in exactly."""
    users = fold_in(factors, histories)
    return top_k(users, factors.H, histories, K, np.arange(len(factors.H)))


def held_back(train: Histories) -> tuple[np.ndarray, np.ndarray]:
    """The group of every person and of every event that is held back with it, −1 for none. Seeded."""
    rng = np.random.default_rng(0)
    group = np.full(len(train), -1)
    size = len(train) // 100
    group[rng.permutation(len(train))[: GROUPS * size]] = np.repeat(np.arange(GROUPS), size)
    chosen = rng.random(train.items.size) < 0.1
    chosen[train.indptr[:-1]] |= group >= 0  # one event of each at least
    return group, np.where(chosen, group[train.rows], -1)


def part(histories: Histories, keep: np.ndarray) -> Histories:
    """Some of the events."""
    return Histories.build(histories.rows[keep], histories.items[keep], histories.weights[keep], n_users=len(histories))


def read() -> tuple[Histories, Histories]:
    """The published train and test split."""
    path = Path(os.environ.get("MMREC_TEST_DATA", ".")) / "gowalla" / "interactions.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; set MMREC_TEST_DATA to the folder of the test data")
    events = pl.read_parquet(path)
    people = int(events["user_id"].max()) + 1
    splits = (events.filter(pl.col("split") == split) for split in ("train", "test"))
    train, test = (Histories.build(e["user_id"].to_numpy(), e["item_id"].to_numpy(), n_users=people) for e in splits)
    return train, test


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and the CPU seconds it took."""
    began = time.process_time()
    return work(), time.process_time() - began


def show(name: str, row: list[float] | np.ndarray) -> None:
    """One line of figures."""
    few, again, share, ndcg, ndcg_again, quality = row
    print(
        f"{name:8} fold-in {few:6.3f} s   fit again {again:6.2f} s   share {share:7.3%}   "
        f"NDCG@{DECIDES} {ndcg:.5f} and {ndcg_again:.5f}: {quality:7.3%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
