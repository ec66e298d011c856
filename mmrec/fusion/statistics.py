"""The frozen statistics that standardise one modality's vectors: centred, and at mean squared norm 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmrec.keys import canonical_digest

GROWN = 2  # times as many as something was measured or fitted on: then it is anew
_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Statistics:
    """One modality's frozen mean [width] and scale: the root of the mean squared norm after centring."""

    modality: str
    encoder_id: str
    mean: np.ndarray
    scale: float
    items: int

    @property
    def version(self) -> str:
        """Digest of what the statistics are about and their bytes."""
        about = [self.modality, self.encoder_id, self.mean.astype("<f8").tobytes().hex(), float(self.scale).hex()]
        return canonical_digest(about)[:16]

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [n, width] centred and scaled, float64: what a block holds where the modality is there."""
        return (vectors.astype(np.float64) - self.mean) / self.scale

    @property
    def width(self) -> int:
        """Width of the block."""
        return len(self.mean)


def measure(modality: str, encoder_id: str, vectors: np.ndarray) -> Statistics:
    """The statistics of vectors [n, width], n ≥ 1, in float64. A scale of 0 (all vectors equal) becomes 1."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    norms = [((vectors[block].astype(np.float64) - mean) ** 2).sum(axis=1) for block in batches(len(vectors))]
    scale = float(np.sqrt(np.concatenate(norms).mean()))
    return Statistics(modality, encoder_id, mean, scale if scale > 0 else 1.0, len(vectors))


def batches(rows: int) -> Iterator[slice]:
    """A few rows at a time: float64 copies of many vectors would not fit the cache, nor perhaps the memory."""
    return (slice(start, start + _BLOCK_ROWS) for start in range(0, rows, _BLOCK_ROWS))
