"""A second lake, built from nothing by the same stage functions, for `mmrec verify`.

What a lake holds is a function of its sources, its settings and a few named inputs, which a rebuild is given: the
item-factor versions that serve the periods, the frozen statistics of fusion, and, where the newest delivery was
refused, the rows that an earlier one has left. Here: the temporary lake, what it is given, and running every node. Not
here: what is held against what (`mmrec/verification/oracle.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import polars as pl

from mmrec import periods, tables
from mmrec.builds.assets import FACTORS
from mmrec.lake.files import local_folder
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.planning.graph import Node, nodes
from mmrec.settings import Settings
from mmrec.verification import vectors
from mmrec.verification.scope import ANSWERS, kept


@contextmanager
def beside(lake: Lake) -> Iterator[Lake]:
    """An empty lake in a folder beside the real one, on the same disk; it is gone afterwards, also after Ctrl-C."""
    folder = local_folder(lake.root)
    name, parent = (folder.name, folder.parent) if folder else ("lake", None)
    with TemporaryDirectory(prefix=f".{name}-verify-", dir=parent) as made:
        yield Lake(made)


def rebuild(
    lake: Lake, settings: Settings, chosen: list[str], into: Lake, *, stored_vectors: bool = False
) -> Iterator[Node]:
    """Builds every node into an empty lake, and gives each once its tables are there, before the next one reads them.

    Events are built for every configured period, model and recommendations for the `chosen` ones. Raises where a table
    without periods is refused: nothing behind it could be built.
    """
    _give(lake, settings, chosen, into, stored_vectors)
    for node in nodes(settings):
        wanted = chosen if node.stage in ANSWERS else periods.keys(settings.calendar)
        report = node.run(into, settings, wanted, run_id="verify")
        if not node.partitioned:
            report.raise_if_refused()
        yield node


def _give(lake: Lake, settings: Settings, chosen: list[str], into: Lake, stored_vectors: bool) -> None:
    serving = lake.scan(tables.MODEL_USERS).filter(pl.col("period").is_in(chosen)).select(pl.col("version").unique())
    for version in sorted(serving.collect()["version"]):
        for table in (each.name for each in tables.owned_by(FACTORS) if each.given):
            into.append(table, lake.scan(table).filter(pl.col("version") == version).collect())
    into.append(tables.FUSED_STATISTICS, lake.scan(tables.FUSED_STATISTICS).collect())
    _give_fitted(lake, into)
    for asset, of in kept(lake).items():
        into.append(asset, lake.scan(asset).filter(pl.col("period").is_in(of)).collect())
        noted = lake.scan(tables.BUILDS).filter((pl.col("asset") == asset) & pl.col("period").is_in(of))
        into.append(tables.BUILDS, noted.collect())
    if stored_vectors:
        for modality in (name for name in NAMES if name in settings.embeddings):
            _give_vectors(lake, modality, into)


def _give_fitted(lake: Lake, into: Lake) -> None:
    """The fused vectors that the given versions were fitted with, of items that have other content now."""
    current = lake.scan(tables.FUSED_CURRENT).select(key="digest")
    fitted = into.scan(tables.MODEL_ITEMS).select(key="digest").drop_nulls().unique()
    into.append(
        tables.FUSED_VECTORS, lake.vectors(tables.FUSED_VECTORS, fitted.join(current, on="key", how="anti").collect())
    )


def _give_vectors(lake: Lake, modality: str, into: Lake) -> None:
    """The stored vectors, and the inputs that are known to have none."""
    table, failed = tables.vectors(modality), tables.failed(modality)
    for keys in vectors.slices(vectors.named(lake, modality)):
        into.append(table, lake.vectors(table, keys))
    into.append(failed, lake.scan(failed).filter(pl.col("key") != "").collect())
