"""How long a fit takes to be as good as implicit's best, on Gowalla. Prints figures, passes or fails on none.

    MMREC_TEST_DATA=folder python bench/fit.py [width]     (64 by default; reads gowalla/interactions.parquet there;
                                                            the peer: pip install implicit)

A tenth of the train events is held back and decides; the published test split is not read. Each way runs alone, on 2
threads, three times in turn. implicit runs with the best of the settings that were tried on the same held-back events
(PEER), and its clock stops at the iteration with its best NDCG@20. Ours stops at the first sweep that is as good; it
runs again with every sweep exact, and once as it is served: the same number of sweeps, of which the last is exact.
Judging stops every clock. Seconds are CPU seconds of all threads, medians: other work on the machine moves them less
than wall time. implicit has factors of people at the end of an iteration; ours are folded in exactly, and that is a
column of its own.

The article's way is a loop over single interactions: two `nn.Embedding`, squared error of one product to 1, Adam. Its
speed is that of a few hundred of them.
"""

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

THREADS = 2
os.environ |= {"OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": "1"}
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])

import numpy as np  # noqa: E402  (after the number of threads is set)
import polars as pl  # noqa: E402
import torch  # noqa: E402

from mmrec.evaluation import metrics  # noqa: E402
from mmrec.models.factorization import Hyper, ItemFactors, fit, fits, fold_in  # noqa: E402
from mmrec.models.histories import Histories  # noqa: E402
from mmrec.models.ranking import top_k  # noqa: E402

ROUNDS, K, JUDGED, SWEEPS, ONE_BY_ONE = 3, 20, 3_000, 6, 100
OURS = Hyper(alpha=0.01, regularization=0.5, exponent=0.5, sweeps=SWEEPS)
PEER = {"alpha": 100.0, "regularization": 150.0}  # of α 1 to 100 and λ .01 to 150, seven pairs


@dataclass(frozen=True)
class Reached:
    """Where a way stopped: NDCG@20, the number of passes, CPU seconds of the fit and of folding everybody in."""

    ndcg: float
    passes: int
    seconds: float
    folding: float = 0.0


class Data:
    """The events that are fitted, and some people's that decide."""

    def __init__(self, path: Path) -> None:
        events = pl.read_parquet(path).filter(pl.col("split") == "train")
        user, item = (events[name].cast(pl.Int64).to_numpy() for name in ("user_id", "item_id"))
        self.n_items, n = int(item.max()) + 1, int(user.max()) + 1
        rng = np.random.default_rng(0)
        held = rng.random(user.size) < 0.1
        self.train = Histories.build(user[~held], item[~held], n_users=n)
        self.judged = np.sort(rng.choice(n, min(n, JUDGED), replace=False))
        self.known = self.train.take(self.judged)
        self.held = Histories.build(user[held], item[held], n_users=n).take(self.judged)

    def ndcg(self, users: np.ndarray, items: np.ndarray) -> float:
        """NDCG@20 of the judged people's lists."""
        lists, _ = top_k(users.astype(float), items.astype(float), self.known, K, np.arange(self.n_items))
        return float(np.nanmean(metrics.ndcg(lists, self.held, K)))


def main() -> None:
    """Every way in turn, and a line for each."""
    path = Path(os.environ.get("MMREC_TEST_DATA", ".")) / "gowalla" / "interactions.parquet"
    if not path.is_file():
        raise SystemExit(f"{path} is not there: name the folder that holds gowalla/ by MMREC_TEST_DATA")
    if not importlib.util.find_spec("implicit"):
        raise SystemExit("implicit is not installed, and its best is the goal: pip install implicit")
    torch.set_num_threads(THREADS)
    hyper = replace(OURS, width=int(sys.argv[1]) if len(sys.argv) > 1 else OURS.width)
    data = Data(path)
    goal = by_implicit(data, hyper.width)
    ways: dict[str, Callable[[], Reached]] = {
        "implicit": lambda: by_implicit(data, hyper.width),
        "mmrec": lambda: until(data, goal.ndcg, hyper, exact=0),
        "mmrec, every sweep exact": lambda: until(data, goal.ndcg, hyper, exact=hyper.sweeps),
    }
    found = {name: [work() for _ in range(ROUNDS)] for name, work in ways.items()}
    sweeps = found["mmrec"][0].passes
    found["mmrec, as served"] = [served(data, replace(hyper, sweeps=sweeps)) for _ in range(ROUNDS)]
    print(f"{len(data.train)} people, {data.n_items} items, {data.train.items.size} events; width {hyper.width}")
    print(f"{'':26} {'NDCG@20':>8} {'passes':>6} {'CPU s':>7} {'× implicit':>10} {'+ everybody':>11} {'×':>6}")
    for name, runs in found.items():
        show(name, runs, found["implicit"])
    show_one_by_one(data, hyper, found["mmrec"])


