"""The served lists as settings steer them, beside those by score alone: what new items and variety cost, and give.

Here: lists with new items shown, and lists re-ranked for diversity, each alone. Not here: the rules themselves
(`mmrec/models/exploration.py`, `mmrec/models/diversity.py`), what lists are worth (`comparison.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmrec.evaluation import comparison
from mmrec.evaluation.problem import Problem
from mmrec.models import diversity, exploration
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.settings import Recommendations

EXPLORING = f"{FeatureIALS.name} with new items shown"
DIVERSE = f"{FeatureIALS.name} re-ranked for diversity"
NAMES = (EXPLORING, DIVERSE)
Lists = Callable[[Histories], np.ndarray]  # what to mask → lists int32 [n_users, depth]


def models(problem: Problem, scores: Scores, asked: Recommendations) -> dict[str, Lists]:
    """Lists by the name of what steers them: one for each setting that is on."""
    found: dict[str, Lists] = {}
    if asked.explore:
        found[EXPLORING] = lambda masked: _exploring(problem, scores, asked.explore, masked)
    if asked.diversity and problem.content is not None:
        found[DIVERSE] = lambda masked: _diverse(problem, scores, asked.diversity, masked)
    return found


def _exploring(problem: Problem, scores: Scores, share: float, masked: Histories) -> np.ndarray:
    """Lists whose last places among the first K are for items that nobody has met, by a seeded draw."""
    k, count = problem.k, exploration.places(problem.k, share)
    items, amounts = _best(problem, scores, masked, 0)
    new = problem.listable & problem.cold
    others = scores.top_k(masked, exploration.POOL * count, problem.item_order, new)
    draws = np.random.default_rng(problem.seed).random(others[0].shape)
    shown, _ = exploration.explored((items[:, :k], amounts[:, :k]), others, draws, count, problem.item_order)
    return _followed(shown, items)


def _diverse(problem: Problem, scores: Scores, share: float, masked: Histories) -> np.ndarray:
    """Lists whose first K are re-ranked by the items' content, from as many candidates as a served list has."""
    assert problem.content is not None, "lists are re-ranked by content"
    content = diversity.directions(problem.content)
    items, amounts = _best(problem, scores, masked, among := diversity.candidates(problem.k))
    shown, _ = diversity.reranked((items[:, :among], amounts[:, :among]), content, problem.k, share)
    return _followed(shown, items)


def _best(problem: Problem, scores: Scores, masked: Histories, least: int) -> tuple[np.ndarray, np.ndarray]:
    return scores.top_k(masked, max(comparison.DEPTH, problem.k, least), problem.item_order, problem.listable)


def _followed(shown: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Lists [n, m] that begin with what is `shown`; behind it the rest of `items` [n, m] in its order."""
    rest = np.where((items[:, :, None] == shown[:, None, :]).any(axis=2), -1, items)
    whole = np.concatenate([shown, rest], axis=1)
    return np.take_along_axis(whole, np.argsort(whole < 0, axis=1, kind="stable"), axis=1)[:, : items.shape[1]]
