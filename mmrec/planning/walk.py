"""From the newest events to a plan: every asset in its order, with what it would find.

Here: which rows and periods have work, and why, by the stage keys that the stages themselves would find. Not here: what
a plan is (`mmrec/planning/plan.py`), how much work there is (`work.py`), nor speeds (`mmrec/builds/costs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from mmrec import encoders, periods, tables
from mmrec.builds import ledger, publishing
from mmrec.builds.assets import FACTORS, FUSED
from mmrec.builds.costs import CODE, INPUTS, NEVER, Costs
from mmrec.builds.report import WHOLE
from mmrec.ingest import unmatched
from mmrec.lake.store import Lake
from mmrec.planning.ahead import Ahead
from mmrec.planning.graph import Node, nodes
from mmrec.planning.plan import UPSTREAM, Plan, Row
from mmrec.planning.work import Work
from mmrec.published import user_texts
from mmrec.settings import Settings
from mmrec.stages.embeddings.rows import SAME, EmbeddingPlan, plan_embeddings
from mmrec.stages.validated import candidates as validated_candidates
from mmrec.stages.validated import interactions as validated_interactions


@dataclass
class _Walk:
    """What is known while walking: the lake as it is about to be, who has work, and of whom nobody knows the result."""

    ahead: Ahead
    work: Work
    costs: Costs
    busy: dict[str, set[str]] = field(default_factory=dict)  # asset → its periods with work
    blind: dict[str, set[str]] = field(default_factory=dict)  # of them those whose data version is not known before
    older: set[str] = field(default_factory=set)  # assets that an earlier version of mmrec has made
    scored: dict[str, int] = field(default_factory=dict)  # period → people × items scored for its lists


def plan(lake: Lake, settings: Settings, served_periods: list[str]) -> Plan:
    """Every asset's work: events of all configured periods, model and recommendations of `served_periods`.

    The sources are read as they are now, so that an edited text is one row before anything is paid for; if a contract
    fails, that work will not be done.
    """
    ahead = Ahead.of(lake, settings)
    walk = _Walk(ahead, Work(ahead), Costs(lake))
    rows: list[Row] = []
    for node in nodes(settings):
        wanted = served_periods if node.stage in ("model", "recommendations") else periods.keys(settings.calendar)
        if node.stage == "embeddings":
            found = _embedding_rows(node, walk)
        else:
            found = _stage_rows(node, wanted if node.partitioned else [], walk)
        rows += found
    warnings = [
        *_made_otherwise(walk.older),
        *validated_interactions.unnamed_types(lake, settings),
        *unmatched.warnings(settings),
    ]
    return Plan(rows, ahead.refused, warnings)


def event_periods(lake: Lake, settings: Settings) -> list[str]:
    """The range of periods whose events have work, or the newest period when none has: what a run should ask for."""
    known = periods.keys(settings.calendar)
    ahead = Ahead.of(lake, settings)
    stale: set[str] = set()
    for node in nodes(settings):
        if node.name == "interactions":
            stale |= set(known) - _unchanged(lake, node, node.keys(ahead.lake, settings, known))
    touched = [index for index, period in enumerate(known) if period in stale] or [len(known) - 1]
    return known[touched[0] : touched[-1] + 1]


def _made_otherwise(assets: set[str]) -> list[str]:
    """Why assets are made again although nothing of the sources has changed."""
    if not assets:
        return []
    told = f"this version of mmrec makes {', '.join(sorted(assets))} in another way than the one that made them here"
    return [f"{told}: they are made again once, and what comes out the same costs nothing further"]


def _stage_rows(node: Node, wanted: list[str], walk: _Walk) -> list[Row]:
    ahead, settings = walk.ahead, walk.ahead.settings
    known = ledger.newest(ahead.now, node.asset)
    if node.asset in ahead.tables and known and not any(_difference(node, ahead)):
        return []  # touched files, the same rows
    keys = node.keys(ahead.lake, settings, wanted)
    waiting, blind = _behind(walk.busy, node, wanted), _behind(walk.blind, node, wanted)
    done = _unchanged(ahead.now, node, keys) - blind
    done |= ahead.held if node.asset == tables.RAW_INTERACTIONS else set()
    todo = [period for period in wanted or [WHOLE] if period not in done]
    if not todo:
        return []
    walk.busy[node.asset] = set(todo)
    older = {period for period in todo if period in known and known[period].code_version != node.code_version}
    walk.older |= {node.asset} if older else set()
    work = _look_ahead(node, keys, todo, walk)
    rows = []
    for reason, of, waits in (
        (NEVER, [p for p in todo if p not in known], bool(waiting & set(todo) - set(known))),
        (CODE, [p for p in todo if p in older], bool(waiting & older)),
        (UPSTREAM, [p for p in todo if p in known and p in waiting and p not in older], True),
        (INPUTS, [p for p in todo if p in known and p not in waiting and p not in older], False),
    ):
        if of:
            counts = {period: _rows(node, period, walk, work) for period in of}
            span = (len(of), of[0], of[-1]) if node.partitioned else (0, "", "")
            row = Row(node.asset, reason, sum(counts.values()), not _is_exact(ahead.now, node, waits=waits), *span)
            units = sum(work.get(period, 0) for period in of)
            fits = walk.work.fits(of) if node.asset == FACTORS else 0
            costs = _cost(walk.costs, node, row.rows, units, len(of), fits)
            rows.append(replace(row, fits=fits, by_period=counts if node.partitioned else {}, **costs))
    return rows


def _look_ahead(node: Node, keys: Mapping[str, str], todo: list[str], walk: _Walk) -> dict[str, int]:
    """Puts what the asset's stale periods are about to be into the lake that later assets see; their work by period."""
    ahead, work = walk.ahead, walk.work
    if node.name == "interactions":
        ahead.events(node.asset, keys, todo)
        return {period: ahead.landed.get(period, 0) for period in todo}
    if node.asset in ahead.tables:
        ahead.whole(node.asset, keys)
        return {WHOLE: ahead.tables[f"raw/{node.name}"].height}
    if node.asset == FUSED:
        return {WHOLE: ahead.fused(keys)}
    if node.asset == FACTORS:
        folded = work.folded_in(todo)
        foreseen = {p: (of.data_version, of.people.height) for p in todo if (of := work.people[p]).version}
        ahead.factors(keys, foreseen)
        walk.blind[node.asset] = set(todo) - set(foreseen)
        return folded
    walk.blind[node.asset] = set(todo)
    return _work_of_answers(node, todo, walk)


