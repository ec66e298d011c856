"""Item-factor versions as they are stored, every array checked against its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds.publishing import Damaged
from mmrec.errors import MmrecError
from mmrec.evaluation import rivals
from mmrec.evaluation.rivals import Rival
from mmrec.fusion.deep import Network
from mmrec.lake.store import Lake
from mmrec.models.candidates import Candidate
from mmrec.models.factorization import ItemFactors
from mmrec.models.links import SparseLinks
from mmrec.published.weighing import Weighing


@dataclass(frozen=True)
class Version:
    """One item-factor version: what was fitted, in the order of `item_ids`, what events weighed, what was chosen."""

    name: str
    boundary: str
    space: str
    choice: Candidate
    weighing: Weighing
    item_ids: list[str]
    digests: list[str | None]  # keys of the fused vectors that the items were fitted with
    factors: ItemFactors
    links: SparseLinks | None = None  # the item-item part of the score
    rivals: tuple[Rival, ...] = ()  # what an evaluation compares with, by settings chosen with the version
    network: Network | None = None  # what content is read through, where its map is deep

    def arrays(self) -> dict[str, np.ndarray]:
        """All that was fitted and chosen, by name."""
        return arrays_of(self.factors, self.links, self.rivals, self.network)


def arrays_of(
    factors: ItemFactors,
    links: SparseLinks | None,
    beside: Sequence[Rival] = (),
    network: Network | None = None,
) -> dict[str, np.ndarray]:
    """All that is made at a boundary, by name: what a version stores, and what its name is a digest of."""
    parts = (factors.to_arrays(), links.to_arrays() if links else {}, network.to_arrays() if network else {})
    return {name: array for part in (*parts, rivals.to_arrays(beside)) for name, array in part.items()}


def served_version(lake: Lake, period: str) -> Version:
    """The item-factor version that serves a period. Raises where the period has no factors yet."""
    return read_version(lake, _named_version(lake, period))


def weighing(lake: Lake, period: str) -> Weighing:
    """What events weighed in the version that serves a period. Raises where the period has no factors yet."""
    return _weighing(_version_row(lake, _named_version(lake, period)))


def _named_version(lake: Lake, period: str) -> str:
    named = lake.scan(tables.MODEL_USERS, periods=[period]).select("version").head(1).collect()
    if named.is_empty():
        raise MmrecError(f"period {period} has no factors yet; materialize model/factors for it, or type `mmrec run`")
    return named.item()


def _version_row(lake: Lake, name: str) -> dict[str, Any]:
    return lake.scan(tables.MODEL_VERSIONS).filter(pl.col("version") == name).head(1).collect().row(0, named=True)


def _weighing(row: Mapping[str, Any]) -> Weighing:
    if row["weighing"] is None:
        raise MmrecError(f"item factors {row['version']} were fitted by an earlier version of mmrec; type `mmrec run`")
    return Weighing.from_json(row["weighing"])


@dataclass(frozen=True)
class Outline:
    """An item-factor version without its arrays."""

    boundary: str
    space: str
    choice: Candidate
    weighing: Weighing
    items: pl.DataFrame  # item_id and digest, in the order of the arrays' rows


def outline(lake: Lake, name: str) -> Outline:
    """What a stored item-factor version is about, without reading what was fitted."""
    row = _version_row(lake, name)
    items = lake.scan(tables.MODEL_ITEMS).filter(pl.col("version") == name).sort("position")
    choice = Candidate.from_json(json.loads(row["choice"]))
    return Outline(row["boundary"], row["space"], choice, _weighing(row), items.select("item_id", "digest").collect())


def read_version(lake: Lake, name: str) -> Version:
    """A stored item-factor version; every array is checked against its sha256."""
    about = outline(lake, name)
    stored = lake.scan(tables.MODEL_ARRAYS).filter(pl.col("version") == name).collect()
    arrays = {each["name"]: _array(each) for each in stored.iter_rows(named=True)}
    fitted = (
        ItemFactors.from_arrays(arrays),
        SparseLinks.from_arrays(arrays),
        rivals.from_arrays(arrays),
        Network.from_arrays(arrays),
    )
    ids, digests = about.items["item_id"].to_list(), about.items["digest"].to_list()
    return Version(name, about.boundary, about.space, about.choice, about.weighing, ids, digests, *fitted)


def _array(row: dict) -> np.ndarray:
    if hashlib.sha256(row["data"]).hexdigest() != row["sha256"]:
        raise Damaged(
            f"array {row['name']} of item-factor version {row['version']} differs from its sha256; fit it again"
        )
    return np.frombuffer(row["data"], dtype=row["dtype"]).reshape(row["shape"]).copy()
