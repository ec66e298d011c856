"""The maps from content to a place among the factors, by the names that settings call them: the kinds of fusion.

    concat        one ridge over all blocks side by side
    projection    a ridge of each block alone into the space of the factors, and one weight a block: how much of its
                  places to believe, by what it says of items that it was not fitted on
    deep          a gated network (`deep.py`)

Every item counts alike. A map that leans to what many people have, as that within a fit does, is worse for new items:
on the demo's films, a tenth of them hidden and ranked among themselves, NDCG@20 was .32 by that and .36 by `concat`.
Here: fitting a map. Not here: for whom and beside which model (`placing.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.fusion.deep import Network, Reading, train
from mmrec.fusion.layout import Layout
from mmrec.models import factorization

CONCAT, PROJECTION, DEEP = KINDS = ("concat", "projection", "deep")
RIDGE = 0.004  # λ of a map, for each item; between .0012 and .012 the figure above moves by .003
_FOLDS = 5


@dataclass(frozen=True)
class Map:
    """A place is `matrix` [d, p] times what is read of an item, `features` [n, p]; read through `network` if any."""

    matrix: np.ndarray
    features: np.ndarray
    network: Network | None = None


def fit(kind: str, layout: Layout, features: np.ndarray, known: np.ndarray, targets: np.ndarray, seed: int = 0) -> Map:
    """From the features of `known` items (positions, or bool [n]) onto their targets [known, d]."""
    if kind == DEEP:
        network = train(layout, features[known], targets, seed)
        return Map(Reading(layout, network).map, network.apply(layout, features), network)
    if kind == PROJECTION:
        return Map(_projection(layout, features[known], targets, seed), features)
    return Map(_ridge(features[known], targets), features)


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    n = len(features)
    return factorization.ridge(features, targets, np.ones(n), RIDGE * n)


def _projection(layout: Layout, features: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Each block's own ridge, times its weight: least squares over what it says of items that it was not fitted on."""
    fold = np.random.default_rng(seed).permutation(len(features)) % _FOLDS
    whole, said = np.zeros((targets.shape[1], layout.width)), []
    cuts = layout.slices.values()
    for cut in cuts:
        has = features[:, cut.stop - 1] != 0
        whole[:, cut] = _ridge(features[has, cut], targets[has])
        own = np.zeros(targets.shape)
        for number in range(_FOLDS):
            here, others = fold == number, has & (fold != number)
            own[here] = features[here, cut] @ _ridge(features[others, cut], targets[others]).T
        said.append(own.ravel())
    for cut, weight in zip(cuts, _weights(np.stack(said), targets.ravel()), strict=True):
        whole[:, cut] *= weight
    return whole


def _weights(said: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Least squares of `wanted` [m] by rows of `said`, without those that would weigh less than nothing."""
    kept = np.flatnonzero((said != 0).any(axis=1))
    while kept.size:
        normal = said[kept] @ said[kept].T
        found = np.linalg.lstsq(normal, said[kept] @ wanted, rcond=None)[0]
        if (found >= 0).all():
            return np.bincount(kept, weights=found, minlength=len(said))
        kept = np.delete(kept, found.argmin())
    return np.zeros(len(said))
