"""Items made of several parts that a network sees one by one: windows of a sound, frames of a film.

Here: batching such items by their number of parts, and averaging the parts' vectors. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmrec.encoders import Prepared
from mmrec.encoders.pending import Pending, There, Vectors


def batches(prepared: Sequence[Prepared], budget: int) -> list[list[int]]:
    """Group row numbers, in order, so that the sizes of a batch add up to `budget` at most; one row may be bigger."""
    groups: list[list[int]] = []
    left = 0
    for row, item in enumerate(prepared):
        if not groups or item.size > left:
            groups.append([])
            left = budget
        groups[-1].append(row)
        left -= item.size
    return groups


def encode(batch: Sequence[Prepared], encode_parts: Callable[[list[np.ndarray]], Vectors]) -> Pending:
    """Give each item's mean of the vectors of its parts (`data` is [parts, …]), float32 [n, width] of unit length."""
    vectors = encode_parts([part for item in batch for part in item.data])
    ends = np.cumsum([len(item.data) for item in batch])
    return Pending([vectors if isinstance(vectors, Pending) else There(vectors)], lambda found: _means(found, ends))


def _means(vectors: np.ndarray, ends: np.ndarray) -> np.ndarray:
    means = np.stack([parts.mean(axis=0) for parts in np.split(vectors, ends[:-1])])
    lengths = np.sqrt((means**2).sum(axis=1, keepdims=True))
    return means / np.maximum(lengths, np.finfo(np.float32).tiny)
