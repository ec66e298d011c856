"""Stored fused vectors: standardised blocks side by side, each modality apart, so that a model may weigh them.

Not here: the maps from these to a place among the factors, which are the kinds of fusion (`maps.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.fusion.statistics import Statistics, batches
from mmrec.keys import canonical_digest


@dataclass(frozen=True)
class Block:
    """One modality's vectors [n, width], their frozen statistics, and the rows [n] that they belong to."""

    statistics: Statistics
    rows: np.ndarray
    vectors: np.ndarray


def space(statistics: Sequence[Statistics]) -> str:
    """The name of the space that fused vectors lie in: a digest of the blocks in order and their frozen statistics."""
    return canonical_digest(["concat", [[s.modality, s.version, s.width] for s in statistics]])[:16]


def cuts(statistics: Sequence[Statistics]) -> dict[str, slice]:
    """modality → the columns of a fused vector that it fills, one after the other."""
    ends = np.cumsum([each.width for each in statistics]).tolist()
    return {s.modality: slice(end - s.width, end) for s, end in zip(statistics, ends, strict=True)}


def fuse(parts: Sequence[Block], rows: int) -> np.ndarray:
    """Each block's vectors, standardised, at their rows; 0 elsewhere: float32 [rows, width of the space]."""
    places = cuts([each.statistics for each in parts])
    fused = np.zeros((rows, max((place.stop for place in places.values()), default=0)), dtype=np.float32)
    for each in parts:
        for some in batches(len(each.rows)):
            fused[each.rows[some], places[each.statistics.modality]] = each.statistics.apply(each.vectors[some])
    return fused
