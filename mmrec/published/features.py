"""The fused vectors as they are stored, taken apart into the blocks that a model reads."""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds.publishing import Damaged
from mmrec.fusion.statistics import Statistics
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.published.vectors import read_fused


class Features:
    """Items' fused vectors in the order of the items' ids, taken apart into blocks again."""

    def __init__(self, lake: Lake, items: pl.DataFrame | None = None) -> None:
        """Of every item as it is now, or of `items` (item_id, digest) as they were when these digests were theirs."""
        wanted = lake.scan(tables.FUSED_CURRENT) if items is None else _as_they_were(lake, items)
        rows = wanted.select("item_id", "modalities", "space", "digest").sort("item_id").collect()
        self._lake = lake
        self.item_ids: list[str] = rows["item_id"].to_list()
        self.digests: list[str] = rows["digest"].to_list()
        self.space: str = rows["space"][0] if rows.height else ""
        self.matrix = _matrix(lake, rows["digest"])
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


def _as_they_were(lake: Lake, items: pl.DataFrame) -> pl.LazyFrame:
    """Items by the digests that they had, with what is stored under these."""
    stored = lake.scan(tables.FUSED_VECTORS).select("key", "space", "modalities").unique("key")
    return items.lazy().join(stored, left_on="digest", right_on="key")


def _matrix(lake: Lake, digests: pl.Series) -> np.ndarray:
    """The vector of each digest, float32 [n, width]; items of one digest share a vector."""
    found, vectors = read_fused(lake, digests.unique().alias("key").to_frame())
    at = pl.DataFrame({"digest": found, "at": np.arange(len(found))}, {"digest": pl.String, "at": pl.Int64})
    places = digests.alias("digest").to_frame().join(at, on="digest", how="left", maintain_order="left")["at"]
    if places.null_count():
        raise Damaged(
            f"{places.null_count()} items have no vector in {tables.FUSED_VECTORS}; the lake's files were damaged: "
            f"delete fused from the lake and run again"
        )
    return vectors[places.to_numpy()] if len(found) else vectors
