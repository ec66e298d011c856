"""What a kind of fusion is. Not here: which there are (`kinds.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmrec.fusion.statistics import Statistics


@dataclass(frozen=True)
class Block:
    """One modality's vectors [n, width], their frozen statistics, and the rows [n] that they belong to."""

    statistics: Statistics
    rows: np.ndarray
    vectors: np.ndarray


class Fusion(Protocol):
    """How the vectors of an item's modalities become one. A missing one is missing: its part of the vector is 0."""

    def space(self, statistics: Sequence[Statistics]) -> str:
        """The name of the space that fused vectors lie in: a digest of the kind and of all that it is measured by."""
        ...

    def cuts(self, statistics: Sequence[Statistics]) -> dict[str, slice]:
        """modality → the columns of a fused vector that it fills."""
        ...

    def fuse(self, parts: Sequence[Block], rows: int) -> np.ndarray:
        """The fused vectors, float32 [rows, width of the space]."""
        ...
