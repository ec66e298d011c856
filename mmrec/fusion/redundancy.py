"""How much modalities say the same: canonical correlations between blocks, and how well one is told by another.

Both are measured on items that they were not fitted on: with hundreds of numbers an item, any two blocks agree on the
items that they were fitted on. Here: the measures, on arrays. Not here: what a block is worth for lists, which the
model's search measures (`mmrec/evaluation/unmet.py`). Source: Hotelling 1936, "Relations between two sets of variates".
numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mmrec.fusion.layout import Blocks

DIRECTIONS = 16  # principal components of a block that are compared
ENOUGH = 80  # items that have both, below which nothing is said
RIDGE = 0.01  # of the prediction, for each item


@dataclass(frozen=True)
class Pair:
    """What `modality` shares with `other`, over the items that have both.

    `correlation` is that of the first canonical directions, `shared` the mean square over all of them, and `told` the
    share of `modality` (its squared distance to the mean) that a ridge from `other` predicts; below 0 is worse than the
    mean. None where too few items have both.
    """

    modality: str
    other: str
    items: int
    correlation: float | None = None
    shared: float | None = None
    told: float | None = None


def pairs(blocks: Blocks, present: Blocks) -> list[Pair]:
    """Every ordered pair of blocks [n, width] that items have (`present`, bool [n])."""
    return [_pair(blocks, present, *names) for names in permutations(sorted(blocks), 2)]


def _pair(blocks: Blocks, present: Mapping[str, np.ndarray], modality: str, other: str) -> Pair:
    both = np.flatnonzero(present[modality] & present[other])
    if len(both) < ENOUGH:
        return Pair(modality, other, len(both))
    x, y = (_components(blocks[name][both].astype(np.float64)) for name in (modality, other))
    correlations = _canonical(x, y)
    return Pair(modality, other, len(both), float(correlations[0]), float((correlations**2).mean()), _told(x, y))


def _components(rows: np.ndarray) -> np.ndarray:
    """The scores [n, r] of rows [n, width] on the first principal components of every other row."""
    fitted = rows[::2]
    centred = fitted - fitted.mean(axis=0)
    few = min(DIRECTIONS, len(fitted) // 4, rows.shape[1])
    if len(fitted) < rows.shape[1]:
        sizes, left = np.linalg.eigh(centred @ centred.T)
        directions = centred.T @ left[:, ::-1][:, :few]
    else:
        sizes, right = np.linalg.eigh(centred.T @ centred)
        directions = right[:, ::-1][:, :few]
    kept = sizes[::-1][:few] > 1e-9 * max(float(sizes[-1]), 1e-300)
    directions = directions[:, kept] / np.linalg.norm(directions[:, kept], axis=0)
    return (rows - fitted.mean(axis=0)) @ directions


def _canonical(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The correlations of the canonical directions of even rows, over the odd ones; at least 0, the largest first."""
    (left, right), held = (_white(each) for each in (x, y)), slice(1, None, 2)
    if not (left.shape[1] and right.shape[1]):
        return np.zeros(1)
    u, _, vt = np.linalg.svd(left[::2].T @ right[::2], full_matrices=False)
    a, b = left[held] @ u, right[held] @ vt.T
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norms = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    found = np.divide((a * b).sum(axis=0), norms, out=np.zeros(len(norms)), where=norms > 0)
    return np.sort(np.maximum(found, 0))[::-1]


def _white(scores: np.ndarray) -> np.ndarray:
    """Principal scores at length 1 over the even rows: they are uncorrelated there."""
    lengths = np.linalg.norm(scores[::2], axis=0)
    return scores / np.where(lengths > 0, lengths, 1.0)


def _told(x: np.ndarray, y: np.ndarray) -> float:
    """1 − error / spread over odd rows, of the ridge from y onto x over even ones."""
    n = len(y[::2])
    scale = float((y[::2] ** 2).sum(axis=1).mean()) or 1.0
    normal = y[::2].T @ y[::2] + RIDGE * n * scale * np.eye(y.shape[1])
    error = x[1::2] - y[1::2] @ np.linalg.solve(normal, y[::2].T @ x[::2])
    spread = float((x[1::2] ** 2).sum())
    return 1 - float((error**2).sum()) / spread if spread > 0 else 0.0
