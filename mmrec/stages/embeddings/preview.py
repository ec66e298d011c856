"""What a person looks at to judge vectors: how long they are, and which items they put next to each other.

Here: small tables of a sample. Not here: drawing them (`mmrec_assets/showing/pictures.py`), nor the neighbours that are
published (`recommendations/similar_items`), which are exact and of every item.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.lists.neighbours import Compared

ITEMS, NORMS, NEIGHBOURS = "items and vectors", "norms", "nearest neighbours"
SAMPLED, PLACES = 2_000, 16  # items that are compared, and places in the table that they are taken from
SHOWN, NEXT = 5, 5  # items shown, and neighbours of each
_BINS = 12


def of_vectors(lake: Lake, modality: str) -> dict[str, pl.DataFrame]:
    """`items and vectors`: some with input, vector and its length; `norms`: items by length of their vector;
    `nearest neighbours`: some items, each with those most like it.

    Vectors are centred at their mean before they are compared: what all have in common tells nothing apart.
    """
    contents = pl.col(modality).alias("input")
    items = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title", "image", contents)
    rows = _some(lake, modality).lazy().join(items, on="item_id").sort("key").collect()
    if rows.is_empty():
        return {}
    matrix = rows["vector"].list.to_array(rows["vector"].list.len()[0]).to_numpy()
    lengths = np.linalg.norm(matrix, axis=1)
    shown = rows.select("item_id", "title", "input", "vector", norm=pl.Series(lengths.astype(np.float64)).round(4))
    found = {ITEMS: shown.sort("item_id").head(SHOWN)}
    return found if rows.height < 2 else {**found, NORMS: _histogram(lengths), NEIGHBOURS: _neighbours(rows, matrix)}


def _some(lake: Lake, modality: str) -> pl.DataFrame:
    """item_id, key, vector: items whose vectors stand beside each other in a few places, so that few others are read.

    Of items that share a vector it is the first.
    """
    current = lake.scan(tables.current(modality)).select("item_id", "key").collect()
    vectors = lake.keyed(tables.vectors(modality))
    at = vectors.places(current["key"])
    if len(at) > SAMPLED:
        run = SAMPLED // PLACES
        starts = np.linspace(0, len(at) - run, PLACES).astype(np.int64)
        at = at[np.unique(starts[:, None] + np.arange(run))]
    first = current.sort("item_id").unique("key", keep="first")
    return vectors.at(at, ["key", "vector"]).unique("key", keep="first").join(first, on="key")


def _histogram(lengths: np.ndarray) -> pl.DataFrame:
    low, high = float(lengths.min()), float(lengths.max())
    if high - low < 1e-3:  # unit vectors, up to rounding
        low, high = low - 0.05, high + 0.05
    counts, edges = np.histogram(lengths, bins=_BINS, range=(low, high))
    return pl.DataFrame({"from": edges[:-1].round(4), "to": edges[1:].round(4), "items": counts})


def _neighbours(rows: pl.DataFrame, matrix: np.ndarray) -> pl.DataFrame:
    compared = Compared.by([matrix - matrix.mean(axis=0)])
    chosen = np.linspace(0, len(matrix) - 1, min(SHOWN, len(matrix))).astype(np.int64)
    found, scores = compared.lists(chosen, np.flatnonzero(compared.present[:, 0]), min(NEXT, len(matrix) - 1))
    at, rank = (found >= 0).nonzero()
    mine, theirs = rows[chosen[at]], rows[found[at, rank]]
    return mine.select("item_id", "title", "image").with_columns(
        rank=pl.Series(rank + 1),
        neighbour=theirs["item_id"],
        neighbour_title=theirs["title"],
        neighbour_image=theirs["image"],
        similarity=pl.Series(scores[at, rank]).round(3),
    )
