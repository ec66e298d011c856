"""Reference models: what a factorization must be compared with, so that anyone sees what it costs or gains.

Belongs here: popularity and EASE. Does not belong here: anything that is served. numpy and torch; both models need
memory that grows with the square of the catalogue (EASE) or not at all.
"""

import numpy as np

from mmrec.models.histories import Histories


def popularity(histories: Histories, n_items: int) -> np.ndarray:
    """float64 [n_items]: how many people have each item; everybody gets the same scores."""
    return np.bincount(histories.items, minlength=n_items).astype(np.float64)


def ease(histories: Histories, n_items: int, regularization: float) -> np.ndarray:
    """The item-item weights of EASE, float64 [n_items, n_items] with a zero diagonal (Steck 2019, arXiv:1905.03375).

    P = (XᵀX + λI)⁻¹ for the 0/1 matrix X of who has what, and B = I − P diag(1/P_jj). Needs about 3 · 8 · n_items²
    bytes: 70 MB at 1,700 items, 40 GB at 41,000.
    """
    import torch

    X = torch.from_numpy(dense(histories, n_items))
    P = torch.linalg.inv(X.T @ X + regularization * torch.eye(n_items, dtype=X.dtype))  # twice as fast as Cholesky's
    B = -P / P.diagonal()
    return B.fill_diagonal_(0).numpy()


def ease_scores(histories: Histories, weights: np.ndarray) -> np.ndarray:
    """x_u B for every row: float64 [n, n_items]."""
    import torch

    return (torch.from_numpy(dense(histories, len(weights))) @ torch.from_numpy(weights)).numpy()


def dense(histories: Histories, n_items: int) -> np.ndarray:
    """X, float64 [n, n_items]: 1 where a person has an item."""
    X = np.zeros((len(histories), n_items))
    X[histories.rows, histories.items] = 1.0
    return X
