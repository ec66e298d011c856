"""Stored vectors, each checked against its checksum. Not here: which keys are current."""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import keys, tables
from mmrec.builds import publishing
from mmrec.lake.store import Lake


def read_vectors(lake: Lake, modality: str, wanted: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    """Keys (sorted) of one modality's vectors and the vectors, float32 [n, width]."""
    return _read(lake, tables.vectors(modality), wanted, f"embeddings/{modality}")


def read_fused(lake: Lake, wanted: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    """The same of fused vectors."""
    return _read(lake, tables.FUSED_VECTORS, wanted, tables.FUSED_VECTORS)


def _read(lake: Lake, table: str, wanted: pl.DataFrame, folder: str) -> tuple[list[str], np.ndarray]:
    found = lake.vectors(table, wanted)
    if found.is_empty():
        return [], np.zeros((0, 0), dtype=np.float32)
    width = found["vector"].list.len()[0]
    matrix = found["vector"].list.to_array(width).to_numpy() if width else np.zeros((found.height, 0), np.float32)
    bad = keys.vector_checksums(matrix) != found["checksum"].to_numpy()
    if bad.any():
        raise publishing.Damaged(
            f"{int(bad.sum())} vectors of {table} differ from their checksum; the lake's files were damaged: "
            f"delete {folder} from the lake and run again"
        )
    return found["key"].to_list(), matrix
