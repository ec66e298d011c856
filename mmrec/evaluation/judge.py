"""What a candidate reaches on validation: a fit on some people's train events, and the NDCG@20 of those who are asked.

Here: who chooses and who confirms, and scores of a candidate by what is fitted already. Not here: which candidate is
tried (`search.py`), what is compared with it (`selection.py`). Test events are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.split import TRAIN, VALIDATION
from mmrec.models import dense, factorization
from mmrec.models.candidates import Candidate
from mmrec.models.cooccurrence import Counts, LinkSettings
from mmrec.models.factorization import ItemFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.links import SparseLinks
from mmrec.models.recency import Recency

HELD = 2  # fits that are kept in memory
ASKED = 10_000  # people with validation items who choose or confirm: more of them move no choice


def asked(problem: Problem) -> np.ndarray:
    """Up to `ASKED` people with validation items, in a seeded order."""
    order = _order(problem)
    return order[problem.held(VALIDATION).lengths[order] > 0][:ASKED]


def _order(problem: Problem) -> np.ndarray:
    return np.random.default_rng(problem.seed).permutation(problem.n_users)


def fit_settings(candidate: Candidate) -> tuple[object, ...]:
    """What a fit is a function of, apart from the events."""
    weights = candidate.block_weights
    return candidate.hyper, candidate.last_resort, None if weights is None else tuple(sorted(weights.items()))


class Judge:
    """Half of the people who are asked choose, the others confirm.

    Everything is fitted on train, and people are folded in, by conjugate gradients: what is served is fitted again.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.held, self.met = problem.held(VALIDATION), problem.met(TRAIN)
        self._order, people = _order(problem), asked(problem)
        self._chooses = np.zeros(problem.n_users, bool)
        self._chooses[people[::2]] = True
        self.confirmers = np.sort(people[1::2])  # who had no say
        self._factors: dict[tuple[object, ...], ItemFactors] = {}
        self._folded: tuple[tuple[object, ...], np.ndarray] | None = None
        self._histories: dict[Recency, Histories] = {}
        self._counts: dict[tuple[bool, float], Counts] = {}

    def people(self, share: float) -> np.ndarray:
        """A seeded share of everybody, in the order of their rows; a larger share holds a smaller one."""
        return np.sort(self._order[: round(share * len(self._order))])

    def choosers(self, share: float) -> np.ndarray:
        """Those of the share who choose."""
        people = self.people(share)
        return people[self._chooses[people]]

    def fits(self, candidate: Candidate, share: float) -> Iterator[tuple[Candidate, ItemFactors]]:
        """The candidate after every sweep of a fit on this share of the people."""
        known = self.problem.train if share == 1 else self.problem.train.take(self.people(share))
        features = self.problem.features(candidate)
        for factors in dense.fits(candidate, known, self.problem.n_items, features, exact=0):
            yield replace(candidate, hyper=factors.hyper), factors

    def keep(self, candidate: Candidate, factors: ItemFactors) -> None:
        """The fit on everybody that this candidate, and all that differ in fold-in and links, are judged by."""
        self._factors.pop(fit_settings(candidate), None)
        self._factors[fit_settings(candidate)] = factors
        while len(self._factors) > HELD:
            del self._factors[next(iter(self._factors))]

    def ndcg(self, candidate: Candidate, people: np.ndarray, factors: ItemFactors | None = None) -> np.ndarray:
        """NDCG@20 of these people, float64 [n], by `factors` or by the fit on everybody."""
        scores = self._scores(candidate, people, factors)
        order, listable = self.problem.item_order, self.problem.listable
        lists, _ = scores.top_k(self.met.take(people), DECIDES, order, listable)
        return metrics.ndcg(lists, self.held.take(people), DECIDES)

    def _scores(self, candidate: Candidate, people: np.ndarray, factors: ItemFactors | None) -> Scores:
        if factors is not None:
            left = self._folded_in(factors, candidate, people)
        else:
            factors = self._fitted(candidate)
            key = (fit_settings(candidate), candidate.recency, people.tobytes())
            if self._folded is None or self._folded[0] != key:
                self._folded = key, self._folded_in(factors, candidate, people)
            left = self._folded[1]
        if candidate.links is None:
            return Scores(left, factors.H)
        assert isinstance(candidate.links, LinkSettings), "a search tries no linear model"
        own = self._of(candidate.links.recency).take(people)
        return Scores(left, factors.H, own, self._linked(candidate.links))

    def _fitted(self, candidate: Candidate) -> ItemFactors:
        """The fit on everybody that is kept, or made now."""
        if fit_settings(candidate) not in self._factors:
            *_, (_, factors) = self.fits(candidate, 1.0)
            self.keep(candidate, factors)
        return self._factors[fit_settings(candidate)]

    def _folded_in(self, factors: ItemFactors, candidate: Candidate, people: np.ndarray) -> np.ndarray:
        return factorization.fold_in_approximately(factors, self._of(candidate.recency).take(people))

    def _of(self, recency: Recency) -> Histories:
        if recency not in self._histories:
            self._histories[recency] = self.problem.histories(TRAIN, recency=recency)
        return self._histories[recency]

    def _linked(self, settings: LinkSettings) -> SparseLinks:
        kind = settings.directed, settings.damping
        if kind not in self._counts:
            self._counts[kind] = self.problem.counts(settings, TRAIN)
        return self._counts[kind].links(settings)