def _work_of_answers(node: Node, todo: list[str], walk: _Walk) -> dict[str, int]:
    """The work by period of what nothing but the snapshot rests on, or whose result nobody knows before."""
    work = walk.work
    if node.asset == tables.TOP_K:
        walk.scored = work.scored(todo, node.code_version)
        return walk.scored
    if node.asset == tables.REASONS:
        remade = {p for p, pairs in walk.scored.items() if pairs} | (set(todo) if node.asset in walk.older else set())
        return work.worded(todo, remade)
    if node.asset == tables.SIMILAR_ITEMS:
        return work.compared(node.code_version)
    return dict.fromkeys(todo, 1)


def _behind(some: Mapping[str, set[str]], node: Node, wanted: list[str]) -> set[str]:
    """The wanted periods (`WHOLE` where there are none) of which an input is among `some` of its periods.

    Of the catalogue, events read only which items exist, and that is known. A period with a history waits for every
    earlier one.
    """
    found: set[str] = set()
    mine = set(wanted or [WHOLE])
    for dep in node.deps:
        busy = some.get(dep, set())
        if not busy or (node.asset, dep) == (tables.VALIDATED_INTERACTIONS, tables.VALIDATED_ITEMS):
            continue
        if WHOLE in busy or not node.partitioned:
            found |= mine
        elif dep in node.history:
            found |= {period for period in mine if period >= min(busy)}
        else:
            found |= busy & mine
    return found


