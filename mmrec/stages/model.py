"""model: item factors fitted at a refit boundary, everybody's factor as of a period, and how good the model is.

An item-factor version is fitted once, cold and seeded, on the events up to its boundary, and then named: late events
are folded in and reach the item factors at the next boundary. What period D serves is the version of the newest
boundary ≤ D with everybody's events up to D folded in exactly, so it depends on settings and events alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import polars as pl

from mmrec import periods, tables
from mmrec.builds import assets, ledger, publishing
from mmrec.builds.report import PeriodReport, StageReport
from mmrec.evaluation import metrics, selection
from mmrec.evaluation import split as protocol
from mmrec.evaluation.problem import Problem
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.models import candidates, factorization
from mmrec.published import events as history
from mmrec.published import unplaced, user_texts
from mmrec.published import versions as served
from mmrec.published.features import Features
from mmrec.published.versions import Version
from mmrec.published.weighing import Weighing
from mmrec.settings import Settings

USERS, EVALUATION = "model/users", "model/evaluation"
HEADLINE = "NDCG@20"
_FOLDED = ["version", "events_digest"]  # what a person's factor is a function of


def factors(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Everybody's factor as of each wanted period; fits the item-factor version of its boundary where there is none."""
    began = time.perf_counter()
    gate = history.gate(lake, wanted)
    keys = factors_keys(lake, settings, gate.open)
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
        tables={"item-factor versions": _versions(lake), "candidates on validation": _candidates(lake)},
        warnings=gate.warnings + (unplaced.warnings(lake, settings, max(gate.open)) if gate.open else []),
    )


