"""model: item factors fitted at a refit boundary, everybody's factor as of a period, and how good the model is.

An item-factor version is fitted once, cold and seeded, on the events up to its boundary, and then named: late events
are folded in and reach the item factors at the next boundary. What period D serves is the version of the newest
boundary ≤ D with everybody's events up to D folded in exactly, so it depends on settings and events alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
from dataclasses import replace

import numpy as np
import polars as pl

from mmrec import builds, factorization, history, periods, protocol, publishing, selection, served, tables
from mmrec.keys import canonical_digest
from mmrec.lake import Lake
from mmrec.report import PeriodReport, StageReport
from mmrec.served import Version
from mmrec.settings import Settings
from mmrec.stages.fused import Features

USERS, EVALUATION = "model/users", "model/evaluation"
MF = "MF"  # the served factorization, whichever candidate it is


def factors(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Everybody's factor as of each wanted period; fits the item-factor version of its boundary where there is none."""
    began = time.perf_counter()
    gate = history.gate(lake, wanted)
    keys = {period: _key(lake, settings, period) for period in gate.open}
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    fitted: list[str] = []
    if stale:
        reports |= _fold_in_periods(lake, settings, stale, fitted, began)
    refused = {p: PeriodReport(0, publishing.EMPTY, refused=told) for p, told in gate.refused.items()}
    return publishing.report(
        lake,
        USERS,
        reports | refused,
        began,
        facts={"versions_fitted": len(fitted), "width": settings.model.width},
        tables={"item-factor versions": _versions(lake)},
        warnings=gate.warnings,
    )


