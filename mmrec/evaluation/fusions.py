"""Kinds of fusion beside each other where they differ: on items that nobody has met.

Few people have such items among what is held out. So tenths of the items are hidden from a fit on train, placed by the
map of each kind, and ranked among themselves, as the search does to choose. Here: figures and paired differences of
that. Not here: hiding and placing (`unmet.py`), figures on test (`comparison.py`). Validation and test are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmrec.evaluation import metrics, significance, unmet
from mmrec.evaluation.comparison import HEADLINE
from mmrec.evaluation.metrics import Row
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import NAMES, TRAIN
from mmrec.models.candidates import Candidate
from mmrec.models.feature_ials import FeatureIALS

HIDDEN = "hidden items"


def rows(problem: Problem, served: Candidate, others: Mapping[str, str]) -> tuple[Row, ...]:
    """How well the served kind places hidden items, and each of the `others` (name → kind), with paired differences.

    p is corrected for all of these. Nothing where the served model reads no content, or there are no others.
    """
    if served.content is None or not others:
        return ()
    kinds = {FeatureIALS.name: served.fusion, **others}
    hyper = problem.start.hyper if served.last_resort else served.hyper
    found = unmet.by_kind(problem, hyper, served.content, list(kinds.values()))
    figures = {name: {(HEADLINE, HIDDEN): each.ndcg} for name, each in zip(kinds, found, strict=True)}
    told = metrics.rows(figures, NAMES[TRAIN], problem.seed, kinds)
    pairs = np.stack([found[0].ndcg - each.ndcg for each in found[1:]])
    p = significance.holm(significance.randomisation(pairs, problem.seed)).tolist()
    differences = metrics.differences(figures, FeatureIALS.name, NAMES[TRAIN], problem.seed)
    return (*told, *(replace(row, p=value) for row, value in zip(differences, p, strict=True)))
