"""Content never makes lists worse than no content does, however many items lack it."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.evaluation import fitting, metrics, unmet
from mmrec.evaluation.split import TEST, TRAIN, VALIDATION
from mmrec.models.candidates import with_content
from mmrec.models.factorization import fold_in
from mmrec.models.interface import Scores
from tests.helpers.problems import problem

PROBLEM = problem()
PLAIN = replace(PROBLEM.start, block_weights=None, links=None)


def figures(of, candidate):
    """Everybody's NDCG@10 on test."""
    factors = fitting.fitted(of, candidate, TRAIN).factors
    users = fold_in(factors, of.histories(TRAIN, recency=candidate.recency))
    lists, _ = Scores(users, factors.H).top_k(of.met(TRAIN, VALIDATION), 10, of.item_order, of.listable)
    return metrics.ndcg(lists, of.held(TEST), 10)


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 0.75, 1])
def test_ndcg_is_not_below_the_interval_of_the_model_without_content(share):
    kept = np.random.default_rng(1).permutation(90) >= 90 * share
    blocks = {name: block * kept[:, None] for name, block in PROBLEM.blocks.items()}
    lacking = replace(PROBLEM, blocks=blocks, present={name: PROBLEM.present[name] & kept for name in blocks})
    chosen = unmet.choose(lacking, PLAIN.hyper)
    assert bool(chosen) == (share < 1)
    reading = with_content(PLAIN, chosen[0].weights, lacking.train.items.size) if chosen else PLAIN
    without = metrics.interval(figures(lacking, PLAIN))
    assert float(np.nanmean(figures(lacking, reading))) >= without.low > 0
