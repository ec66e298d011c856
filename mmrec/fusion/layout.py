"""Where each modality stands in an item's features f_i, which the model's map B reads. Said here, and nowhere else.

f_i is, modality by modality in the order of their names, weight · (the modality's standardised block) and then the
weight itself, as a bit that says the item has the modality. A missing modality is all zeros, bit included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Blocks = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Place:
    """One modality's columns `begin` to `end` − 1, the column `end` of its presence, and its weight."""

    modality: str
    begin: int
    end: int
    weight: float


@dataclass(frozen=True)
class Layout:
    """The places of the modalities that a candidate reads; none in plain iALS."""

    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, weights: Mapping[str, float] | None, widths: Mapping[str, int]) -> Layout:
        """By weight (a modality without one, or with 0, is left out) and width of a block."""
        places, begin = [], 0
        for modality, weight in sorted((weights or {}).items()):
            if weight > 0:
                places.append(Place(modality, begin, begin + widths[modality], weight))
                begin = places[-1].end + 1
        return cls(tuple(places))

    @classmethod
    def over(cls, weights: Mapping[str, float] | None, blocks: Blocks) -> Layout:
        """The same, with the widths of these blocks [n, width]."""
        return cls.of(weights, {name: block.shape[1] for name, block in blocks.items()})

    @property
    def slices(self) -> dict[str, slice]:
        """modality → its columns, presence last."""
        return {place.modality: slice(place.begin, place.end + 1) for place in self.places}

    @property
    def width(self) -> int:
        """p, the length of f_i."""
        return self.places[-1].end + 1 if self.places else 0

    def features(self, blocks: Blocks, present: Blocks) -> np.ndarray:
        """f of every item, float64 [n, p], from blocks [n, width] and who has which. Raises ValueError without any."""
        columns: list[np.ndarray] = []
        for place in self.places:
            there = present[place.modality].astype(np.float64)[:, None]
            columns += [blocks[place.modality] * there * place.weight, there * place.weight]
        if not columns:
            raise ValueError(f"no block is read of: {', '.join(blocks) or 'none'}")
        return np.concatenate(columns, axis=1)

    def alone(self, modality: str, vectors: np.ndarray) -> np.ndarray:
        """f of standardised vectors [n, width] of one modality, every other one missing."""
        [place] = [each for each in self.places if each.modality == modality]
        rows = np.zeros((len(vectors), self.width))
        rows[:, place.begin : place.end] = vectors * place.weight
        rows[:, place.end] = place.weight
        return rows