def by_implicit(data: Data, width: int) -> Reached:
    """The iteration with its best NDCG@20, and the CPU seconds until then."""
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((data.train.weights.astype(np.float32), data.train.items, data.train.indptr))
    matrix.resize(len(data.train), data.n_items)
    model = AlternatingLeastSquares(factors=width, iterations=SWEEPS, random_state=0, num_threads=THREADS, **PEER)
    reached, spent, began = [], 0.0, time.process_time()

    def judge(iteration: int, *_: object) -> None:
        nonlocal spent, began
        spent += time.process_time() - began
        ndcg = data.ndcg(model.user_factors[data.judged], model.item_factors)
        reached.append(Reached(ndcg, iteration + 1, spent))
        began = time.process_time()

    model.fit(matrix, show_progress=False, callback=judge)
    return max(reached, key=lambda each: each.ndcg)


def until(data: Data, goal: float, hyper: Hyper, *, exact: int) -> Reached:
    """The first sweep that reaches the goal, or the best one where none does."""
    best, spent = (-1.0, 0.0), 0.0
    for factors, seconds in timed(fits(data.train, data.n_items, hyper, exact=exact)):
        spent += seconds
        ndcg = data.ndcg(fold_in(factors, data.known), factors.H)
        if ndcg > best[0]:
            best, kept = (ndcg, spent), factors
        if ndcg >= goal:
            break
    return folded(data, kept, *best)


def timed(made: Iterator[ItemFactors]) -> Iterator[tuple[ItemFactors, float]]:
    """What an iterator makes, with the CPU seconds that each took."""
    began = time.process_time()
    for each in made:
        yield each, time.process_time() - began
        began = time.process_time()


def served(data: Data, hyper: Hyper) -> Reached:
    """A whole fit, its last sweep exact."""
    began = time.process_time()
    factors = fit(data.train, data.n_items, hyper)
    spent = time.process_time() - began
    return folded(data, factors, data.ndcg(fold_in(factors, data.known), factors.H), spent)


def folded(data: Data, factors: ItemFactors, ndcg: float, spent: float) -> Reached:
    """With the CPU seconds of folding everybody in."""
    began = time.process_time()
    fold_in(factors, data.train)
    return Reached(ndcg, factors.hyper.sweeps, spent, time.process_time() - began)


def show(name: str, runs: list[Reached], peer: list[Reached]) -> None:
    """A line: where it stopped, seconds, and how often they go into implicit's; then with everybody folded in."""
    seconds, whole, theirs = (
        statistics.median(each)
        for each in ([r.seconds for r in runs], [r.seconds + r.folding for r in runs], [r.seconds for r in peer])
    )
    line = f"{seconds:7.2f} {theirs / seconds:10.2f} {whole:11.2f} {theirs / whole:6.2f}"
    print(f"{name:26} {runs[0].ndcg:8.4f} {runs[0].passes:6} {line}")


def show_one_by_one(data: Data, hyper: Hyper, ours: list[Reached]) -> None:
    """The article's way beside ours: interactions a CPU second, and NDCG@20."""
    torch.manual_seed(0)
    users, items = torch.nn.Embedding(len(data.train), hyper.width), torch.nn.Embedding(data.n_items, hyper.width)
    optimizer = torch.optim.Adam([*users.parameters(), *items.parameters()], lr=1e-3)
    rows, cols = torch.from_numpy(data.train.rows), torch.from_numpy(data.train.items.astype(np.int64))
    chosen = np.random.default_rng(0).choice(len(rows), ONE_BY_ONE, replace=False)
    began = time.process_time()
    for at in chosen:
        optimizer.zero_grad()
        loss = ((users(rows[at]) * items(cols[at])).sum() - 1) ** 2
        loss.backward()
        optimizer.step()
    theirs = ONE_BY_ONE / (time.process_time() - began)
    ndcg = data.ndcg(users.weight.detach().numpy()[data.judged], items.weight.detach().numpy())
    passes = ours[0].passes * data.train.items.size
    mine = passes / statistics.median(each.seconds for each in ours)
    print(
        f"interactions a CPU second: one by one with Adam {theirs:,.0f} (NDCG@20 {ndcg:.4f} after {ONE_BY_ONE}), ",
        end="",
    )
    print(f"mmrec {mine:,.0f}, {mine / theirs:,.0f} × (NDCG@20 {ours[0].ndcg:.4f})")


if __name__ == "__main__":
    main()
