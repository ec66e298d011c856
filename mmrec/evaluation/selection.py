"""What is served and how good it is: the search's winner, its test figures, and references beside them.

Here: the choice with its trials, and the lists that are compared. Not here: the figures (`comparison.py`), the search
(`search.py`), the settings of other models (`rivals.py`), what a candidate is (`mmrec/models/candidates.py`), the
events it is compared on (`problem.py`), where choices and figures are stored.

The protocol, wherever one of these figures stands: every event counts as positive with its weight, unless it says that
the item was met and not liked: that masks the item and is never a positive. Candidates are fitted on train and compared
by validation NDCG@20 over the full catalogue with train masked; a test figure is fitted on train, with train and
validation masked. `select` never looks at a test event; `evaluate` is what reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmrec.evaluation import comparison, fitting, linear, rivals, steered
from mmrec.evaluation.metrics import ALL, Row
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.rivals import Rival, Zoo
from mmrec.evaluation.search import Keep, Search, Trial, forget
from mmrec.evaluation.split import NAMES, TEST, TRAIN, VALIDATION
from mmrec.evaluation.steered import Lists
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS, FittedFactors
from mmrec.models.interface import Scores
from mmrec.models.zoo import ZOO
from mmrec.settings import Recommendations

MINIMUM_CHOOSERS = 100  # people with validation items below which a search would choose by chance
MODEL = FeatureIALS.name  # what the served model is called in the table
AS_SCORED = Recommendations()
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
    short = problem.too_little(VALIDATION, MINIMUM_CHOOSERS)
    if problem.kind != MODEL:
        winner, trials = linear.choose(problem, enough=not short)
        return Selection(winner, not short, short, trials)
    if short:
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
    asked: Recommendations = AS_SCORED,
) -> tuple[Row, ...]:
    """The candidate beside every model of the zoo on validation and test, and its paired differences to each.

    Everything is fitted on train. `zoo` names other models than the daily ones; their settings are the `stored` ones,
    or chosen on validation. `variants` are further candidates to set beside the served one. Where `asked` steers lists,
    the served ones so steered stand beside them: what that costs. Too little history gives one row without a value
    whose note says so.
    """
    for part in (VALIDATION, TEST):
        if short := problem.too_little(part):
            return (Row(MODEL, NAMES[part], f"NDCG@{problem.k}", ALL, None, None, None, 0, short),)
    scores, notes = _scores(problem, candidate), dict[str, str | None]()
    models = {MODEL: _lists(problem, scores), **steered.models(problem, scores, asked)}
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
