"""Whether a paired difference could be chance, and what that means where many are looked at together.

Here: the randomisation test and Holm's correction. Not here: bootstrap intervals (`metrics.py`), nor which differences
make a family (`comparison.py`). numpy only.
"""

import numpy as np

DRAWS = 10_000  # the smallest p is one over one more than this
_CELLS = 4_000_000  # signs held at once, 16 MB


def randomisation(differences: np.ndarray, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Two-sided p of every row of paired differences [m, n] (NaN left out), float64 [m].

    If two models were alike, a person's difference could as well have the other sign. So p is the share of `draws` of
    signs whose sum is at least as far from 0, counting the one that was found. All rows meet the same signs. Source:
    Smucker, Allan, Carterette 2007, "A comparison of statistical significance tests for information retrieval
    evaluation", CIKM.
    """
    known = np.nan_to_num(np.asarray(differences, np.float64))
    limit = np.abs(known.sum(axis=1)) * (1 - 1e-12)  # sums of the same numbers may differ in their last bit
    rng, further = np.random.default_rng(seed), np.zeros(len(known))
    step = max(1, _CELLS // max(1, known.shape[1]))
    for start in range(0, draws, step):
        signs = rng.integers(0, 2, (min(step, draws - start), known.shape[1]), np.int8) * 2.0 - 1
        further += (np.abs(signs @ known.T) >= limit).sum(axis=0)
    return (further + 1) / (draws + 1)


def holm(p: np.ndarray) -> np.ndarray:
    """p of a family, corrected so that the chance of one false find among all stays below the level, float64 [m].

    The j-th smallest is multiplied by m − j + 1, and none is below a smaller one. Source: Holm 1979, "A simple
    sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    out = np.empty(len(p))
    out[order] = corrected
    return out
