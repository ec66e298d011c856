"""Choosing a model: a few candidates compared on validation, the winner's test figures, references beside them.

Here: the comparison and its table. Not here: what a candidate is (`mmrec/models/candidates.py`), the events it is
compared on (`problem.py`), the fit (`mmrec/models/factorization.py`), where choices and figures are stored.

The protocol, wherever one of these figures stands: every event counts as positive with its weight, unless it says that
the item was met and not liked: that masks the item and is never a positive. Candidates are fitted on train and compared
by validation NDCG@20 over the full catalogue with train masked; a test figure is fitted on train, with train and
validation masked. `select` never looks at a test event; `evaluate` is what reads them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.metrics import ALL, Figures, Row
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.histories import Histories
from mmrec.models.interface import Model, Scores
from mmrec.models.zoo import ZOO

MODEL = FeatureIALS.name  # what the served model is called in the table
Lists = Callable[[Histories], np.ndarray]  # what to mask → lists int32 [n_users, K]


@dataclass(frozen=True)
class Selection:
    """The choice and the validation figures of every candidate. Without `enough` history the winner is the first."""

    winner: Candidate
    enough: bool
    reason: str
    rows: tuple[Row, ...] = ()


def select(problem: Problem) -> Selection:
    """The candidate with the best validation NDCG@20; test events are not read.

    Only a candidate with features can place a new item or a typed sentence, and validation hardly sees those. So plain
    iALS wins over the best such candidate only where it is better by a paired interval above 0.
    """
    short = problem.too_little(VALIDATION)
    if short:
        return Selection(problem.candidates[0], False, short)
    held = problem.held(VALIDATION)
    figures = {c.name: _figures(problem, _served(problem, c)(problem.met(TRAIN)), held) for c in problem.candidates}
    ranked = sorted(problem.candidates, key=lambda c: -_decisive(figures[c.name]))
    winner, placing = ranked[0], [c for c in ranked if c.block_weights is not None]
    if winner.block_weights is None and placing:
        gain = figures[winner.name]["NDCG@20", ALL] - figures[placing[0].name]["NDCG@20", ALL]
        if metrics.interval(gain, problem.seed).low <= 0:
            winner = placing[0]
    return Selection(winner, True, "", metrics.rows(figures, "validation", problem.seed))


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
    fitted = FeatureIALS(candidate.hyper, problem.features(candidate)).fit(problem.train, problem.n_items)
    return _lists(problem, fitted.scores(problem.histories(TRAIN, candidate=candidate)), problem.listable)


def _best(problem: Problem, models: Sequence[Model]) -> tuple[Lists, str | None]:
    """The variant of a reference model that is best on validation, and in words which that is.

    Items without train events are no candidates of theirs.
    """
    held, best = problem.held(VALIDATION), None
    for model in models:
        scores = model.fit(problem.train, problem.n_items).scores(problem.train)
        lists = _lists(problem, scores, ~problem.cold & problem.listable)
        if len(models) == 1:
            return lists, model.note
        figure = _decisive(_figures(problem, lists(problem.met(TRAIN)), held))
        if best is None or figure > best[0]:
            best = (figure, lists, f"{model.note}, the best of {len(models)} on validation")
    assert best is not None
    return best[1], best[2]


def _lists(problem: Problem, scores: Scores, servable: np.ndarray) -> Lists:
    depth = max(problem.k, DECIDES)
    return lambda masked: scores.top_k(masked, depth, problem.item_order, servable)[0]


def _figures(problem: Problem, lists: np.ndarray, held: Histories) -> Figures:
    """Every person's figures at K, and always the NDCG that decides."""
    found = metrics.accuracy(lists, held, problem.cold, problem.k)
    return {**found, (f"NDCG@{DECIDES}", ALL): metrics.ndcg(lists, held, DECIDES)}


def _decisive(figures: Figures) -> float:
    return float(np.nanmean(figures[f"NDCG@{DECIDES}", ALL]))
