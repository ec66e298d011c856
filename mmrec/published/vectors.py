"""The stored vectors of one modality, each checked against its checksum. Not here: which keys are current."""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import keys, tables
from mmrec.builds import publishing
from mmrec.lake.store import Lake


def read_vectors(lake: Lake, modality: str, wanted: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    """Keys (sorted) and their vectors, float32 [n, width], each checked against its stored checksum."""
    found = lake.vectors(tables.vectors(modality), wanted)
    if found.is_empty():
        return [], np.zeros((0, 0), dtype=np.float32)
    width = found["vector"].list.len()[0]
    matrix = found["vector"].list.to_array(width).to_numpy()
    bad = keys.vector_checksums(matrix) != found["checksum"].to_numpy()
    if bad.any():
        raise publishing.Damaged(
            f"{int(bad.sum())} {modality} vectors differ from their checksum; the lake's files were damaged: "
            f"delete embeddings/{modality} from the lake and run again"
        )
    return found["key"].to_list(), matrix
