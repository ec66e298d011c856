"""From the newest events to a plan: every asset in its order, with what it would find.

Here: which rows and periods have work, and why, by the stage keys that the stages themselves would find. Not here: what
a plan is (`mmrec/planning/plan.py`), nor speeds (`mmrec/builds/costs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import polars as pl

from mmrec import encoders, periods, tables
from mmrec.builds import ledger, publishing
from mmrec.builds.assets import FACTORS, FUSED, embedding
from mmrec.builds.costs import CODE, INPUTS, NEVER, Costs
from mmrec.builds.report import WHOLE
from mmrec.ingest import unmatched
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.planning.graph import Node, nodes
from mmrec.planning.plan import UPSTREAM, Plan, Row
from mmrec.published import user_texts
from mmrec.settings import Settings
from mmrec.stages.embeddings.rows import ENCODER, SAME, plan_embeddings
from mmrec.stages.model import boundary
from mmrec.stages.raw import catalogue as raw_catalogue
from mmrec.stages.raw import interactions as raw_interactions
from mmrec.stages.raw import media as raw_media
from mmrec.stages.validated import candidates as validated_candidates
from mmrec.stages.validated import interactions as validated_interactions
from mmrec.stages.validated import whole as validated_whole


@dataclass
class _Walk:
    """What is known while walking: what has landed, what the catalogue is about to be, and who has work."""

    landed: Mapping[str, int]  # period → rows
    people: int
    tables: Mapping[str, pl.DataFrame]  # the sources' unpartitioned tables as they are about to be
    busy: dict[str, set[str]]  # asset → its periods with work
    moved: set[str]  # items whose key in a modality is about to change
    costs: Costs
    held: set[str]  # periods of events that stay as they are, because a file of theirs is refused now
    refused: list[str]
    new_space: bool = False  # whether every item-factor version is about to be fitted anew
    older: set[str] = field(default_factory=set)  # assets that an earlier version of mmrec has made


def plan(lake: Lake, settings: Settings, served_periods: list[str]) -> Plan:
    """Every asset's work: events of all configured periods, model and recommendations of `served_periods`.

    The catalogue is read as it is now, so that an edited text is one row before anything is paid for; if its contract
    fails, that work will not be done.
    """
    walk = _start(lake, settings)
    rows: list[Row] = []
    for node in nodes(settings):
        wanted = served_periods if node.stage in ("model", "recommendations") else periods.keys(settings.calendar)
        acting = lake.acting_as(node.asset, node.code_version)
        if node.stage == "embeddings":
            found = _embedding_rows(acting, settings, node.name, walk)
        else:
            found = _stage_rows(acting, settings, node, wanted if node.partitioned else [], walk)
        rows += found
    warnings = [
        *_made_otherwise(walk.older),
        *validated_interactions.unnamed_types(lake, settings),
        *unmatched.warnings(settings),
    ]
    return Plan(rows, walk.refused, warnings)


def event_periods(lake: Lake, settings: Settings) -> list[str]:
    """The range of periods whose events have work, or the newest period when none has: what a run should ask for."""
    known = periods.keys(settings.calendar)
    items = _start(lake, settings).tables[tables.VALIDATED_ITEMS]
    stale: set[str] = set()
    for node in nodes(settings):
        if node.name == "interactions":
            acting = lake.acting_as(node.asset, node.code_version)
            find = (
                raw_interactions.interactions_keys
                if node.stage == "raw"
                else partial(validated_interactions.interactions_keys, items=items)
            )
            stale |= set(known) - _unchanged(acting, node, find(acting, settings, known))
    touched = [index for index, period in enumerate(known) if period in stale] or [len(known) - 1]
    return known[touched[0] : touched[-1] + 1]


def _made_otherwise(assets: set[str]) -> list[str]:
    """Why assets are made again although nothing of the sources has changed."""
    if not assets:
        return []
    told = f"this version of mmrec makes {', '.join(sorted(assets))} in another way than the one that made them here"
    return [f"{told}: they are made again once, and what comes out the same costs nothing further"]


def _start(lake: Lake, settings: Settings) -> _Walk:
    landed: dict[str, int] = {}
    files = raw_interactions.landed_files(lake, settings)
    refused = raw_interactions.refusals(files)
    for file in files:
        for period, rows in file.rows.items():
            landed[period] = landed.get(period, 0) + rows
    held = raw_interactions.held_periods(lake, files, periods.keys(settings.calendar)) if refused else {}
    if set(landed) <= set(ledger.newest(lake, tables.RAW_INTERACTIONS)):
        named = pl.col("user_id").drop_nulls().n_unique()
        people = lake.scan(tables.RAW_INTERACTIONS).select(named).collect().item()
    else:
        people = raw_interactions.people(settings)
    items, unread = raw_catalogue.ahead(lake, settings, tables.RAW_ITEMS)
    refused += unread
    media = raw_media.named_media(lake, settings, items.lazy())
    ahead = {
        tables.RAW_ITEMS: items,
        tables.RAW_MEDIA: media,
        tables.VALIDATED_ITEMS: validated_whole.preview_items(items, media, settings),
    }
    if settings.users:
        profiles, unread = raw_catalogue.ahead(lake, settings, tables.RAW_USERS)
        refused += unread
        ahead |= {tables.RAW_USERS: profiles, tables.VALIDATED_USERS: validated_whole.preview_users(profiles)}
    return _Walk(landed, people, ahead, {}, set(), Costs(lake), set(held), refused)


def _stage_rows(lake: Lake, settings: Settings, node: Node, wanted: list[str], walk: _Walk) -> list[Row]:
    known = ledger.newest(lake, node.asset)
    if node.asset in walk.tables and known and not any(_difference(lake, node, walk)):
        return []  # touched files, the same rows
    waiting = _waiting(walk, node, wanted)
    done = _unchanged(lake, node, _keys(lake, settings, node, wanted, walk)) - waiting
    done |= walk.held if node.asset == tables.RAW_INTERACTIONS else set()
    todo = [period for period in wanted or [WHOLE] if period not in done]
    walk.busy[node.asset] = set(todo)
    older = {period for period in todo if period in known and known[period].code_version != node.code_version}
    walk.older |= {node.asset} if older else set()
    rows = []
    for reason, of, waits in (
        (NEVER, [p for p in todo if p not in known], bool(waiting & set(todo) - set(known))),
        (CODE, [p for p in todo if p in older], bool(waiting & older)),
        (UPSTREAM, [p for p in todo if p in known and p in waiting and p not in older], True),
        (INPUTS, [p for p in todo if p in known and p not in waiting and p not in older], False),
    ):
        if of:
            counts = {period: _rows(lake, node, period, settings, walk) for period in of}
            span = (len(of), of[0], of[-1]) if node.partitioned else (0, "", "")
            row = Row(node.asset, reason, sum(counts.values()), not _is_exact(lake, node, waits=waits), *span)
            fits = boundary.fits(lake, settings, of, anew=walk.new_space) if node.asset == FACTORS else 1
            costs = _cost(walk.costs, node, row.rows, len(of), fits)
            rows.append(replace(row, by_period=counts if node.partitioned else {}, **costs))
    return rows


def _waiting(walk: _Walk, node: Node, wanted: list[str]) -> set[str]:
    """The wanted periods (`WHOLE` where there are none) of which an input has work, so that their keys say nothing yet.

    Of the catalogue, events read only which items exist, and that is known. A period with a history waits for every
    earlier one.
    """
    found: set[str] = set()
    mine = set(wanted or [WHOLE])
    for dep in node.deps:
        busy = walk.busy.get(dep, set())
        if not busy or (node.asset, dep) == (tables.VALIDATED_INTERACTIONS, tables.VALIDATED_ITEMS):
            continue
        if WHOLE in busy or not node.partitioned:
            found |= mine
        elif dep in node.history:
            found |= {period for period in mine if period >= min(busy)}
        else:
            found |= busy & mine
    return found


def _cost(costs: Costs, node: Node, rows: int, periods: int, fits: int = 1, recipe: str = "") -> dict[str, Any]:
    """What the work will take: by its rows, or by its periods where a period's work is all people's."""
    speed, row_bytes = costs.speed(node.asset, recipe), costs.bytes_a_row(node.asset)
    by_period = node.stage in ("model", "recommendations")
    varying = 0.0 if speed is None else speed.period * periods if by_period else speed.row * rows
    return {
        "seconds": None if speed is None else varying + speed.fixed * fits * (1 if by_period or rows else 0),
        "bytes": None if row_bytes is None else round(row_bytes * rows),
    }


def _unchanged(lake: Lake, node: Node, keys: Mapping[str, str]) -> set[str]:
    find = validated_candidates.unchanged if node.stage == "validated" else publishing.unchanged
    return set(find(lake, keys))


def _keys(lake: Lake, settings: Settings, node: Node, wanted: list[str], walk: _Walk) -> dict[str, str]:
    if node.asset == tables.VALIDATED_INTERACTIONS:
        return validated_interactions.interactions_keys(lake, settings, wanted, walk.tables[tables.VALIDATED_ITEMS])
    return node.keys(lake, settings, wanted)


def _difference(lake: Lake, node: Node, walk: _Walk) -> tuple[int, int]:
    return publishing.difference(lake, node.asset, walk.tables[node.asset])


def _is_exact(lake: Lake, node: Node, *, waits: bool) -> bool:
    """Landed rows are counted, and so are the catalogue's; behind a catalogue never validated all is a bound.

    So are fused vectors: of items that show the same there is one, and it may be there from before.
    """
    if node.stage == "raw":
        return node.name != "media" or lake.exists(tables.RAW_ITEMS)
    return node.asset in (tables.VALIDATED_ITEMS, tables.VALIDATED_USERS) and waits and lake.exists(node.asset)


def _embedding_rows(lake: Lake, settings: Settings, modality: str, walk: _Walk) -> list[Row]:
    """Distinct keys without a vector, by reason: forward passes, not items."""
    asset = embedding(modality)
    wanted = settings.embeddings[modality]  # type: ignore[index]
    identity = encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)
    items = walk.tables[tables.VALIDATED_ITEMS]
    users = walk.tables.get(tables.VALIDATED_USERS)
    said = None if users is None else user_texts.said(lake, users=users.lazy())
    found = plan_embeddings(lake, modality, identity.id, items=items.lazy(), said=said)
    walk.moved.update(found.rows["item_id"])
    if ENCODER in found.reasons or not lake.exists(f"{asset}/current"):  # another space, which moves every item
        walk.moved.update(items["item_id"])
        walk.new_space = True
    needed = found.missing.select("key", missing=pl.lit(value=True))
    differing = pl.concat([found.rows.select("key", "reason"), found.words.select("key", "reason")])
    counted = (
        differing.join(needed, on="key", how="left", maintain_order="left")
        .unique("key", maintain_order=True)
        .group_by("reason")
        .agg(rows=pl.col("missing").is_not_null().sum())
        .sort("reason")
    )
    at_most = not lake.exists(tables.VALIDATED_ITEMS)
    rows = [Row(asset, reason, count, at_most) for reason, count in counted.iter_rows() if reason != SAME]
    if modality == user_texts.MODALITY and users is not None and walk.busy.get(tables.VALIDATED_INTERACTIONS):
        rows.append(Row(asset, UPSTREAM, _unread_words(settings, walk), at_most=True))
    rows = [row for row in rows if row.rows or row.reason != UPSTREAM]
    walk.busy[asset] = {WHOLE} if rows else set()
    of = graph.node(settings, asset)
    return [replace(r, **_cost(walk.costs, of, r.rows, 1, int(at == 0), identity.id)) for at, r in enumerate(rows)]


def _unread_words(settings: Settings, walk: _Walk) -> int:
    """Searches and reviews at most: where columns hold words, every landed row of periods whose events have work."""
    columns = settings.interactions.columns
    return (
        sum(walk.landed.get(period, 0) for period in walk.busy[tables.VALIDATED_INTERACTIONS])
        if columns.query or columns.review
        else 0
    )


def _rows(lake: Lake, node: Node, period: str, settings: Settings, walk: _Walk) -> int:
    """Rows of one asset's period: counted where the files or the catalogue say so, else a bound."""
    if node.name == "interactions":
        return walk.landed.get(period, 0)
    if node.asset in walk.tables:
        return _difference(lake, node, walk)[0]
    if node.asset == FUSED:
        there = set(lake.scan(tables.FUSED_CURRENT).select("item_id").collect()["item_id"])
        return sum(item in walk.moved or item not in there for item in walk.tables[tables.VALIDATED_ITEMS]["item_id"])
    return node.bound(settings, walk.people, walk.tables[tables.VALIDATED_ITEMS].height)
