"""What is served and how good it is: the search's winner, its test figures, and references beside them.

Here: the choice with its trials, and the table of figures. Not here: the search (`search.py`), what a candidate is
(`mmrec/models/candidates.py`), the events it is compared on (`problem.py`), where choices and figures are stored.

The protocol, wherever one of these figures stands: every event counts as positive with its weight, unless it says that
the item was met and not liked: that masks the item and is never a positive. Candidates are fitted on train and compared
by validation NDCG@20 over the full catalogue with train masked; a test figure is fitted on train, with train and
validation masked. `select` never looks at a test event; `evaluate` is what reads them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.metrics import ALL, Figures, Row
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.search import Search, Trial
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.models import candidates, dense
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS, FittedFactors
from mmrec.models.histories import Histories
from mmrec.models.interface import Fitted, Model, Scores
from mmrec.models.recency import Recency
from mmrec.models.zoo import ZOO

MINIMUM_CHOOSERS = 100  # people with validation items below which a search would choose by chance
MODEL = FeatureIALS.name  # what the served model is called in the table
Lists = Callable[[Histories], np.ndarray]  # what to mask → lists int32 [n_users, K]


@dataclass(frozen=True)
class Selection:
    """The choice and every trial that led to it. Without `enough` history the winner is the start."""

    winner: Candidate
    enough: bool
    reason: str
    trials: tuple[Trial, ...] = ()


def select(problem: Problem) -> Selection:
    """The winner of the search on validation, or the start where too few people could choose. Test is not read."""
    if short := problem.too_little(VALIDATION, MINIMUM_CHOOSERS):
        return Selection(problem.start, False, short)
    search = Search(problem)
    winner = search.run()
    return Selection(winner, True, "", tuple(search.trials))


def evaluate(problem: Problem, candidate: Candidate) -> tuple[Row, ...]:
    """The candidate beside every model of the zoo on validation and test, and its paired differences to each.

    Everything is fitted on train. Of a model with variants the best one on validation stands. Too little history gives
    one row without a value whose note says so.
    """
    for part, split in ((VALIDATION, "validation"), (TEST, "test")):
        short = problem.too_little(part)
        if short:
            return (Row(MODEL, split, f"NDCG@{problem.k}", ALL, None, None, None, 0, short),)
    models, notes = {MODEL: _served(problem, candidate)}, dict[str, str | None]()
    for name, variants in ZOO.items():
        if tried := variants(problem.n_items):
            models[name], notes[name] = _best(problem, tried)
    content = np.concatenate(list(problem.blocks.values()), axis=1) if problem.blocks else None
    rows: tuple[Row, ...] = ()
    for part, split in ((VALIDATION, "validation"), (TEST, "test")):
        masked, held = problem.met(*range(part)), problem.held(part)
        lists = {name: make(masked) for name, make in models.items()}
        figures = {name: _figures(problem, made, held) for name, made in lists.items()}
        rows += metrics.rows(figures, split, problem.seed, notes)
        rows += metrics.differences(figures, MODEL, split, problem.seed)
        first = {name: made[:, : problem.k] for name, made in lists.items()}
        rows += metrics.breadth(first, problem.train, content, problem.listable, split)
    return rows


def _served(problem: Problem, candidate: Candidate) -> Lists:
    """Fitted on train, with train folded in as the candidate weighs it."""
    fitted = dense.fit(candidate, problem.train, problem.n_items, problem.features(candidate))
    scores = FittedFactors(fitted).scores(problem.histories(TRAIN, recency=candidate.recency))
    if candidate.links is not None:
        own, links = problem.histories(TRAIN, recency=candidate.links.recency), problem.links(candidate.links, TRAIN)
        scores = replace(scores, histories=own, links=links)
    return _lists(problem, scores, problem.listable)


def _best(problem: Problem, models: Sequence[Model]) -> tuple[Lists, str | None]:
    """The variant of a reference model that is best on validation, and in words which that is.

    Where a model reads the weights of people's events, its recency is searched like that of the served one: first the
    variant, with the recency that the search begins with, then the half-life, then the floor. Items without train
    events are no candidates of theirs.
    """
    met, held = problem.met(TRAIN), problem.held(VALIDATION)

    def reached(fitted: Fitted, recency: Recency) -> float:
        return float(np.nanmean(metrics.ndcg(_reference(problem, fitted, recency)(met), held, DECIDES)))

    recency, note = problem.start.recency, models[0].note
    fitted = models[0].fit(problem.train, problem.n_items)
    if len(models) > 1:
        best = reached(fitted, recency)
        for model in models[1:]:
            other = model.fit(problem.train, problem.n_items)
            if (value := reached(other, recency)) > best:
                fitted, best, note = other, value, model.note
    if not problem.ordered or not fitted.scores(problem.train.take(np.zeros(0, np.int64))).links:
        return _reference(problem, fitted, recency), note if len(models) == 1 else f"{note}, the best of {len(models)}"
    values: dict[Recency, float] = {}
    for tried in (candidates.half_lives, candidates.floors):
        values |= {each: reached(fitted, each) for each in tried(recency) if each not in values}
        recency = max(values, key=lambda each: values[each])
    return _reference(problem, fitted, recency), f"{note}, {recency}, the best on validation"


def _reference(problem: Problem, fitted: Fitted, recency: Recency) -> Lists:
    """A fitted model's lists, of people whose events are weighed so."""
    scores = fitted.scores(problem.histories(TRAIN, recency=recency))
    return _lists(problem, scores, ~problem.cold & problem.listable)


def _lists(problem: Problem, scores: Scores, servable: np.ndarray) -> Lists:
    depth = max(problem.k, DECIDES)
    return lambda masked: scores.top_k(masked, depth, problem.item_order, servable)[0]


def _figures(problem: Problem, lists: np.ndarray, held: Histories) -> Figures:
    """Every person's figures at K, and always the NDCG that decides."""
    found = metrics.accuracy(lists, held, problem.cold, problem.k)
    return {**found, (f"NDCG@{DECIDES}", ALL): metrics.ndcg(lists, held, DECIDES)}
