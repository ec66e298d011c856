"""What a run would do, read before it is paid for: rows per asset, period and reason.

Here: one walk over the stages, from the files and the lake alone; nothing is written and torch is not imported. Where
an input does not exist yet, or has work of its own, the rows are an upper bound and say so. Not here: running anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import polars as pl

from mmrec import builds, encoders, periods, publishing
from mmrec.graph import Node, nodes
from mmrec.lake import Lake
from mmrec.planner import REMOVED, SAME, plan_embeddings
from mmrec.report import WHOLE
from mmrec.settings import Settings
from mmrec.stages import raw

NEVER, INPUTS, UPSTREAM = "never built", "inputs changed", "an input has work"


@dataclass(frozen=True)
class Row:
    """Work of one asset: how many periods (0 = it has none), why, and rows, exact or at most."""

    asset: str
    reason: str
    rows: int
    at_most: bool
    periods: int = 0
    first: str = ""
    last: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True)
class _Bounds:
    """How many rows there can be at most, from what has landed."""

    landed: Mapping[str, int]  # period → rows
    items: int
    people: int


def plan(lake: Lake, settings: Settings, served_periods: list[str]) -> list[Row]:
    """Every asset's work: events of all configured periods, model and recommendations of `served_periods`."""
    bounds = _bounds(lake, settings)
    busy: set[str] = set()
    rows: list[Row] = []
    for node in nodes(settings):
        wanted = served_periods if node.stage in ("model", "recommendations") else periods.keys(settings.calendar)
        acting = lake.acting_as(node.asset, node.code_version)
        waits = bool(busy & set(node.deps))
        if node.stage == "embeddings":
            found = _embedding_rows(acting, settings, node.name, waits, bounds)
        else:
            found = _stage_rows(acting, settings, node, wanted if node.partitioned else [], waits, bounds)
        if found:
            busy.add(node.asset)
        rows += found
    return rows


def _stage_rows(
    lake: Lake, settings: Settings, node: Node, wanted: list[str], waits: bool, bounds: _Bounds
) -> list[Row]:
    module = import_module(f"mmrec.stages.{node.stage}")
    find = getattr(module, f"{node.name}_keys")
    named = wanted or [WHOLE]
    keys = find(lake, settings, wanted) if node.partitioned else find(lake, settings)
    done = set(publishing.unchanged(lake, keys))
    todo = named if waits else [period for period in named if period not in done]
    known = builds.newest(lake, node.asset)
    rows = []
    for reason, of in (
        (NEVER, [p for p in todo if p not in known]),
        (UPSTREAM if waits else INPUTS, [p for p in todo if p in known]),
    ):
        if of:
            count = sum(_rows(node, period, settings, bounds) for period in of)
            exact = node.stage == "raw" and not waits
            span = (len(of), of[0], of[-1]) if node.partitioned else (0, "", "")
            rows.append(Row(node.asset, reason, count, not exact, *span))
    return rows


def _embedding_rows(lake: Lake, settings: Settings, modality: str, waits: bool, bounds: _Bounds) -> list[Row]:
    asset = f"embeddings/{modality}"
    if not lake.exists("validated/items"):
        return [Row(asset, NEVER, bounds.items, at_most=True)]
    wanted = settings.embeddings[modality]  # type: ignore[index]
    identity = encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)
    found = plan_embeddings(lake, modality, identity.id)
    if waits:
        return [Row(asset, UPSTREAM, bounds.items, at_most=True)]
    counted = found.rows.join(found.missing.select("key", missing=pl.lit(value=True)), on="key", how="left").unique(
        "key"
    )
    counted = counted.group_by("reason").agg(rows=pl.col("missing").is_not_null().sum()).sort("reason")
    return [
        Row(asset, reason, rows, at_most=False)
        for reason, rows in counted.iter_rows()
        if reason not in (SAME, REMOVED) or rows
    ]


def _bounds(lake: Lake, settings: Settings) -> _Bounds:
    landed: dict[str, int] = {}
    for file in raw.landed_files(lake, settings):
        for period, rows in file.rows.items():
            landed[period] = landed.get(period, 0) + rows
    if set(landed) <= set(builds.newest(lake, "raw/interactions")):
        people = lake.scan("raw/interactions").select(pl.col("user_id").n_unique()).collect().item()
    else:
        people = raw.people(settings)
    return _Bounds(landed, raw.catalogue_rows(settings), people)


def _rows(node: Node, period: str, settings: Settings, bounds: _Bounds) -> int:
    """Rows of one asset's period: exact for raw, a bound behind it."""
    if node.name == "interactions":
        return bounds.landed.get(period, 0)
    if node.asset in ("raw/items", "raw/media", "validated/items", "fused/items"):
        return bounds.items
    if node.asset in ("recommendations/top_k", "recommendations/reasons"):
        return bounds.people * settings.recommendations.k
    return bounds.people if node.asset == "model/factors" else 0
