"""The fused vectors as they are stored, taken apart into the blocks that a model reads."""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.fusion.statistics import Statistics
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES


class Features:
    """The fused vectors of every item in the order of their ids, taken apart into blocks again."""

    def __init__(self, lake: Lake) -> None:
        """Reads `fused/items` and the statistics that its space names."""
        rows = lake.scan(tables.FUSED_ITEMS).sort("item_id").collect()
        self._lake = lake
        self.item_ids: list[str] = rows["item_id"].to_list()
        self.digests: list[str] = rows["digest"].to_list()
        self.space: str = rows["space"][0] if rows.height else ""
        width = rows["vector"].list.len()[0] if rows.height else 0
        empty = np.zeros((rows.height, 0), dtype=np.float32)
        self.matrix: np.ndarray = rows["vector"].list.to_array(width).to_numpy() if width else empty
        self.present = {m: rows["modalities"].list.contains(m).to_numpy() for m in NAMES}
        spaces = lake.scan(tables.FUSED_SPACES).filter(pl.col("space") == self.space).collect()
        cuts = spaces.unique("modality").sort("begin").select("modality", "begin", "end")
        self.slices = {modality: slice(begin, end) for modality, begin, end in cuts.iter_rows()}

    def statistics(self, modality: str) -> Statistics:
        """The frozen statistics by which this space standardises a modality's vectors."""
        mine = (pl.col("space") == self.space) & (pl.col("modality") == modality)
        named = self._lake.scan(tables.FUSED_SPACES).filter(mine)
        frozen = self._lake.scan(tables.FUSED_STATISTICS).join(
            named, left_on="version", right_on="statistics", how="semi"
        )
        row = frozen.sort("version").collect().row(0, named=True)
        return Statistics(modality, row["encoder_id"], np.array(row["mean"]), row["scale"], row["items"])

    @property
    def blocks(self) -> dict[str, np.ndarray]:
        """modality → its standardised block [n, width], zeros where an item lacks it."""
        return {modality: self.matrix[:, cut] for modality, cut in self.slices.items()}
