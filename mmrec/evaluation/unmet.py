"""Which blocks of content place items that nobody has met: chosen on train items that are hidden from a fit.

Validation hardly sees new items, so content is judged where it counts. Tenths of the items are hidden from a fit
without content, the hidden ones are placed by the map (`mmrec/fusion/maps.py`), and people rank them among
themselves; what counts is NDCG over the hidden items they have liked in train. Blocks are taken one after the other:
the best alone, then whichever makes it better by a paired interval above 0. So a block without information is left
out, unless some item has nothing else: then it is read with little weight.

Here: that choice and its trials. Not here: the search around it (`search.py`), and one encoder beside chance
(`probe.py`). Neither validation nor test is read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.fusion import maps
from mmrec.fusion.layout import Layout
from mmrec.models import factorization
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores

TENTHS, FOLDS, SWEEPS = 10, 2, 4
WEIGHTS = (1.0, 0.3)  # that a block is added with
LITTLE = 0.1  # the weight of a block that is read for items that have nothing else
_MOST_PEOPLE = 20_000  # who are fitted and asked, drawn where there are more


@dataclass(frozen=True)
class Weighed:
    """Block weights, the kind of map, and what each person's ranking of hidden items by them is worth.

    `work` is people × sweeps of the fits that all of a choice share, in equal parts.
    """

    weights: Mapping[str, float]
    kind: str
    ndcg: np.ndarray = field(compare=False, repr=False)
    seconds: float = field(compare=False)
    work: int = 0

    @property
    def mean(self) -> float:
        """Over the people who have liked a hidden item; −1 without any."""
        return float(np.nanmean(self.ndcg)) if (~np.isnan(self.ndcg)).any() else -1.0


@dataclass(frozen=True)
class _Fold:
    """A tenth of the items, hidden from a fit."""

    hidden: np.ndarray  # their positions
    warm: np.ndarray  # positions of the items that were fitted
    factors: ItemFactors
    users: np.ndarray
    held: Histories  # what people have liked of the hidden ones, numbered as in `hidden`


def choose(problem: Problem, hyper: Hyper) -> list[Weighed]:
    """Everything that was tried, the choice first. Nothing where there is no block."""
    folds = _folds(problem, hyper)
    names = sorted(name for name in problem.blocks if problem.present[name].any())
    tried = [_weighed(problem, folds, {name: 1.0}) for name in names]
    best = max(tried, key=lambda each: each.mean, default=None)
    while best is not None:
        others = [name for name in names if name not in best.weights]
        wider = [_weighed(problem, folds, {**best.weights, name: weight}) for name in others for weight in WEIGHTS]
        tried += wider
        found = max(wider, key=lambda each: each.mean, default=None)
        if found is None or not metrics.interval(found.ndcg - best.ndcg, problem.seed).low > 0:
            break
        best = found
    if best is None:
        return []
    weights = _for_all(problem, best.weights, names)
    if weights != best.weights:
        tried.append(best := _weighed(problem, folds, weights))
    for kind in problem.fusion[1:]:
        tried.append(other := _weighed(problem, folds, best.weights, kind))
        best = other if metrics.interval(other.ndcg - best.ndcg, problem.seed).low > 0 else best
    part = max(1, len(folds[0].users) * FOLDS * min(hyper.sweeps, SWEEPS) // len(tried))
    return [replace(each, work=part) for each in (best, *(one for one in tried if one is not best))]


def by_kind(problem: Problem, hyper: Hyper, weights: Mapping[str, float], kinds: Sequence[str]) -> list[Weighed]:
    """These weights by the map of each kind."""
    folds = _folds(problem, hyper)
    return [_weighed(problem, folds, weights, kind) for kind in kinds]


def _for_all(problem: Problem, weights: Mapping[str, float], names: list[str]) -> Mapping[str, float]:
    """The weights with a little of every block that some item has alone."""
    read = np.any([problem.present[name] for name in weights], axis=0)
    alone = [name for name in names if name not in weights and (problem.present[name] & ~read).any()]
    return {**weights, **dict.fromkeys(alone, LITTLE)}


def _folds(problem: Problem, hyper: Hyper) -> list[_Fold]:
    people = np.sort(np.random.default_rng(problem.seed).permutation(problem.n_users)[:_MOST_PEOPLE])
    return [_fold(problem, people, hyper, number) for number in range(FOLDS)]


def _fold(problem: Problem, people: np.ndarray, hyper: Hyper, number: int) -> _Fold:
    dealt = np.random.default_rng(problem.seed).permutation(problem.n_items) % TENTHS == number
    train = problem.train.take(people)
    known = metrics.only(train, ~dealt)
    factors = factorization.fit(known, problem.n_items, replace(hyper, sweeps=min(hyper.sweeps, SWEEPS)))
    hidden, place = np.flatnonzero(dealt), np.full(problem.n_items, -1)
    place[hidden] = np.arange(len(hidden))
    held = metrics.only(train, dealt).renumbered(place)
    return _Fold(hidden, np.flatnonzero(factors.counts), factors, factorization.fold_in(factors, known), held)


def _weighed(problem: Problem, folds: list[_Fold], weights: Mapping[str, float], kind: str | None = None) -> Weighed:
    """These weights in every fold: the mean over the folds in which a person has a figure."""
    began, kind, layout = time.perf_counter(), kind or problem.fusion[0], Layout.over(weights, problem.blocks)
    features = layout.features(problem.blocks, problem.present)
    found = np.stack([_ndcg(fold, kind, layout, features) for fold in folds])
    there = ~np.isnan(found)
    counts = there.sum(0)
    total = np.where(there, found, 0.0).sum(0)
    ndcg = np.divide(total, counts, out=np.full(len(total), np.nan), where=counts > 0)
    return Weighed(dict(weights), kind, ndcg, time.perf_counter() - began)


def _ndcg(fold: _Fold, kind: str, layout: Layout, features: np.ndarray) -> np.ndarray:
    """Of every person: NDCG of their ranking of the hidden items."""
    made = maps.fit(kind, layout, features, fold.warm, fold.factors.H[fold.warm], fold.factors.hyper.seed)
    placed = factorization.cold_items(replace(fold.factors, B=made.matrix), made.features[fold.hidden])
    nothing = Histories.build(np.zeros(0, np.int64), np.zeros(0, np.int64), n_users=len(fold.users))
    lists, _ = Scores(fold.users, placed).top_k(nothing, DECIDES, np.arange(len(placed)))
    return metrics.ndcg(lists, fold.held, DECIDES)
