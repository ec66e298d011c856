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

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mmrec.fusion.deep import Network, Reading, train
from mmrec.fusion.layout import Layout
from mmrec.models import factorization

CONCAT, PROJECTION, DEEP = "concat", "projection", "deep"
_FOLDS = 5
_RIDGES = 0.01 * 4.0 ** np.arange(10)  # λ that are tried: an item's features have a squared norm of about 1 a block
_ASKED = 1_000  # items that choose λ, drawn where there are more: the best one hardly depends on how many there are


@dataclass(frozen=True)
class Map:
    """A place is `matrix` [d, p] times what is read of an item, `features` [n, p]; read through `network` if any."""

    matrix: np.ndarray
    features: np.ndarray
    network: Network | None = None


def fit(kind: str, layout: Layout, features: np.ndarray, known: np.ndarray, targets: np.ndarray, seed: int = 0) -> Map:
    """From the features of `known` items (positions, or bool [n]) onto their targets [known, d]."""
    found = KINDS[kind](layout, features[known], targets, seed)
    if isinstance(found, Network):
        return Map(Reading(layout, found).map, found.apply(layout, features), found)
    return Map(found, features)


def ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The ridge from features [n, p] to targets [n, d], [d, p], by the strength that foretells items best."""
    return factorization.ridge(features, targets, np.ones(len(features)), _strength(features, targets))


def _concat(layout: Layout, features: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    return ridge(features, targets)


def _strength(features: np.ndarray, targets: np.ndarray) -> float:
    """The λ whose map foretells each item's target best from those of all others, by squared error.

    Leaving one out needs no further fit: the error of an item is that of the fit over 1 − its leverage (Allen 1974,
    "The relationship between variable selection and data augmentation and a method for prediction", Technometrics 16).
    """
    asked = np.random.default_rng(0).permutation(len(features))[:_ASKED]
    F, T = features[asked], targets[asked]
    e, U = np.linalg.eigh(F @ F.T)
    e, inner = np.maximum(e, 0.0), U.T @ T
    errors = []
    for strength in _RIDGES:
        share = e / (e + strength)
        left = (T - U @ (share[:, None] * inner)) / (1 - (U**2) @ share)[:, None]
        errors.append(float((left**2).sum()))
    return float(_RIDGES[int(np.argmin(errors))])


def _projection(layout: Layout, features: np.ndarray, targets: np.ndarray, seed: int) -> np.ndarray:
    """Each block's own ridge, times its weight: least squares over what it says of items that it was not fitted on."""
    fold = np.random.default_rng(seed).permutation(len(features)) % _FOLDS
    whole, said = np.zeros((targets.shape[1], layout.width)), []
    cuts = layout.slices.values()
    for cut in cuts:
        has = features[:, cut.stop - 1] != 0
        whole[:, cut] = ridge(features[has, cut], targets[has])
        own = np.zeros(targets.shape)
        for number in range(_FOLDS):
            here, others = fold == number, has & (fold != number)
            own[here] = features[here, cut] @ ridge(features[others, cut], targets[others]).T
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


# From layout, features [n, p], targets [n, d] and seed to a matrix [d, p], or to a network whose places it adds up.
KINDS: Mapping[str, Callable[[Layout, np.ndarray, np.ndarray, int], np.ndarray | Network]] = {
    CONCAT: _concat,
    PROJECTION: _projection,
    DEEP: train,
}
