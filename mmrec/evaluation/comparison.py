"""One table of models beside each other: figures at several cut-offs, by segment, and paired differences.

Every model ranks the full catalogue, and all are asked about the same people and items. Here: which figures there are,
and which differences are one family. Not here: how lists come about (`selection.py`), what a figure is (`metrics.py`),
who belongs to a segment (`segments.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmrec.evaluation import metrics, significance
from mmrec.evaluation.metrics import ALL, COLD, WARM, Figures, Row
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.segments import segments
from mmrec.evaluation.split import NAMES, TEST
from mmrec.models.histories import Histories

CUTOFFS = (5, 10, 20, 50)
DEPTH = max(CUTOFFS)  # items of a list that is judged
WHOLE = (ALL, WARM, COLD)  # the segments that differences are told of
HEADLINE = f"NDCG@{DECIDES}"
FAMILY = ((HEADLINE, ALL), (f"Recall@{DECIDES}", ALL))  # the differences that are looked at together, for every rival


def rows(
    problem: Problem,
    lists: Mapping[str, np.ndarray],
    part: int,
    against: str,
    notes: Mapping[str, str | None] | None = None,
) -> tuple[Row, ...]:
    """Every model's figures in a part, and the paired differences of `against` to each of the others.

    `lists` are int32 [n_users, DEPTH or more], best first, −1 = empty; `notes` by model. Segments are told on test.
    """
    split = NAMES[part]
    figures = {name: _figures(problem, made, problem.held(part, name), part) for name, made in lists.items()}
    found = metrics.rows(figures, split, problem.seed, notes)
    whole = {name: {key: each[key] for key in each if key[1] in WHOLE} for name, each in figures.items()}
    found += _corrected(metrics.differences(whole, against, split, problem.seed), figures, problem.seed)
    first = {name: made[:, : problem.k] for name, made in lists.items()}
    return found + metrics.breadth(first, problem.train, problem.content, problem.listable, split)


def _figures(problem: Problem, lists: np.ndarray, held: Histories, part: int) -> Figures:
    """Every person's figures: all, warm and cold items at K and the headline; on test other cut-offs and segments."""
    found = {**metrics.accuracy(lists, held, problem.cold, problem.k)}
    for k in CUTOFFS if part == TEST else (DECIDES,):
        found |= {(f"{name}@{k}", ALL): figure(lists, held, k) for name, figure in metrics.ACCURACY.items()}
    if part == TEST:
        for segment in segments(problem):
            found[HEADLINE, segment.name] = metrics.ndcg(lists, segment.of(held), DECIDES)
    return found


def _corrected(rows: tuple[Row, ...], figures: Mapping[str, Figures], seed: int) -> tuple[Row, ...]:
    """The differences, those of the family with their p; without an interval there is none either."""
    family = [row for row in rows if (row.metric, row.segment) in FAMILY and row.low is not None]
    if not family:
        return rows
    pairs = [_pair(figures, row) for row in family]
    p = significance.holm(significance.randomisation(np.stack(pairs), seed)).tolist()
    known = {(row.minus, row.metric, row.segment): value for row, value in zip(family, p, strict=True)}
    return tuple(replace(row, p=known.get((row.minus, row.metric, row.segment))) for row in rows)


def _pair(figures: Mapping[str, Figures], row: Row) -> np.ndarray:
    assert row.minus is not None
    key = row.metric, row.segment
    return figures[row.model][key] - figures[row.minus][key]
