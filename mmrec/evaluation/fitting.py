"""A candidate fitted on parts of a problem: what is evaluated on train and served from everything, by one function.

Here: the dense part, the item-item part, and the content map. Not here: which candidate (`search.py`), storage.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmrec.evaluation.problem import Problem
from mmrec.fusion import placing
from mmrec.fusion.deep import Network
from mmrec.models import dense
from mmrec.models.candidates import Candidate
from mmrec.models.factorization import ItemFactors
from mmrec.models.links import SparseLinks


@dataclass(frozen=True)
class Fit:
    """All that is fitted of a candidate; `network` is what content is read through, where its map is deep."""

    factors: ItemFactors
    links: SparseLinks | None
    network: Network | None


def fitted(problem: Problem, candidate: Candidate, *parts: int) -> Fit:
    """From people's events in these parts."""
    features, links = problem.features(candidate), problem.links(candidate.links, *parts)
    read = None if candidate.block_weights is None else features
    factors = dense.fit(candidate, problem.histories(*parts), problem.n_items, read)
    factors, network = placing.with_map(candidate, factors, problem.layout(candidate), features, links)
    return Fit(factors, links, network)