def evaluation(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The chosen model beside popularity and EASE on the events up to each wanted period; test is read here only."""
    began = time.perf_counter()
    gate = history.gate(lake, wanted)
    keys = evaluation_keys(lake, settings, gate.open)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    if stale:
        features = Features(lake)
        rows = pl.concat([_evaluate(lake, settings, period, features) for period in stale])
        reports |= publishing.publish(lake, EVALUATION, rows, stale, began, data_versions=stale)  # figures are floats
    refused = {p: PeriodReport(0, publishing.EMPTY, refused=told) for p, told in gate.refused.items()}
    rows = lake.scan(EVALUATION).filter(pl.col("period").is_in(gate.open)).collect()
    reports = {p: replace(r, facts=_figures(rows.filter(pl.col("period") == p))) for p, r in reports.items()}
    newest = rows.filter(pl.col("period") == max(gate.open, default=""))
    return publishing.report(
        lake,
        EVALUATION,
        reports | refused,
        began,
        tables={"test figures": _test_table(newest), "validation figures": _by_metric(newest, "validation")},
        warnings=gate.warnings + _too_little(newest),
    )


def factors_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of people's factors by period."""
    inputs: dict[str, str] = {}
    for asset in assets.words(settings):
        inputs |= ledger.data_version(lake, asset)
    read = {"words": settings.users.weight} if settings.users else {}
    return {period: _key(lake, settings, period, inputs, **read) for period in wanted}


def evaluation_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the evaluation by period."""
    return {period: _key(lake, settings, period) for period in wanted}


def fits(lake: Lake, settings: Settings, wanted: list[str], *, anew: bool) -> int:
    """How many item-factor versions would have to be fitted to serve `wanted`; all of them where they begin `anew`."""
    boundaries = {found for period in wanted if (found := _boundary(lake, settings, period)) is not None}
    if not boundaries:  # nothing is published yet, so the first boundary is not known
        return -(-len(wanted) // settings.model.refit) + 1
    space = lake.scan("fused/items").select("space").head(1).collect()
    name = "" if space.is_empty() else space.item()
    stored = set(lake.scan("model/versions").select("stage_key").collect()["stage_key"])
    acting = lake.acting_as("model/factors", assets.declaration(settings, "model/factors").code_version)
    return sum(anew or _version_key(acting, settings, each, name) not in stored for each in boundaries)


def boundary_version(lake: Lake, settings: Settings, period: str, features: Features, fitted: list[str]) -> Version:
    """The item-factor version that serves `period`: stored, or fitted and stored now (its name → `fitted`)."""
    boundary = _boundary(lake, settings, period)
    assert boundary is not None, "a period before the first event has no version"
    key = _version_key(lake, settings, boundary, features.space)
    stored = lake.scan("model/versions").filter(pl.col("stage_key") == key).sort("at").head(1).collect()
    if stored.height:
        return served.read_version(lake, stored["version"].item())
    events = history.read(lake, settings, boundary, Weighing.of(settings))
    version, search = _fit(settings, boundary, events, features)
    _store(lake, version, search, key, events)
    fitted.append(version.name)
    return version


def _key(lake: Lake, settings: Settings, period: str, more: Mapping[str, str] | None = None, **read: object) -> str:
    """Events up to the period, the fused features, and the version that serves it (a named input, not its events)."""
    inputs = {**history.versions(lake, settings, period), **(more or {})}
    for asset in ("validated/items", "fused/items"):
        inputs |= ledger.data_version(lake, asset)
    boundary = _boundary(lake, settings, period) or ""
    return ledger.stage_key(lake.code_version, {**_read(settings), **read, "boundary": boundary}, inputs)


def _boundary(lake: Lake, settings: Settings, period: str) -> str | None:
    """The refit boundary that serves a period; None before the first event.

    It never lies behind the newest period with events: a version that was fitted before they came would stay.
    """
    filled = history.filled_periods(lake, settings, period)
    if not filled:
        return None
    return periods.boundary(settings.calendar, filled[-1], settings.model.refit, filled[0])


def _version_key(lake: Lake, settings: Settings, boundary: str, space: str) -> str:
    return ledger.stage_key(lake.code_version, {**_read(settings), "boundary": boundary}, {"space": space})


def _read(settings: Settings) -> dict[str, object]:
    """The settings that the model is a function of."""
    return {"model": settings.model.model_dump(), "weighing": Weighing.of(settings).to_json()}


def _fit(
    settings: Settings, boundary: str, events: pl.DataFrame, features: Features
) -> tuple[Version, selection.Selection]:
    """Searches on train and validation, then fits the winner on everything up to the boundary."""
    problem = _problem(settings, events, features)
    search = selection.select(problem)
    chosen = search.winner
    rows = None
    if chosen.block_weights is not None:
        rows = candidates.features_of(problem.blocks, problem.present, chosen)
    everything = problem.histories(protocol.TRAIN, protocol.VALIDATION, protocol.TEST)
    fitted = factorization.fit(everything, problem.n_items, chosen.hyper, rows)
    weighing, item_ids = Weighing.of(settings), list(problem.item_ids)
    name = version_name(boundary, features.space, chosen.to_json(), item_ids, _bytes(fitted), weighing.to_json())
    return Version(name, boundary, features.space, chosen, weighing, item_ids, fitted), search


def version_name(
    boundary: str,
    space: str,
    choice: Mapping[str, object],
    item_ids: list[str],
    arrays: Mapping[str, bytes],
    weighing: str | None,
) -> str:
    """The name of an item-factor version: a digest of everything that it is, so that a changed byte shows.

    `weighing` is missing in versions of before it was stored.
    """
    digest = hashlib.sha256()
    for name, data in sorted(arrays.items()):
        digest.update(name.encode() + data)
    more = [] if weighing is None else [weighing]
    return canonical_digest([boundary, space, choice, item_ids, digest.hexdigest(), *more])[:16]


def _bytes(fitted: factorization.ItemFactors) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(array).tobytes() for name, array in fitted.to_arrays().items()}


def _store(lake: Lake, version: Version, search: selection.Selection, key: str, events: pl.DataFrame) -> None:
    """Arrays, items and the search, then the row in `model/versions` that makes the version exist."""
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
    items = pl.DataFrame(
        {"item_id": version.item_ids, "events": version.factors.counts}, schema_overrides={"item_id": pl.String}
    )
    lake.replace("model/items", items.with_row_index("position").with_columns(version=pl.lit(version.name)), named)
    compared = [
        {"candidate": each.model, "chosen": each.model == search.winner.name, "metric": each.metric, **_interval(each)}
        for each in search.rows
        if each.segment == metrics.ALL
    ]
    empty = tables.contract("model/candidates").empty()
    rows_of_search = pl.DataFrame(compared, schema={n: t for n, t in empty.schema.items() if n != "version"})
    lake.replace("model/candidates", rows_of_search.with_columns(version=pl.lit(version.name)), named)
    row = {
        "version": version.name,
        "stage_key": key,
        "boundary": version.boundary,
        "space": version.space,
        "choice": json.dumps(version.choice.to_json(), sort_keys=True),
        "weighing": version.weighing.to_json(),
        "people": events["user_id"].n_unique(),
        "events": events.height,
        "at": dt.datetime.now(dt.UTC),
    }
    lake.append("model/versions", pl.DataFrame([row]))


def _interval(row: metrics.Row) -> dict[str, object]:
    return {"value": row.value, "low": row.low, "high": row.high, "people": row.people}


def _fold_in_periods(
    lake: Lake, settings: Settings, stale: dict[str, str], fitted: list[str], began: float
) -> dict[str, PeriodReport]:
    """Folds in, period by period; a person whose events and version are those of a stored factor keeps it."""
    features = Features(lake)
    parts, versions, counts, fits = [tables.contract(USERS).empty()], {}, {}, dict[str, float]()
    for period in sorted(stale):
        if _boundary(lake, settings, period) is None:
            counts[period], versions[period] = 0, publishing.EMPTY
            continue
        before = time.perf_counter()
        named = len(fitted)
        version = boundary_version(lake, settings, period, features, fitted)
        fits[period] = time.perf_counter() - before if len(fitted) > named else 0.0
        rows, computed = _fold_in(lake, settings, period, version, features, parts[-1])
        parts.append(rows)
        counts[period] = computed
        versions[period] = canonical_digest([version.name, *rows["events_digest"].sort().to_list()])
    return publishing.publish(
        lake, USERS, pl.concat(parts), stale, began, data_versions=versions, computed=counts, fixed_seconds=fits
    )


def _fold_in(
    lake: Lake, settings: Settings, period: str, version: Version, features: Features, before: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Everybody's factor as of a period, and how many had to be solved for; `before` are the rows made just before."""
    text_weight = settings.users.weight if settings.users else 0.0
    about = served.read_known(lake, settings, period, version, features, text_weight=text_weight)
    counts = _counts(about)
    digests = about.digests().join(counts.select("user_id"), on="user_id", how="semi")
    digests = digests.with_columns(version=pl.lit(version.name))
    joined = digests.join(_stored_factors(lake, digests, before), on=_FOLDED, how="left").sort("user_id")
    todo = joined.filter(pl.col("factor").is_null())["user_id"].to_list()
    if todo:
        folded = factorization.fold_in(about.factors, about.histories(todo))
        solved = pl.DataFrame({"user_id": todo, "solved": pl.Series(folded).cast(tables.FACTOR)})
        joined = joined.join(solved, on="user_id", how="left").with_columns(factor=pl.coalesce("factor", "solved"))
    rows = joined.join(counts, on="user_id").with_columns(period=pl.lit(period), text_weight=pl.lit(text_weight))
    return tables.contract(USERS).conform(rows), len(todo)


def _counts(about: served.Known) -> pl.DataFrame:
    """user_id, events, words: of how many liked events and texts a factor is made; who has none is absent."""
    liked = about.events.filter(pl.col("weight") > 0).select("user_id", "item_id")
    is_text = pl.col("item_id").str.starts_with(user_texts.MARK)
    both = pl.concat([liked, about.said.select("user_id", "item_id")])
    return both.group_by("user_id").agg(events=(~is_text).sum(), words=is_text.sum())


def _stored_factors(lake: Lake, digests: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The factors that are there for these digests (`_FOLDED`), in the lake or `before`."""
    named = pl.col("version").is_in(digests["version"].unique().to_list())  # what other versions hold is not read
    both = [rows.select(*_FOLDED, "factor") for rows in (lake.scan(USERS).filter(named), before.lazy())]
    return pl.concat([rows.join(digests.lazy(), on=_FOLDED, how="semi") for rows in both]).unique(_FOLDED).collect()


def _problem(settings: Settings, events: pl.DataFrame, features: Features) -> Problem:
    """The events and features as the search and the evaluation take them."""
    return Problem.of(events, features.item_ids, features.blocks, features.present, settings.model)


def _evaluate(lake: Lake, settings: Settings, period: str, features: Features) -> pl.DataFrame:
    """The candidate that serves the period, popularity and EASE, on the events up to it."""
    if _boundary(lake, settings, period) is None:
        return _nothing_to_evaluate(period)
    version = boundary_version(lake, settings, period, features, [])
    events = history.read(lake, settings, period, version.weighing)
    found = selection.evaluate(_problem(settings, events, features), version.choice)
    rows = pl.DataFrame([asdict(row) for row in found], infer_schema_length=None)
    mine = (pl.col("model") == selection.MODEL) & pl.col("note").is_null()
    return tables.contract(EVALUATION).conform(
        rows.with_columns(
            pl.col("value", "low", "high").cast(pl.Float64).fill_nan(None),
            period=pl.lit(period),
            note=pl.when(mine).then(pl.lit(version.choice.name)).otherwise(pl.col("note").cast(pl.String)),
        )
    )


def _nothing_to_evaluate(period: str) -> pl.DataFrame:
    row = {"period": period, "model": selection.MODEL, "split": "test", "metric": HEADLINE, "segment": "all"}
    told = {"people": 0, "note": "too little history: no event yet"}
    return tables.contract(EVALUATION).conform(pl.DataFrame([{**row, **told}]), partial=True)


def _versions(lake: Lake) -> pl.DataFrame:
    """The newest item-factor versions, each with the candidate that won its search."""
    return (
        lake.scan("model/versions")
        .select("version", "boundary", pl.col("choice").str.json_path_match("$.name"), "people", "events")
        .sort("boundary")
        .tail(5)
        .collect()
    )


def _candidates(lake: Lake) -> pl.DataFrame:
    """What the newest item-factor version's search compared, the best first."""
    newest = lake.scan("model/versions").sort("boundary", "at").select("version").tail(1)
    rows = lake.scan("model/candidates").join(newest, on="version", how="semi").filter(pl.col("metric") == HEADLINE)
    shown = rows.select("candidate", "chosen", "metric", pl.col("value", "low", "high").round(4), "people")
    return shown.sort("value", "candidate", descending=[True, False]).collect()


def _too_little(rows: pl.DataFrame) -> list[str]:
    """Why there are no figures, where there are none. A segment may be empty without being worth a warning."""
    nobody = rows.filter((pl.col("people") == 0) & (pl.col("segment") == "all"))
    return nobody["note"].drop_nulls().unique().sort().to_list()


def _figures(rows: pl.DataFrame) -> dict[str, float]:
    """One period's test figures over all items, as numbers that plot over periods; differences with their interval."""
    mine = rows.filter((pl.col("split") == "test") & (pl.col("segment") == "all") & pl.col("value").is_not_null())
    figures = {}
    for row in mine.iter_rows(named=True):
        name = f"{row['model']} {row['metric']}"
        figures[name] = row["value"]
        if " − " in row["model"] and row["metric"] == HEADLINE:
            figures |= {f"{name} low": row["low"], f"{name} high": row["high"]}
    return figures


def _test_table(rows: pl.DataFrame) -> pl.DataFrame:
    """The served model beside its references: one row a model and segment, a column a metric with its interval."""
    return _by_metric(rows, "test", segments=("all", "warm items", "cold items"))


def _by_metric(rows: pl.DataFrame, split: str, segments: tuple[str, ...] = ("all",)) -> pl.DataFrame:
    order = {"mf": 0, "popularity": 1, "EASE": 2, "mf − popularity": 3, "mf − EASE": 4}
    chosen = rows.filter((pl.col("split") == split) & pl.col("segment").is_in(segments))
    interval = pl.format(
        "{} [{}, {}]",
        pl.col("value").round(4),
        pl.col("low").round(4).cast(pl.String).fill_null("–"),
        pl.col("high").round(4).cast(pl.String).fill_null("–"),
    )
    told = chosen.with_columns(figure=interval, place=pl.col("model").replace_strict(order, default=9))
    wide = told.pivot(
        "metric", index=["place", "segment", "model", "people"], values="figure", aggregate_function="first"
    )
    return wide.sort("segment", "place").drop("place")
