"""What one modality's vectors are worth for items that nobody has met yet: the cold-item probe.

The protocol is that of the model's cold tables (`bench/segments.py`). Items are dealt into tenths; in a fold one tenth
is hidden from the fit, and people rank the hidden items that have this modality among themselves, by content alone.
What counts is NDCG over the hidden items they have liked in train, so that test is never read. Here: that figure beside
chance. Not here: whether vectors are sound (`mmrec/queries/encoder_card.py`), which model is served (`selection.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.metrics import Interval
from mmrec.evaluation.problem import Problem
from mmrec.fusion.layout import Layout
from mmrec.models.factorization import Hyper, fit, fold_in
from mmrec.models.histories import Histories
from mmrec.models.ranking import top_k

K = 20
MINIMUM_PEOPLE = 100  # a bootstrap interval of fewer covers too seldom: 88 % at 100 people, 70 % at 30 (measured)
_MOST_PEOPLE = 20_000  # that are fitted and asked, drawn where there are more
_TENTHS, _FOLDS, _DEALS = 10, 3, 19  # above all of 19 deals: by chance once in twenty times
_RIDGE = 0.04  # λ_B over λ · events; ten times of it cost all recall of unmet items on ML-100K
_WIDTH, _SWEEPS = 32, 2  # vectors are compared here, not models: two sweeps are nearly as good as six (ML-100K)


@dataclass(frozen=True)
class Probe:
    """NDCG@20 of hidden items ranked by content, with its interval, and what chance gives.

    Chance is the same ranking after the hidden items' vectors were dealt among them anew: the mean of nineteen deals,
    and the best of them. An interval over people alone would take luck with a few popular items for skill.
    """

    ndcg: Interval
    chance: float
    best_chance: float

    @property
    def is_telling(self) -> bool:
        """Whether there are people enough for the figures to mean something."""
        return self.ndcg.people >= MINIMUM_PEOPLE

    @property
    def is_above_chance(self) -> bool:
        """Whether no deal was as good."""
        return self.ndcg.value > self.best_chance


def cold_items(problem: Problem, modality: str) -> Probe:
    """Rank items that are hidden from the fit by one modality alone, in three folds; the same numbers give the same."""
    people = np.sort(np.random.default_rng(2).permutation(problem.n_users)[:_MOST_PEOPLE])
    train = problem.train.take(people)
    folds = np.stack([_fold(problem, train, modality, number) for number in range(_FOLDS)])
    made, *dealt = _mean(folds)
    found = metrics.interval(made)
    by_chance = [metrics.interval(each, draws=1).value for each in dealt]
    return Probe(found, float(np.mean(by_chance)), float(np.max(by_chance)))


def _fold(problem: Problem, train: Histories, modality: str, number: int) -> np.ndarray:
    """Every person's NDCG by content and by each deal, float64 [1 + deals, people]; NaN who liked nothing hidden."""
    dealt = np.random.default_rng(0).permutation(problem.n_items) % _TENTHS == number
    asked = np.flatnonzero(dealt & problem.present[modality])
    fitted = metrics.only(train, ~dealt)
    features = Layout.over({modality: 1.0}, problem.blocks).features(problem.blocks, problem.present)
    hyper = Hyper(width=_WIDTH, sweeps=_SWEEPS, seed=problem.hyper.seed)
    ridge = max(1.0, _RIDGE * hyper.regularization * len(fitted.items))
    factors = fit(fitted, problem.n_items, replace(hyper, feature_regularization=ridge), features)
    users, items = fold_in(factors, fitted), factors.H[asked]
    place = np.full(problem.n_items, -1)
    place[asked] = np.arange(len(asked))
    held = metrics.only(train, place >= 0).renumbered(place)
    draw = np.random.default_rng(number)
    orders = [np.arange(len(asked)), *(draw.permutation(len(asked)) for _ in range(_DEALS))]
    return np.stack([_ndcg(users, items[order], held) for order in orders])


def _ndcg(users: np.ndarray, items: np.ndarray, held: Histories) -> np.ndarray:
    nothing = Histories.build(np.zeros(0, np.int64), np.zeros(0, np.int64), n_users=len(users))
    lists, _ = top_k(users, items, nothing, K, np.arange(len(items)))
    return metrics.ndcg(lists, held, K)


def _mean(folds: np.ndarray) -> np.ndarray:
    """The mean over the folds in which a person has a figure, [1 + deals, people]; NaN where there is none."""
    there = ~np.isnan(folds)
    counts = there.sum(axis=0)
    total = np.where(there, folds, 0.0).sum(axis=0)
    return np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
