"""What a model is worth on warm items, on cold items and for cold people: one value for each fit and person.

Here: what is hidden from the fit, what is asked for, and the references beside it. Not here: which models are compared
(`ablation.py`) and the features they get (`content.py`).

Cold figures are made of train events alone. Items and people are dealt into tenths; in a fold a tenth of both is hidden
from one fit. People who are known rank the hidden items among themselves. A hidden person is known by one film, the
first that they rated, and ranks all films that are not hidden; what counts is everything else they have rated.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.models.candidates import Candidate
from mmrec.models.ease import Ease
from mmrec.models.factorization import ItemFactors, cold_items, fit, fold_in, rotate
from mmrec.models.histories import Histories
from mmrec.models.interface import Fitted, Scores
from mmrec.models.popularity import Popularity
from mmrec.models.ranking import top_k

K = 20
TENTHS = 10
EASE = 100.0  # λ, the best of three on validation (bench/accuracy.py)
WARM, ITEMS, PEOPLE, BOTH = "warm items", "cold items", "cold people", "cold people, film new too"
NDCG, RECALL = f"NDCG@{K}", f"Recall@{K}"
# (metric, segment) → float64, one value a person [n] or, stacked, [fits, n]; NaN where a person has none.
Figures = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Fold:
    """One tenth of the items and of the people, hidden from a fit."""

    problem: Problem
    number: int

    @cached_property
    def items(self) -> np.ndarray:
        """bool [n_items]: hidden."""
        return np.random.default_rng(0).permutation(self.problem.n_items) % TENTHS == self.number

    @cached_property
    def people(self) -> np.ndarray:
        """bool [n_users]: hidden."""
        return np.random.default_rng(1).permutation(self.problem.n_users) % TENTHS == self.number

    @cached_property
    def known(self) -> np.ndarray:
        """The numbers of the people who are not hidden."""
        return np.flatnonzero(~self.people)

    @cached_property
    def fitted(self) -> Histories:
        """Train events of known people with known items."""
        return metrics.only(self.problem.train, ~self.items).take(self.known)

    def first(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden people and the first of these items that each has rated in train; those with none are left out."""
        p = self.problem
        asked = (p.part == TRAIN) & self.people[p.user_idx] & items[p.item_idx]
        order = np.lexsort((p.tie_hash[asked], p.time_us[asked], p.user_idx[asked]))
        people, at = np.unique(p.user_idx[asked][order], return_index=True)
        return people, p.item_idx[asked][order][at]

    def of_items(self, lists: np.ndarray) -> Figures:
        """Figures of known people's lists of hidden items, over the events hidden with them."""
        held = metrics.only(self.problem.train, self.items).take(self.known)
        return self._spread(self.known, _figures(lists, held, ITEMS))

    def of_people(self, people: np.ndarray, seen: Histories, lists: np.ndarray, segment: str) -> Figures:
        """Figures of hidden people's lists, over all that they have rated of the known items but the film in `seen`."""
        held = metrics.without(metrics.only(self.problem.train.take(people), ~self.items), seen)
        return self._spread(people, _figures(lists, held, segment))

    def _spread(self, people: np.ndarray, figures: Figures) -> Figures:
        out = {key: np.full(self.problem.n_users, np.nan) for key in figures}
        for key, values in figures.items():
            out[key][people] = values
        return out


def warm(problem: Problem, candidate: Candidate, starts: range) -> Figures:
    """Test, on items with train events: fitted on train from each start; train and validation masked, all ranked."""
    features, people = problem.features(candidate), problem.histories(TRAIN, recency=candidate.recency)
    masked, found = problem.histories(TRAIN, VALIDATION), []
    for seed in starts:
        factors = fit(problem.train, problem.n_items, replace(candidate.hyper, seed=seed), features)
        lists, _ = top_k(fold_in(factors, people), factors.H, masked, K, problem.item_order)
        found.append(_figures(lists, _test(problem), WARM))
    return _stacked(found)


