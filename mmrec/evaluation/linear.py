"""The linear item-item model that settings ask for: its variant and the weights of events, chosen on validation.

Here: that choice and its trials. Not here: the search for a factorization (`search.py`), the models
(`mmrec/models/linear.py`). Test events are not read.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mmrec.errors import MmrecError
from mmrec.evaluation import metrics, rivals, unmet
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.search import NEW, Trial
from mmrec.evaluation.split import TRAIN, VALIDATION
from mmrec.models import candidates, linear
from mmrec.models.candidates import Candidate
from mmrec.models.ease import MOST_ITEMS
from mmrec.models.factorization import Hyper
from mmrec.models.item_item import ItemItem

STAGE = "linear model"


def choose(problem: Problem, *, enough: bool) -> tuple[Candidate, tuple[Trial, ...]]:
    """The winner with the content map beside it, and the trials; without `enough` people a variant from the middle.

    Raises MmrecError where the model cannot be fitted to this catalogue.
    """
    variants = linear.models(problem.kind, problem.side)
    if not variants:
        known = f"{problem.n_items:,} items{'' if problem.blocks else ' without content'}"
        needs = f"{'content and ' if problem.kind == linear.L3AE else ''}at most {MOST_ITEMS:,} items"
        raise MmrecError(f"model.kind: found '{problem.kind}' with {known}; expected {needs}, or no kind")
    if not enough:
        return _candidate(problem, linear.settings_of(variants[len(variants) // 2], problem.start.recency)), ()
    began = time.perf_counter()
    best = rivals.best(problem, variants)
    [model] = [each for each in variants if each.note == best.note]
    winner = _candidate(problem, linear.settings_of(model, best.recency))
    trials = [_trial(problem, winner, began)]
    found = unmet.choose(problem, problem.start.hyper)
    for each in found:
        told = metrics.interval(each.ndcg, problem.seed)
        placed = replace(winner, placing=each.weights, fusion=each.kind)
        trials.append(Trial(NEW, placed, 1.0, told.value, told.low, told.high, told.people, each.work, each.seconds))
    return (candidates.with_placing(winner, found[0].weights, found[0].kind) if found else winner), tuple(trials)


def _candidate(problem: Problem, settings: linear.LinearSettings) -> Candidate:
    hyper = Hyper(width=1, sweeps=1, seed=problem.hyper.seed)
    made = candidates.named(Candidate("", hyper, last_resort=problem.kind, links=settings))
    start = problem.start
    return candidates.with_placing(made, start.content, start.fusion)


def _trial(problem: Problem, winner: Candidate, began: float) -> Trial:
    """What it reaches with everybody who has validation items, by the links that would be served."""
    links = problem.links(winner.links, TRAIN)
    assert links is not None and winner.links is not None
    scores = ItemItem(links).scores(problem.histories(TRAIN, recency=winner.links.recency))
    lists, _ = scores.top_k(problem.met(TRAIN), DECIDES, problem.item_order, problem.listable)
    told = metrics.interval(metrics.ndcg(lists, problem.held(VALIDATION), DECIDES), problem.seed)
    seconds = time.perf_counter() - began
    return Trial(STAGE, winner, 1.0, told.value, told.low, told.high, told.people, 0, seconds)
