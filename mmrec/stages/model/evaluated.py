"""What an evaluation is over: the items of the item-factor version with the features of its fit, and few others.

So it rests on events and on the version, and an edit of content between two refits leaves it as it is. Items that the
version was not fitted with take part with today's features where events name them; nobody has asked for the others.
Here: which items, by which features, as a stage key. Not here: the figures (`evaluation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import periods, tables
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.published.features import Features
from mmrec.settings import Settings
from mmrec.stages.model.boundary import boundary_of, boundary_version, stored_version


@dataclass(frozen=True)
class Evaluated:
    """`items` (item_id, digest): those that a list may hold, each with the fused digest of its features.

    `inputs` say the same for a stage key: the version, its items that have left the catalogue, and the items beside it.
    """

    version: str
    items: pl.DataFrame
    inputs: dict[str, str]


def fit_versions(lake: Lake, settings: Settings, wanted: list[str]) -> None:
    """Fits the item-factor versions of these periods that are not there, as their factors would."""
    for period in wanted:
        boundary = boundary_of(lake, settings, period)
        if boundary is not None and not stored_version(lake, settings, boundary):
            boundary_version(lake, settings, period, Features(lake), [])


def evaluated(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, Evaluated]:
    """What the evaluation of each period is over; a period before the first event is over nothing."""
    current = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest").collect()
    found: dict[str, Evaluated] = {}
    by_version: dict[str, tuple[pl.DataFrame, list[str], pl.DataFrame]] = {}
    for period in wanted:
        boundary = boundary_of(lake, settings, period)
        if boundary is None:
            found[period] = Evaluated("", current.clear(), {})
            continue
        version = stored_version(lake, settings, boundary)
        if version not in by_version:
            by_version[version] = _of_version(lake, settings, version, current)
        fitted, gone, beside = by_version[version]
        named = beside.filter(pl.col("first") <= period).select("item_id", "digest")
        inputs = {"version": version, "gone": canonical_digest(gone), "beside": canonical_digest(named.rows())}
        found[period] = Evaluated(version, pl.concat([fitted, named]), inputs)
    return found


def _of_version(
    lake: Lake, settings: Settings, version: str, current: pl.DataFrame
) -> tuple[pl.DataFrame, list[str], pl.DataFrame]:
    """Items of the catalogue as the version was fitted with them; its items that have left; and the catalogue's others
    that events name, each with the `first` period of one.
    """
    items = lake.scan(tables.MODEL_ITEMS).filter(pl.col("version") == version).select("item_id", "digest")
    fitted = items.drop_nulls("digest").sort("item_id").collect()
    kept = fitted.join(current, on="item_id", how="semi")
    gone = fitted.join(current, on="item_id", how="anti")["item_id"].to_list()
    others = current.join(kept, on="item_id", how="anti")
    if others.is_empty():
        return kept, gone, others.with_columns(first=pl.lit(""))
    configured = periods.keys(settings.calendar)
    events = lake.scan(tables.VALIDATED_INTERACTIONS).filter(pl.col("period").is_in(configured))
    first = events.group_by("item_id").agg(first=pl.col("period").min())
    return kept, gone, others.lazy().join(first, on="item_id").sort("item_id").collect()