def warm_references(problem: Problem) -> dict[str, Figures]:
    """Popularity and EASE under the same protocol."""
    masked = problem.histories(TRAIN, VALIDATION)
    made = {}
    for model in (Popularity(), Ease(EASE)):
        scores = model.fit(problem.train, problem.n_items).scores(problem.train)
        made[model.name], _ = scores.top_k(masked, K, problem.item_order, ~problem.cold)
    return {name: _stacked([_figures(lists, _test(problem), WARM)]) for name, lists in made.items()}


def cold(problem: Problem, candidate: Candidate, folds: range) -> Figures:
    """Cold items and cold people, by one fit a fold. Plain iALS has no place for a new film, so its lists are empty."""
    features, found = problem.features(candidate), []
    everybody = problem.histories(TRAIN, recency=candidate.recency)
    for fold in (Fold(problem, number) for number in folds):
        factors = fit(fold.fitted, problem.n_items, candidate.hyper, features)
        people = fold_in(factors, metrics.only(everybody, ~fold.items).take(fold.known))
        lists, _ = top_k(people, factors.H, fold.fitted, K, problem.item_order, fold.items)
        by_one = _by_one_film(fold, factors, features, PEOPLE, ~fold.items)
        by_new = _by_one_film(fold, factors, features, BOTH, fold.items)
        found.append(fold.of_items(lists) | by_one | by_new)
    return _stacked(found)


def _by_one_film(
    fold: Fold, factors: ItemFactors, features: np.ndarray | None, segment: str, items: np.ndarray
) -> Figures:
    """Hidden people folded in with one of these items: B f, its content alone; without content its own factor."""
    people, film = fold.first(items)
    if features is not None:
        has = features[film].any(1)
        people, film = people[has], film[has]
    vectors = factors.H[film] if features is None else cold_items(factors, features[film])
    seen = _one_each(film)
    one_each = Histories.build(np.arange(len(film)), np.arange(len(film)), n_users=len(film))
    users = fold_in(replace(factors, HQ=rotate(vectors, factors.Q)), one_each)
    lists, _ = top_k(users, factors.H, seen, K, fold.problem.item_order, ~fold.items)
    return fold.of_people(people, seen, lists, segment)


def cold_references(problem: Problem, folds: range) -> dict[str, Figures]:
    """Cold items at random, and by the popularity that was hidden; cold people by popularity and by EASE."""
    found: dict[str, list[Figures]] = {}
    hidden = Popularity().fit(problem.train, problem.n_items)
    for fold in (Fold(problem, number) for number in folds):
        draws = np.random.default_rng(fold.number).random((len(fold.known), problem.n_items))
        chance = Scores(draws, np.eye(problem.n_items))
        for name, made in (("random", chance), ("hidden popularity", hidden.scores(fold.fitted))):
            lists, _ = made.top_k(fold.fitted, K, problem.item_order, fold.items)
            found.setdefault(name, []).append(fold.of_items(lists))
        models = {each.name: each.fit(fold.fitted, problem.n_items) for each in (Popularity(), Ease(EASE))}
        figures = {name: _scored(fold, model, PEOPLE, ~fold.items) for name, model in models.items()}
        # EASE has no row of a new film.
        figures["popularity"] |= _scored(fold, models["popularity"], BOTH, fold.items)
        for name, each in figures.items():
            found.setdefault(name, []).append(each)
    return {name: _stacked(each) for name, each in found.items()}


def _scored(fold: Fold, model: Fitted, segment: str, items: np.ndarray) -> Figures:
    """A reference's lists for hidden people known by one of these items."""
    people, film = fold.first(items)
    seen = _one_each(film)
    lists, _ = model.scores(seen).top_k(seen, K, fold.problem.item_order, ~fold.items)
    return fold.of_people(people, seen, lists, segment)


def _test(problem: Problem) -> Histories:
    return metrics.only(problem.held(TEST), ~problem.cold)


def _one_each(film: np.ndarray) -> Histories:
    return Histories.build(np.arange(len(film)), film, n_users=len(film))


def _figures(lists: np.ndarray, held: Histories, segment: str) -> Figures:
    return {(NDCG, segment): metrics.ndcg(lists, held, K), (RECALL, segment): metrics.recall(lists, held, K)}


def _stacked(found: list[Figures]) -> Figures:
    return {key: np.stack([each[key] for each in found]) for key in (found[0] if found else ())}