def _cost(
    costs: Costs, node: Node, rows: int, work: int, periods: int, starts: int = 0, recipe: str = ""
) -> dict[str, Any]:
    """The work in the asset's unit, and what it will take; a fit, or loading an encoder, is a start."""
    speed, row_bytes = costs.speed(node.asset, recipe), costs.bytes_a_row(node.asset)
    return {
        "work": work,
        "unit": node.unit,
        "seconds": None if speed is None else speed.seconds(work, periods, starts),
        "bytes": None if row_bytes is None else round(row_bytes * rows),
    }


def _unchanged(lake: Lake, node: Node, keys: Mapping[str, str]) -> set[str]:
    find = validated_candidates.unchanged if node.stage == "validated" else publishing.unchanged
    return set(find(lake.acting_as(node.asset, node.code_version), keys))


def _difference(node: Node, ahead: Ahead) -> tuple[int, int]:
    return publishing.difference(ahead.now, node.asset, ahead.tables[node.asset])


def _is_exact(lake: Lake, node: Node, *, waits: bool) -> bool:
    """Landed rows are counted, and so are the catalogue's; behind a catalogue never validated all is a bound.

    So are fused vectors: of items that show the same there is one, and it may be there from before.
    """
    if node.stage == "raw":
        return node.name != "media" or lake.exists(tables.RAW_ITEMS)
    return node.asset in (tables.VALIDATED_ITEMS, tables.VALIDATED_USERS) and waits and lake.exists(node.asset)


def _embedding_rows(node: Node, walk: _Walk) -> list[Row]:
    """Distinct keys without a vector, by reason: forward passes, not items."""
    ahead, settings, modality = walk.ahead, walk.ahead.settings, node.name
    wanted = settings.embeddings[modality]  # type: ignore[index]
    identity = encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)
    said = user_texts.said(ahead.lake) if tables.VALIDATED_USERS in ahead.tables else None
    lake = ahead.lake.acting_as(node.asset, node.code_version)
    found = plan_embeddings(lake, modality, identity.id, said=said)
    walk.work.moved[modality] = set(found.rows["item_id"])
    at_most = not ahead.now.exists(tables.VALIDATED_ITEMS)
    rows = [Row(node.asset, reason, count, at_most) for reason, count in _by_reason(found)]
    if not rows:
        return []
    walk.busy[node.asset] = {WHOLE}
    ahead.vectors(found)
    loads = [int(at == 0 and found.missing.height > 0) for at in range(len(rows))]
    return [
        replace(r, **_cost(walk.costs, node, r.rows, r.rows, int(at == 0), loads[at], identity.id))
        for at, r in enumerate(rows)
    ]


def _by_reason(found: EmbeddingPlan) -> list[tuple[str, int]]:
    """Keys without a vector by the reason that items and texts differ for, each key counted once."""
    needed = found.missing.select("key", missing=pl.lit(value=True))
    differing = pl.concat([found.rows.select("key", "reason"), found.words.select("key", "reason")])
    counted = (
        differing.join(needed, on="key", how="left", maintain_order="left")
        .unique("key", maintain_order=True)
        .group_by("reason")
        .agg(rows=pl.col("missing").is_not_null().sum())
        .sort("reason")
    )
    return [(reason, count) for reason, count in counted.iter_rows() if reason != SAME]


def _rows(node: Node, period: str, walk: _Walk, work: Mapping[str, int]) -> int:
    """Rows of one asset's period: counted where the files, the catalogue or the work say so, else a bound."""
    ahead = walk.ahead
    if node.name == "interactions":
        return ahead.landed.get(period, 0)
    if node.asset in ahead.tables:
        return _difference(node, ahead)[0]
    if node.asset in (FUSED, FACTORS):
        return work[period]
    people = walk.work.people[period].people.height if period in walk.work.people else 0
    return node.bound(ahead.settings, people, ahead.tables[tables.VALIDATED_ITEMS].height)