def evaluation(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The chosen model beside popularity and EASE on the events up to each wanted period; test is read here only."""
    began = time.perf_counter()
    gate = history.gate(lake, wanted)
    keys = {period: _key(lake, settings, period, k=settings.recommendations.k) for period in gate.open}
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    if stale:
        features = Features(lake)
        rows = pl.concat([_evaluate(lake, settings, period, features) for period in stale])
        reports |= publishing.publish(lake, EVALUATION, rows, stale, began)
    refused = {p: PeriodReport(0, publishing.EMPTY, refused=told) for p, told in gate.refused.items()}
    newest = max(gate.open, default="")
    shown = lake.scan(EVALUATION).filter(pl.col("period") == newest).drop("period").collect()
    return publishing.report(
        lake,
        EVALUATION,
        reports | refused,
        began,
        tables={"evaluation": shown},
        facts=_headline(shown),
        warnings=gate.warnings + shown.filter(pl.col("people") == 0)["note"].drop_nulls().unique().sort().to_list(),
    )


def boundary_version(lake: Lake, settings: Settings, period: str, features: Features, fitted: list[str]) -> Version:
    """The item-factor version that serves `period`: stored, or searched, fitted and stored now (its name → `fitted`)."""
    boundary = periods.boundary(settings.calendar, period, settings.model.refit)
    key = _version_key(lake, settings, boundary, features.space)
    stored = lake.scan("model/versions").filter(pl.col("stage_key") == key).sort("at").head(1).collect()
    if stored.height:
        return served.read_version(lake, stored["version"].item())
    events = history.read(lake, settings, boundary)
    version = _fit(settings, boundary, events, features)
    _store(lake, version, key, events)
    fitted.append(version.name)
    return version


def _key(lake: Lake, settings: Settings, period: str, **read: object) -> str:
    """Events up to the period, the fused features, and the version that serves it (a named input, not its events)."""
    inputs = history.versions(lake, settings, period)
    for asset in ("validated/items", "fused/items"):
        inputs |= builds.data_version(lake, asset)
    boundary = periods.boundary(settings.calendar, period, settings.model.refit)
    return builds.stage_key(lake.code_version, {**_read(settings), **read, "boundary": boundary}, inputs)


def _version_key(lake: Lake, settings: Settings, boundary: str, space: str) -> str:
    return builds.stage_key(lake.code_version, {**_read(settings), "boundary": boundary}, {"space": space})


def _read(settings: Settings) -> dict[str, object]:
    """The settings that the model is a function of."""
    return {"model": settings.model.model_dump(), "events": settings.events, "name": settings.name}


def _fit(settings: Settings, boundary: str, events: pl.DataFrame, features: Features) -> Version:
    """Searches on train and validation, then fits the winner on everything up to the boundary."""
    everything = _events(events, features)
    part = _split(settings, everything)
    candidates = selection.default_candidates(list(features.slices), settings.model.seed)
    # Test events are taken out before the search sees anything.
    known = part != protocol.TEST
    found = selection.select(everything.only(known), part[known], candidates, features.blocks, features.present)
    chosen = found.winner
    fitted = selection.fit_candidate(chosen, everything, features.blocks, features.present)
    about = [boundary, features.space, served.candidate_to_json(chosen), features.item_ids, _bytes_digest(fitted)]
    return Version(canonical_digest(about)[:16], boundary, features.space, chosen, features.item_ids, fitted)


def _bytes_digest(fitted: factorization.ItemFactors) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(fitted.to_arrays().items()):
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _store(lake: Lake, version: Version, key: str, events: pl.DataFrame) -> None:
    """Arrays, then items, then the row in `model/versions` that makes the version exist."""
    rows = [
        {
            "version": version.name,
            "name": name,
            "dtype": array.dtype.newbyteorder("<").str,
            "shape": list(array.shape),
            "sha256": hashlib.sha256(data := np.ascontiguousarray(array).tobytes()).hexdigest(),
            "data": data,
        }
        for name, array in sorted(version.factors.to_arrays().items())
    ]
    named = {"version": [version.name]}
    lake.replace("model/arrays", pl.DataFrame(rows), named)
    items = pl.DataFrame({"item_id": version.item_ids, "events": version.factors.counts}, schema_overrides={"item_id": pl.String})
    lake.replace("model/items", items.with_row_index("position").with_columns(version=pl.lit(version.name)), named)
    row = {
        "version": version.name,
        "stage_key": key,
        "boundary": version.boundary,
        "space": version.space,
        "choice": served.candidate_to_json(version.choice),
        "people": events["user_id"].n_unique(),
        "events": events.height,
        "at": dt.datetime.now(dt.UTC),
    }
    lake.append("model/versions", pl.DataFrame([row]))


def _fold_in_periods(
    lake: Lake, settings: Settings, stale: dict[str, str], fitted: list[str], began: float
) -> dict[str, PeriodReport]:
    """Folds in, period by period; a person whose events and version are those of a stored factor keeps it."""
    features = Features(lake)
    known = lake.scan("model/users").select("version", "events_digest", "factor").unique(["version", "events_digest"]).collect()
    parts, versions, counts = [], {}, {}
    for period in sorted(stale):
        version = boundary_version(lake, settings, period, features, fitted)
        rows, computed = _fold_in(lake, settings, period, version, features, known)
        known = pl.concat([known, rows.select(known.columns)]).unique(["version", "events_digest"])
        parts.append(rows)
        counts[period] = computed
        versions[period] = canonical_digest([version.name, *rows["events_digest"].sort().to_list()])
    reports = publishing.publish(lake, USERS, pl.concat(parts), stale, began, data_versions=versions)
    return {p: _recounted(report, counts[p]) for p, report in reports.items()}


def _recounted(report: PeriodReport, computed: int) -> PeriodReport:
    return replace(report, computed=computed, reused=report.rows - computed)


def _fold_in(
    lake: Lake, settings: Settings, period: str, version: Version, features: Features, known: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Everybody's factor as of a period, and how many had to be solved for."""
    events = history.read(lake, settings, period)
    item_ids, extended, *_ = served.extend(version, features)
    cold = pl.DataFrame({"item_id": features.item_ids, "placed_by": features.digests}, schema={"item_id": pl.String, "placed_by": pl.String})
    cold = cold.join(pl.DataFrame({"item_id": version.item_ids}, schema={"item_id": pl.String}), on="item_id", how="anti")
    digests = history.digests(events.join(cold, on="item_id", how="left"), ["weight", "placed_by"])
    digests = digests.with_columns(version=pl.lit(version.name))
    joined = digests.join(known, on=["version", "events_digest"], how="left").sort("user_id")
    todo = joined.filter(pl.col("factor").is_null())["user_id"].to_list()
    counts = events.group_by("user_id").agg(events=pl.len())
    if todo:
        own = served.histories(events, todo, item_ids, version.choice)
        solved = pl.DataFrame({"user_id": todo, "solved": pl.Series(factorization.fold_in(extended, own)).cast(tables.FACTOR)})
        joined = joined.join(solved, on="user_id", how="left").with_columns(factor=pl.coalesce("factor", "solved"))
    rows = joined.join(counts, on="user_id").with_columns(period=pl.lit(period))
    return tables.contract(USERS).conform(rows), len(todo)


def _events(events: pl.DataFrame, features: Features) -> selection.Events:
    """The events as the search and the evaluation take them: rows in the order of ids, columns in that of the items."""
    users = pl.DataFrame({"user_id": events["user_id"].unique().sort()}).with_row_index("u")
    items = pl.DataFrame({"item_id": pl.Series(features.item_ids, dtype=pl.String)}).with_row_index("i")
    placed = events.join(users, on="user_id", maintain_order="left").join(items, on="item_id", maintain_order="left")
    return selection.Events(
        user_idx=placed["u"].to_numpy().astype(np.int64),
        item_idx=placed["i"].to_numpy().astype(np.int64),
        weight=placed["weight"].to_numpy(),
        time_us=placed["time"].dt.epoch("us").to_numpy(),
        tie_hash=protocol.tie_hash(placed["user_id"].to_list(), placed["item_id"].to_list()),
        n_users=users.height,
        n_items=items.height,
        item_order=np.arange(items.height),  # features come in the order of their ids
    )


def _split(settings: Settings, events: selection.Events) -> np.ndarray:
    if settings.model.split == "global":
        return protocol.split_by_time(events.time_us)
    return protocol.split(
        events.user_idx, events.item_idx, events.time_us, events.tie_hash, minimum=settings.model.min_events
    )


def _evaluate(lake: Lake, settings: Settings, period: str, features: Features) -> pl.DataFrame:
    """The candidate that serves the period, popularity and EASE, on the events up to it."""
    version = boundary_version(lake, settings, period, features, [])
    events = _events(history.read(lake, settings, period), features)
    found = selection.select(events, _split(settings, events), [version.choice], features.blocks, features.present)
    named = [_evaluation_row(row, version) for row in (*found.rows, *found.differences)]
    if not found.enough:
        named.append({"model": MF, "split": "test", "metric": "NDCG@20", "segment": "all", "people": 0, "note": found.reason})
    rows = pl.DataFrame(named, schema={name: tables.contract(EVALUATION).schema[name] for name in named[0]}, strict=False)
    rows = rows.with_columns(pl.col("value", "low", "high").fill_nan(None), period=pl.lit(period))
    return tables.contract(EVALUATION).conform(rows)


def _evaluation_row(row: selection.Row, version: Version) -> dict[str, object]:
    """A figure under a name that stays the same over periods; which candidate or λ it was stands in the note."""
    name = row.model.replace(version.choice.name, MF)
    told = re.search(r"EASE( λ=\S+)", name)
    note = version.choice.name if name == MF else (told.group(1).strip() if told else None)
    short = re.sub(r"EASE λ=\S+", "EASE", name) if row.part == "test" else name
    fields = {"metric": row.metric, "segment": row.segment, "value": row.value, "low": row.low, "high": row.high}
    return {"model": short, "split": row.part, **fields, "people": row.people, "note": note}


def _versions(lake: Lake) -> pl.DataFrame:
    return lake.scan("model/versions").select("version", "boundary", "choice", "people", "events").sort("boundary").tail(5).collect()


def _headline(shown: pl.DataFrame) -> dict[str, float]:
    """The served model's main test figures, as numbers that plot over periods."""
    mine = shown.filter((pl.col("split") == "test") & (pl.col("segment") == "all") & pl.col("value").is_not_null())
    return {f"{row['model']} {row['metric']}": row["value"] for row in mine.iter_rows(named=True) if row["model"] == MF}
