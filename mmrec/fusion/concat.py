"""From one vector a modality to one vector an item.

Here: pure functions on arrays. `concat` stands standardised blocks side by side; block weights belong to the model's
search, so a stored fused vector has every block at mean squared norm 1. A missing modality is missing: its block is 0
after standardising, and the presence bit says so. Not here: tables and versions (`mmrec/stages/fused.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmrec.keys import canonical_digest

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
    norms = [((vectors[block].astype(np.float64) - mean) ** 2).sum(axis=1) for block in _blocks(len(vectors))]
    scale = float(np.sqrt(np.concatenate(norms).mean()))
    return Statistics(modality, encoder_id, mean, scale if scale > 0 else 1.0, len(vectors))


def concat(blocks: list[tuple[Statistics, np.ndarray, np.ndarray]], rows: int) -> np.ndarray:
    """float32 [rows, Σ width]: each block's vectors [n, width], standardised, at its positions [n]; 0 elsewhere."""
    fused = np.zeros((rows, sum(statistics.width for statistics, *_ in blocks)), dtype=np.float32)
    begin = 0
    for statistics, positions, vectors in blocks:
        end = begin + statistics.width
        for block in _blocks(len(positions)):
            fused[positions[block], begin:end] = statistics.apply(vectors[block])
        begin = end
    return fused


def _blocks(rows: int) -> Iterator[slice]:
    """A few rows at a time: float64 copies of many vectors would not fit the cache, nor perhaps the memory."""
    return (slice(start, start + _BLOCK_ROWS) for start in range(0, rows, _BLOCK_ROWS))


def space(blocks: list[Statistics]) -> str:
    """Name of the space that fused vectors lie in: kind, blocks in order, and their frozen statistics."""
    return canonical_digest(["concat", [[s.modality, s.version, s.width] for s in blocks]])[:16]
