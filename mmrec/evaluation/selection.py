"""What is served and how good it is: the search's winner, its test figures, and references beside them.

Here: the choice with its trials, and the lists that are compared. Not here: the figures (`comparison.py`), the search
(`search.py`), the settings of other models (`rivals.py`), what a candidate is (`mmrec/models/candidates.py`), the
events it is compared on (`problem.py`), where choices and figures are stored.

The protocol, wherever one of these figures stands: every event counts as positive with its weight, unless it says that
the item was met and not liked: that masks the item and is never a positive. Candidates are fitted on train and compared
by validation NDCG@20 over the full catalogue with train masked; a test figure is fitted on train, with train and
validation masked. `select` never looks at a test event; `evaluate` is what reads them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmrec.evaluation import comparison, fitting, rivals
from mmrec.evaluation.metrics import ALL, Row
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.rivals import Rival, Zoo
from mmrec.evaluation.search import Keep, Search, Trial, forget
from mmrec.evaluation.split import NAMES, TEST, TRAIN, VALIDATION
from mmrec.models import exploration
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS, FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.zoo import ZOO

MINIMUM_CHOOSERS = 100  # people with validation items below which a search would choose by chance
MODEL = FeatureIALS.name  # what the served model is called in the table
EXPLORING = f"{MODEL} with new items shown"
Lists = Callable[[Histories], np.ndarray]  # what to mask → lists int32 [n_users, depth]
NO_VARIANTS: Mapping[str, Candidate] = {}


@dataclass(frozen=True)
class Selection:
    """The choice and every trial that led to it. Without `enough` history the winner is the start."""

    winner: Candidate
    enough: bool
    reason: str
    trials: tuple[Trial, ...] = ()


def select(problem: Problem, known: Sequence[Trial] = (), keep: Keep = forget) -> Selection:
    """The winner of the search on validation, or the start where too few people could choose. Test is not read.

    `known` are the first trials of the same search that was killed, and `keep` is told of every further one.
    """
    if short := problem.too_little(VALIDATION, MINIMUM_CHOOSERS):
        return Selection(problem.start, False, short)
    search = Search(problem, known, keep)
    winner = search.run()
    return Selection(winner, True, "", tuple(search.trials))


def evaluate(
    problem: Problem,
    candidate: Candidate,
    zoo: Zoo | None = None,
    variants: Mapping[str, Candidate] = NO_VARIANTS,
    *,
    stored: Sequence[Rival] = (),
    explore: float = 0.0,
) -> tuple[Row, ...]:
    """The candidate beside every model of the zoo on validation and test, and its paired differences to each.

    Everything is fitted on train. `zoo` names other models than the daily ones; their settings are the `stored` ones,
    or chosen on validation. `variants` are further candidates to set beside the served one. With a share of places to
    `explore`, the served lists with new items in these places stand beside them: what that costs. Too little history
    gives one row without a value whose note says so.
    """
    for part in (VALIDATION, TEST):
        if short := problem.too_little(part):
            return (Row(MODEL, NAMES[part], f"NDCG@{problem.k}", ALL, None, None, None, 0, short),)
    models, notes = {MODEL: served(problem, candidate)}, dict[str, str | None]()
    if explore:
        models[EXPLORING] = _exploring(problem, candidate, explore)
    for name, variant in variants.items():
        models[name], notes[name] = served(problem, variant), variant.name
    for rival, model in rivals.models(problem, ZOO if zoo is None else zoo, stored).items():
        fitted = model.fit(problem.train, problem.n_items)
        models[rival.model], notes[rival.model] = _lists(problem, rivals.scores(problem, rival, fitted)), rival.told
    found: tuple[Row, ...] = ()
    for part in (VALIDATION, TEST):
        masked = problem.met(*range(part))
        lists = {name: make(masked) for name, make in models.items()}
        found += comparison.rows(problem, lists, part, MODEL, notes)
    return found


def _exploring(problem: Problem, candidate: Candidate, share: float) -> Lists:
    """The served lists, whose last places among the first K are for items that nobody has met, by a seeded draw."""
    k, depth = problem.k, max(problem.k, comparison.DEPTH)
    count, scores = exploration.places(k, share), _scores(problem, candidate)
    new = problem.listable & problem.cold

    def made(masked: Histories) -> np.ndarray:
        items, amounts = scores.top_k(masked, depth, problem.item_order, problem.listable)
        others = scores.top_k(masked, exploration.POOL * count, problem.item_order, new)
        draws = np.random.default_rng(problem.seed).random(others[0].shape)
        head = (items[:, :k], amounts[:, :k])
        shown, _ = exploration.explored(head, others, draws, count, problem.item_order)
        rest = items[:, k - count :]
        rest = np.where((rest[:, :, None] == shown[:, None, :]).any(axis=2), -1, rest)
        whole = np.concatenate([shown, rest], axis=1)
        return np.take_along_axis(whole, np.argsort(whole < 0, axis=1, kind="stable")[:, :depth], axis=1)

    return made


def served(problem: Problem, candidate: Candidate) -> Lists:
    """The candidate's lists: fitted on train, with train folded in as the candidate weighs it."""
    return _lists(problem, _scores(problem, candidate))


def _scores(problem: Problem, candidate: Candidate) -> Scores:
    fit = fitting.fitted(problem, candidate, TRAIN)
    scores = FittedFactors(fit.factors).scores(problem.histories(TRAIN, recency=candidate.recency))
    if candidate.links is not None:
        own = problem.histories(TRAIN, recency=candidate.links.recency)
        scores = replace(scores, histories=own, links=fit.links)
    return scores


def _lists(problem: Problem, scores: Scores) -> Lists:
    depth = max(problem.k, comparison.DEPTH)
    return lambda masked: scores.top_k(masked, depth, problem.item_order, problem.listable)[0]
