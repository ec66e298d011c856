"""What is served as of a period: the item factors of its version, new items placed by content, and people's factors.

Here: putting stored parts together again, each checked against its hash. Not here: fitting and folding in
(`mmrec/factorization.py`, `mmrec/stages/model.py`) or ranking (`mmrec/ranking.py`). Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mmrec import factorization, history, periods
from mmrec.candidates import Candidate, feature_slices, features_of
from mmrec.errors import MmrecError
from mmrec.factorization import ItemFactors
from mmrec.histories import Histories
from mmrec.lake import Lake
from mmrec.protocol import recency, tie_hash
from mmrec.publishing import Damaged
from mmrec.settings import Settings
from mmrec.stages.fused import Features


@dataclass(frozen=True)
class Version:
    """One item-factor version: its factors in the order of `item_ids`, and the candidate that won its search."""

    name: str
    boundary: str
    space: str
    choice: Candidate
    item_ids: list[str]
    factors: ItemFactors


@dataclass(frozen=True)
class Served:
    """Everything a list or a reason of one period is a function of. Rows of `users` and `histories` are `user_ids`'."""

    period: str
    version: Version
    item_ids: list[str]  # the version's, then new ones
    factors: ItemFactors
    servable: np.ndarray  # bool [items]: in the catalogue today
    cold: np.ndarray  # bool [items]: without events in the fit, placed by content alone
    features: np.ndarray | None  # float64 [items, p] as the map B reads them
    slices: dict[str, slice]  # where each modality's block stands in `features`
    user_ids: list[str]
    users: np.ndarray  # float64 [people, d]
    histories: Histories
    events: pl.DataFrame

    @cached_property
    def item_order(self) -> np.ndarray:
        """The rank of each item's id, which settles ties."""
        return np.argsort(np.argsort(np.array(self.item_ids, dtype=object), kind="stable"), kind="stable")


def load(lake: Lake, settings: Settings, period: str, only: str | None = None) -> Served:
    """What is served as of `period`, of everybody or of one person. Raises where the period has no factors yet."""
    scanned = lake.scan("model/users").filter(pl.col("period") == period)
    people = (scanned if only is None else scanned.filter(pl.col("user_id") == only)).sort("user_id").collect()
    named = scanned.select("version").head(1).collect()
    if named.is_empty():
        raise MmrecError(f"period {period} has no factors yet; materialize model/factors for it, or type `mmrec run`")
    version = read_version(lake, named.item())
    features = Features(lake)
    item_ids, factors, rows, slices = extend(version, features)
    user_ids = people["user_id"].to_list()
    events = history.read(lake, settings, period, only)
    catalogue = set(features.item_ids)
    return Served(
        period,
        version,
        item_ids,
        factors,
        servable=np.fromiter((item in catalogue for item in item_ids), bool, len(item_ids)),
        cold=factors.counts == 0,
        features=rows,
        slices=slices,
        user_ids=user_ids,
        users=_matrix(people["factor"], factors.Q.shape[0]),
        histories=histories(events, user_ids, item_ids, version.choice),
        events=events,
    )


def extend(version: Version, features: Features) -> tuple[list[str], ItemFactors, np.ndarray | None, dict[str, slice]]:
    """The version's items and then the catalogue's new ones, placed by their content (B f); everyone's features and
    where each modality's block stands in them.
    """
    known = set(version.item_ids)
    new = [item for item in features.item_ids if item not in known]
    item_ids = [*version.item_ids, *new]
    rows: np.ndarray | None = None
    slices: dict[str, slice] = {}
    if version.choice.block_weights is not None and version.space == features.space:
        slices = feature_slices(features.blocks, version.choice)
        own = features_of(features.blocks, features.present, version.choice)
        rows = _aligned(own, features.item_ids, item_ids)
    if not new:
        return item_ids, version.factors, rows, slices
    empty = np.zeros((len(new), 0 if version.factors.B is None else version.factors.B.shape[1]))
    extended = factorization.with_new_items(version.factors, empty if rows is None else rows[len(version.item_ids) :])
    return item_ids, extended, rows, slices


def histories(events: pl.DataFrame, user_ids: Sequence[str], item_ids: Sequence[str], choice: Candidate) -> Histories:
    """People's weighted events as sparse rows, in the order of `user_ids` and with the positions of `item_ids`."""
    placed = events.join(_positions("user_id", user_ids), on="user_id").join(
        _positions("item_id", item_ids), on="item_id"
    )
    user, item = placed["user_id_at"].to_numpy(), placed["item_id_at"].to_numpy()
    weight = placed["weight"].to_numpy()
    if choice.half_life is not None:
        hashes = tie_hash(placed["user_id"].to_list(), placed["item_id"].to_list())
        weight = weight * recency(
            user, placed["time"].dt.epoch("us").to_numpy(), hashes, choice.half_life, choice.floor
        )
    return Histories.build(user, item, weight, n_users=len(user_ids))


def read_version(lake: Lake, name: str) -> Version:
    """A stored item-factor version; every array is checked against its sha256."""
    row = lake.scan("model/versions").filter(pl.col("version") == name).head(1).collect().row(0, named=True)
    items = lake.scan("model/items").filter(pl.col("version") == name).sort("position").collect()
    stored = lake.scan("model/arrays").filter(pl.col("version") == name).collect()
    arrays = {each["name"]: _array(each) for each in stored.iter_rows(named=True)}
    choice = Candidate.from_json(json.loads(row["choice"]))
    return Version(
        name, row["boundary"], row["space"], choice, items["item_id"].to_list(), ItemFactors.from_arrays(arrays)
    )


def newest_period(lake: Lake, settings: Settings) -> str:
    """The newest published period."""
    published = lake.scan("ledger/snapshots").select(pl.col("period").max()).collect().item()
    if published is None:
        raise MmrecError("nothing is published yet; type `mmrec run`, or materialize everything in the Dagster UI")
    return periods.check(settings.calendar, published)


def pinned(lake: Lake, period: str) -> dict[str, int]:
    """table → Delta version, as the newest snapshot of a period pins them."""
    rows = lake.scan("ledger/snapshots").filter(pl.col("period") == period).collect()
    if rows.is_empty():
        known = lake.scan("ledger/snapshots").select(pl.col("period").unique().sort()).collect()["period"].to_list()
        raise MmrecError(f"period {period} is not published; published are: {', '.join(known) or 'none'}")
    newest = rows.filter(pl.col("at") == rows["at"].max())
    return dict(newest.select("table", "version").iter_rows())


def _positions(name: str, ids: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(ids, dtype=pl.String), f"{name}_at": np.arange(len(ids))})


def _aligned(rows: np.ndarray, have: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """`rows` in the order of `wanted`; zeros where there is none."""
    at = {item: index for index, item in enumerate(have)}
    places = np.fromiter((at.get(item, -1) for item in wanted), np.int64, len(wanted))
    out = np.zeros((len(wanted), rows.shape[1]), rows.dtype)
    out[places >= 0] = rows[places[places >= 0]]
    return out


def _matrix(column: pl.Series, width: int) -> np.ndarray:
    if column.is_empty():
        return np.zeros((0, width))
    return column.list.to_array(width).to_numpy().astype(np.float64)


def _array(row: dict) -> np.ndarray:
    if hashlib.sha256(row["data"]).hexdigest() != row["sha256"]:
        raise Damaged(
            f"array {row['name']} of item-factor version {row['version']} differs from its sha256; fit it again"
        )
    return np.frombuffer(row["data"], dtype=row["dtype"]).reshape(row["shape"]).copy()
