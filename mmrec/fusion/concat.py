"""Concatenation: standardised blocks side by side, each modality apart, so that a model may weigh them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec.fusion.interface import Block
from mmrec.fusion.statistics import Statistics, batches
from mmrec.keys import canonical_digest


class Concat:
    """Blocks in the order they come in."""

    def space(self, statistics: Sequence[Statistics]) -> str:
        """A digest of the kind, the blocks in order, and their frozen statistics."""
        return canonical_digest(["concat", [[s.modality, s.version, s.width] for s in statistics]])[:16]

    def cuts(self, statistics: Sequence[Statistics]) -> dict[str, slice]:
        """One after the other."""
        ends = np.cumsum([each.width for each in statistics]).tolist()
        return {s.modality: slice(end - s.width, end) for s, end in zip(statistics, ends, strict=True)}

    def fuse(self, parts: Sequence[Block], rows: int) -> np.ndarray:
        """Each block's vectors, standardised, at their rows; 0 elsewhere."""
        cuts = self.cuts([each.statistics for each in parts])
        fused = np.zeros((rows, max((cut.stop for cut in cuts.values()), default=0)), dtype=np.float32)
        for each in parts:
            for some in batches(len(each.rows)):
                fused[each.rows[some], cuts[each.statistics.modality]] = each.statistics.apply(each.vectors[some])
        return fused
