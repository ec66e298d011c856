"""What lists are worth: accuracy against held-out items, breadth, and how sure a figure is.

Here: per-person Recall, NDCG and MAP, list-level coverage, novelty and diversity, the warm and cold segments, bootstrap
intervals, and rows of a table of all that. Not here: who is compared on what (`selection.py`) and how lists are made
(`mmrec/models/ranking.py`). numpy only.

Lists are int32 [n, k], best first, −1 = empty. Held-out items are `Histories` (weights are not read) with one row for
each list; people with none held out have NaN and count in no mean.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mmrec.models.histories import Histories

DRAWS = 1_000
CELLS = 4_000_000  # people × draws held at once, 32 MB
ENOUGH = 100  # people below which a bootstrap interval looks more certain than it is: 88 % cover at 100, 70 % at 30
ALL, WARM, COLD = "all", "warm items", "cold items"  # held-out items with or without events in the fit
FEW = r"(0 of \d+|too few people for an interval: \d+)"  # what a note says in place of an interval
Figures = Mapping[tuple[str, str], np.ndarray]  # (metric, segment) → one value a person


@dataclass(frozen=True)
class Interval:
    """A mean over people and its bootstrap interval."""

    value: float
    low: float
    high: float
    people: int


@dataclass(frozen=True)
class Row:
    """One figure: a mean over people and its 95 % bootstrap interval; None where there is none, or too few people."""

    model: str
    split: str  # validation or test
    metric: str
    segment: str
    value: float | None
    low: float | None
    high: float | None
    people: int
    note: str | None = None
    minus: str | None = None  # of a paired difference: the model that is taken from `model`, person by person
    p: float | None = None  # of a paired difference that belongs to a family: corrected for all of it

    @property
    def label(self) -> str:
        """What the row is of, in words: `a`, or `a − b`."""
        return self.model if self.minus is None else f"{self.model} − {self.minus}"


def hits(lists: np.ndarray, held: Histories) -> np.ndarray:
    """bool [n, k]: the list's item is held out for that person."""
    width = int(max(lists.max(initial=0), held.items.max(initial=0))) + 1
    wanted = held.rows * width + held.items
    asked = np.arange(len(lists))[:, None] * width + lists
    return np.isin(asked, wanted) & (lists >= 0)


def recall(lists: np.ndarray, held: Histories, k: int) -> np.ndarray:
    """float64 [n]: held-out items in the first k, as a share of all held-out items."""
    return _ratio(hits(lists[:, :k], held).sum(1), held.lengths)


def ndcg(lists: np.ndarray, held: Histories, k: int) -> np.ndarray:
    """float64 [n]: Σ hit/log₂(rank + 1) over what min(k, held-out) hits at the top would give (Järvelin 2002)."""
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(held.lengths, k)]
    found = hits(lists[:, :k], held)
    return _ratio((found * gains[: found.shape[1]]).sum(1), ideal)


def average_precision(lists: np.ndarray, held: Histories, k: int) -> np.ndarray:
    """float64 [n]: precision at each hit, summed, over min(k, held-out); its mean over people is MAP@k."""
    found = hits(lists[:, :k], held)
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return _ratio((found * precision).sum(1), np.minimum(held.lengths, k))


def kept(held: Histories, keep: np.ndarray) -> Histories:
    """The held-out items of the events that are kept (bool [events]); the rows stay."""
    ends = np.concatenate([[0], np.cumsum(keep)])[held.indptr]
    return Histories(ends.astype(np.int64), held.items[keep], held.weights[keep])


def only(held: Histories, items: np.ndarray) -> Histories:
    """Held-out items restricted to a segment (bool [n_items]), such as `counts == 0`, the cold ones."""
    return kept(held, items[held.items])


def without(held: Histories, seen: Histories) -> Histories:
    """Held-out items less those in the same person's `seen`, which no list may hold."""
    width = int(max(held.items.max(initial=0), seen.items.max(initial=0))) + 1
    return kept(held, ~np.isin(held.rows * width + held.items, seen.rows * width + seen.items))


def coverage(lists: np.ndarray, n_servable: int) -> float:
    """The share of servable items that stand in anybody's list."""
    return np.unique(lists[lists >= 0]).size / n_servable if n_servable else 0.0


