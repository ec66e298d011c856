"""Exact top-K lists without seen items, beside faiss, implicit, torch and the bare matrix product. Prints figures.

    python bench/topk.py [people]        (2,000 by default; peers: pip install implicit faiss-cpu)

50,000 items and people of width 64, normal random numbers, the hardest case: no item is long or popular. K is 50, and
30 seen items a person are left out. All run in this process on 2 threads, in turn, nine rounds; seconds are medians.
*Same lists* are those of the same items as ours: peers rank in float32 and settle no ties, ours ranks in float64. faiss
knows no seen items of each query; it is asked for 80, and the seen ones are struck out. torch multiplies tile by tile
and masks. The matrix product is the fastest of numpy and torch, with its result thrown away.
"""

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable

THREADS = 2
os.environ |= {name: str(THREADS) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402

from mmrec.models.histories import Histories  # noqa: E402
from mmrec.models.ranking import top_k  # noqa: E402

ITEMS, WIDTH, K, SEEN, ROUNDS, TILE = 50_000, 64, 50, 30, 9, 256
Way = Callable[[], np.ndarray | None]


def main() -> None:
    """All ways in turn, and a line for each."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(people, WIDTH)), rng.normal(size=(ITEMS, WIDTH))
    seen = Histories.build(np.repeat(np.arange(people), SEEN), rng.integers(0, ITEMS, people * SEEN), n_users=people)
    ways = ways_of(U, V, seen)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    lists = {name: work() for name, work in ways.items()}  # once to warm up
    for _ in range(ROUNDS):
        for name, work in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{people} people, {ITEMS} items, width {WIDTH}, K {K}, {THREADS} threads, medians of {ROUNDS} rounds")
    show(
        {name: tuple(statistics.median(each) for each in zip(*both, strict=True)) for name, both in taken.items()},
        lists,
    )


def ways_of(U: np.ndarray, V: np.ndarray, seen: Histories) -> dict[str, Way]:
    """Name → what it does; products return nothing."""
    order = np.arange(ITEMS)
    u, v = U.astype(np.float32), V.astype(np.float32)
    ways: dict[str, Way] = {
        "product, numpy": lambda: product_numpy(u, v),
        "product, torch": lambda: product_torch(u, v),
        "mmrec": lambda: top_k(U, V, seen, K, order)[0],
        "torch": lambda: by_torch(u, v, seen),
    }
    for name, module, way in (("implicit", "implicit", by_implicit), ("faiss", "faiss", by_faiss)):
        if importlib.util.find_spec(module):
            ways[name] = way(u, v, seen)
        else:
            print(f"{name} is not installed and left out: pip install implicit faiss-cpu")
    return ways


def product_numpy(u: np.ndarray, v: np.ndarray) -> None:
    """All scores, a tile of people at a time, into the same room."""
    right, room = np.ascontiguousarray(v.T), np.empty((TILE, ITEMS), np.float32)
    for start in range(0, len(u), TILE):
        some = u[start : start + TILE]
        np.matmul(some, right, out=room[: len(some)])


def product_torch(u: np.ndarray, v: np.ndarray) -> None:
    """The same by torch."""
    left, right, room = torch.from_numpy(u), torch.from_numpy(v).T, torch.empty(TILE, ITEMS)
    for some in left.split(TILE):
        torch.mm(some, right, out=room[: len(some)])


def by_torch(u: np.ndarray, v: np.ndarray, seen: Histories) -> np.ndarray:
    """Products, −inf for what is seen, `torch.topk`."""
    left, right, room, lists = torch.from_numpy(u), torch.from_numpy(v).T, torch.empty(TILE, ITEMS), []
    rows, items = torch.from_numpy(seen.rows), torch.from_numpy(seen.items.astype(np.int64))
    for start in range(0, len(u), TILE):
        scores = torch.mm(left[start : start + TILE], right, out=room[: len(left[start : start + TILE])])
        own = slice(seen.indptr[start], seen.indptr[min(start + TILE, len(u))])
        scores[rows[own] - start, items[own]] = -torch.inf
        lists.append(torch.topk(scores, K).indices)
    return torch.cat(lists).numpy()


def by_implicit(u: np.ndarray, v: np.ndarray, seen: Histories) -> Way:
    """implicit's own ranking, as its `recommend` calls it."""
    from implicit.cpu.topk import topk
    from scipy.sparse import csr_matrix

    strike = csr_matrix((seen.weights.astype(np.float32), seen.items, seen.indptr), shape=(len(u), ITEMS))
    return lambda: topk(v, u, K, filter_query_items=strike, num_threads=THREADS)[0]


def by_faiss(u: np.ndarray, v: np.ndarray, seen: Histories) -> Way:
    """An exact flat index, asked for K and as many as a person may have seen."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(v)
    met = np.sort(seen.rows * ITEMS + seen.items)

    def lists() -> np.ndarray:
        found = index.search(u, K + SEEN)[1]
        keys = found + ITEMS * np.arange(len(u))[:, None]
        struck = met[np.minimum(np.searchsorted(met, keys), met.size - 1)] == keys
        return np.take_along_axis(found, np.argsort(struck, axis=1, kind="stable")[:, :K], axis=1)

    return lists


def show(seconds: dict[str, tuple[float, float]], lists: dict[str, np.ndarray | None]) -> None:
    """A line a way: wall and CPU seconds, share of the fastest product, and equal sets of items."""
    products = [each for name, each in seconds.items() if name.startswith("product")]
    best = [min(each) for each in zip(*products, strict=True)]
    print(f"{'':16} {'wall s':>8} {'CPU s':>8} {'share of product: wall':>24} {'CPU':>6} {'same lists':>11}")
    for name, (wall, cpu) in seconds.items():
        made, ours = lists[name], lists["mmrec"]
        same = "" if made is None or ours is None else f"{(np.sort(made) == np.sort(ours)).all(axis=1).mean():.2%}"
        print(f"{name:16} {wall:8.3f} {cpu:8.3f} {best[0] / wall:24.2f} {best[1] / cpu:6.2f} {same:>11}")


if __name__ == "__main__":
    main()
