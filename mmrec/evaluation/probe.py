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
from mmrec.models.factorization import fit, fold_in
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.ranking import top_k

K = 20
MINIMUM_PEOPLE = 100  # a bootstrap interval of fewer covers too seldom: 88 % at 100 people, 70 % at 30 (measured)
_TENTHS, _FOLDS = 10, 3
_WIDTH, _SWEEPS = 32, 2  # vectors are compared here, not models: two sweeps are nearly as good as six (ML-100K)


@dataclass(frozen=True)
class Probe:
    """NDCG@20 of hidden items ranked by content, the same of a random order, and their paired difference a person."""

    ndcg: Interval
    chance: Interval
    above_chance: Interval

    @property
    def is_telling(self) -> bool:
        """Whether there are people enough for the intervals to mean something."""
        return self.ndcg.people >= MINIMUM_PEOPLE


def cold_items(problem: Problem, modality: str) -> Probe:
    """Rank items that are hidden from the fit by one modality alone, in three folds; the same numbers give the same."""
    folds = [_fold(problem, modality, number) for number in range(_FOLDS)]
    made, chance = (_mean([fold[side] for fold in folds]) for side in (0, 1))
    return Probe(metrics.interval(made), metrics.interval(chance), metrics.interval(made - chance))


def _fold(problem: Problem, modality: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """NDCG of every person by content and at random, float64 [n_users] each; NaN for who liked nothing hidden."""
    dealt = np.random.default_rng(0).permutation(problem.n_items) % _TENTHS == number
    asked = dealt & problem.present[modality]
    fitted, held = metrics.only(problem.train, ~dealt), metrics.only(problem.train, asked)
    features = Layout.over({modality: 1.0}, problem.blocks).features(problem.blocks, problem.present)
    candidate = next(each for each in problem.candidates if each.block_weights is not None)
    factors = fit(fitted, problem.n_items, replace(candidate.hyper, width=_WIDTH, sweeps=_SWEEPS), features)
    lists, _ = top_k(fold_in(factors, fitted), factors.H, fitted, K, problem.item_order, asked)
    return metrics.ndcg(lists, held, K), metrics.ndcg(_at_random(problem, fitted, asked, number), held, K)


def _at_random(problem: Problem, fitted: Histories, asked: np.ndarray, seed: int) -> np.ndarray:
    draws = np.random.default_rng(seed).normal(size=(len(fitted), _WIDTH))
    items = np.random.default_rng([seed, 1]).normal(size=(problem.n_items, _WIDTH))
    lists, _ = Scores(draws, items).top_k(fitted, K, problem.item_order, asked)
    return lists


def _mean(folds: list[np.ndarray]) -> np.ndarray:
    """The mean over the folds in which a person has a figure; NaN where there is none."""
    stacked = np.stack(folds)
    there = ~np.isnan(stacked)
    counts = there.sum(axis=0)
    total = np.where(there, stacked, 0.0).sum(axis=0)
    return np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