def popular_share(lists: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """float64 [n]: the share of a list that the most popular tenth of the items holds (`counts`: people of each)."""
    popular = np.zeros(len(counts), bool)
    popular[np.argsort(-counts, kind="stable")[: -(-len(counts) // 10)]] = True
    there = lists >= 0
    return _ratio((popular[lists] & there).sum(1), there.sum(1))


def novelty(lists: np.ndarray, counts: np.ndarray, n_people: int) -> np.ndarray:
    """float64 [n]: mean surprise −log₂((people of the item + 1) / (people + 1)), in bits (Zhou et al. 2010)."""
    bits = -np.log2((counts + 1) / (n_people + 1))
    return _ratio(np.where(lists >= 0, bits[lists], 0.0).sum(1), (lists >= 0).sum(1))


def diversity(lists: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """float64 [n]: 1 − mean cosine over the pairs of a list (Ziegler et al. 2005); NaN with fewer than two items.

    `vectors` [n_items, d]; an item without a vector (zeros) has cosine 0 with everything.
    """
    norms = np.sqrt((vectors**2).sum(-1, keepdims=True))
    unit = np.zeros((len(vectors) + 1, vectors.shape[1]))  # the last row is that of −1, no item
    np.divide(vectors, norms, out=unit[:-1], where=norms > 0)
    total, room = np.zeros((2, len(lists), vectors.shape[1]))
    for rank in range(lists.shape[1]):  # Σ_{a≠b} v_a·v_b = ‖Σ v‖² − Σ ‖v‖²
        total += unit.take(lists[:, rank], axis=0, out=room, mode="wrap")
    same = (unit**2).sum(-1)[lists].sum(1)
    m = (lists >= 0).sum(1)
    return 1 - _ratio((total**2).sum(-1) - same, m * (m - 1))


def interval(values: np.ndarray, seed: int = 0, draws: int = DRAWS, level: float = 0.95) -> Interval:
    """The mean over people (NaN left out) with its percentile bootstrap interval (Efron 1979), seeded.

    Paired differences are the same call on a − b. Without anybody the figures are NaN and `people` is 0.
    """
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if not values.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    means = _resampled(values, seed, draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), int(values.size))


def _resampled(values: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """The mean of every draw of as many people, float64 [draws]."""
    n = values.size
    if draws * n <= CELLS:
        # Not by BLAS, whose last bit may depend on the number of threads.
        return np.einsum("ij,j->i", _times_drawn(n, seed, draws), values) / n
    rng, step = np.random.default_rng(seed), max(1, CELLS // n)
    parts = (rng.integers(0, n, (min(step, draws - start), n)) for start in range(0, draws, step))
    return np.concatenate([values[drawn].mean(1) for drawn in parts])


@lru_cache(maxsize=4)
def _times_drawn(n: int, seed: int, draws: int) -> np.ndarray:
    """How often each of n people is in each draw, float64 [draws, n]: the same for every figure of as many people."""
    drawn = np.random.default_rng(seed).integers(0, n, (draws, n)) + np.arange(draws)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


# What is asked of every person's list, by the name before its cut-off: (lists, held, k) → float64 [n].
ACCURACY: Mapping[str, Callable[[np.ndarray, Histories, int], np.ndarray]] = {
    "NDCG": ndcg,
    "Recall": recall,
    "MAP": average_precision,
}


def accuracy(lists: np.ndarray, held: Histories, cold: np.ndarray, k: int) -> Figures:
    """Every person's `ACCURACY` at k over all held-out items, the warm and the cold ones (bool [n_items])."""
    return {
        (f"{name}@{k}", segment): figure(lists, items, k)
        for segment, items in ((ALL, held), (WARM, only(held, ~cold)), (COLD, only(held, cold)))
        for name, figure in ACCURACY.items()
    }


def rows(
    figures: Mapping[str, Figures], split: str, seed: int = 0, notes: Mapping[str, str | None] | None = None
) -> tuple[Row, ...]:
    """A row for each model, metric and segment; `notes` by model."""
    return tuple(
        _row(model, split, *key, values, seed, note=(notes or {}).get(model))
        for model, by_metric in figures.items()
        for key, values in by_metric.items()
    )


def differences(figures: Mapping[str, Figures], model: str, split: str, seed: int = 0) -> tuple[Row, ...]:
    """`model` − every other, person by person, so that what makes a person easy or hard cancels."""
    return tuple(
        _row(model, split, *key, values - by_metric[key], seed, minus=other)
        for other, by_metric in figures.items()
        if other != model
        for key, values in figures[model].items()
    )


@dataclass(frozen=True)
class Listed:
    """Everybody's lists of one model, and what breadth is measured by."""

    lists: np.ndarray
    counts: np.ndarray  # int64 [n_items], people of each item in train
    people: int  # in train
    vectors: np.ndarray | None  # float [n_items, d], where items have content to differ in
    listable: int  # items that a list may hold


# What is asked of the lists as they are: a value a person, one for all, or None where it cannot be asked.
BREADTH: Mapping[str, Callable[[Listed], np.ndarray | float | None]] = {
    "Coverage": lambda of: coverage(of.lists, of.listable),
    "Popular share": lambda of: popular_share(of.lists, of.counts),
    "Novelty": lambda of: novelty(of.lists, of.counts, of.people),
    "Diversity": lambda of: None if of.vectors is None else diversity(of.lists, of.vectors),
}


def breadth(
    lists: Mapping[str, np.ndarray], train: Histories, vectors: np.ndarray | None, listable: np.ndarray, split: str
) -> tuple[Row, ...]:
    """`BREADTH` of every model's lists; one number for all has no interval."""
    counts, people = np.bincount(train.items, minlength=len(listable)), int((train.lengths > 0).sum())
    out: list[Row] = []
    for model, made in lists.items():
        of = Listed(made, counts, people, vectors, int(listable.sum()))
        for name, figure in BREADTH.items():
            found, metric = figure(of), f"{name}@{made.shape[1]}"
            if isinstance(found, float):
                out.append(Row(model, split, metric, ALL, found, None, None, people))
            elif found is not None:
                out.append(_row(model, split, metric, ALL, found))
    return tuple(out)


def _row(
    model: str,
    split: str,
    metric: str,
    segment: str,
    values: np.ndarray,
    seed: int = 0,
    *,
    note: str | None = None,
    minus: str | None = None,
) -> Row:
    values = values[~np.isnan(values)]
    if not values.size:
        return Row(model, split, metric, segment, None, None, None, 0, note, minus)
    if few := _few(values, minus):
        return Row(
            model, split, metric, segment, float(values.mean()), None, None, values.size, joined(note, few), minus
        )
    found = interval(values, seed)
    return Row(model, split, metric, segment, found.value, found.low, found.high, found.people, note, minus)


def _few(values: np.ndarray, minus: str | None) -> str:
    """Why a figure has no interval, or an empty string: then nothing needs to be drawn."""
    if minus is None and not values.any():
        return f"0 of {values.size}"
    return f"too few people for an interval: {values.size}" if values.size < ENOUGH else ""


def joined(*notes: str | None) -> str:
    """What there is of several notes, as one."""
    return "; ".join(each for each in notes if each)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where there is nothing to divide by."""
    out = np.full(len(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
