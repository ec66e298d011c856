"""Item-factor versions: fitted once at a refit boundary, cold and seeded, and then named.

Late events are folded in and reach the item factors at the next boundary. What period D serves is the version of the
newest boundary ≤ D, so it depends on settings and events alone. But where the events up to a boundary have at least
doubled since it was fitted, as behind a first try on a small sample, a version is fitted anew.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from mmrec import periods, tables
from mmrec.builds import assets, ledger
from mmrec.evaluation import fitting, metrics, rivals, selection
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import PARTS
from mmrec.fusion.statistics import GROWN
from mmrec.keys import canonical_digest
from mmrec.lake.memo import of_version
from mmrec.lake.store import Lake
from mmrec.models.candidates import Candidate
from mmrec.published import events as history
from mmrec.published import versions
from mmrec.published.features import Features
from mmrec.published.versions import Version
from mmrec.published.weighing import Weighing
from mmrec.settings import Settings
from mmrec.stages.model import trials


def fits(lake: Lake, settings: Settings, wanted: list[str], *, anew: bool) -> int:
    """How many item-factor versions would have to be fitted to serve `wanted`; all of them where they begin `anew`."""
    boundaries = {found for period in wanted if (found := boundary_of(lake, settings, period)) is not None}
    if not boundaries:  # nothing is published yet, so the first boundary is not known
        return -(-len(wanted) // settings.model.refit) + 1
    return sum(anew or not stored_version(lake, settings, each) for each in boundaries)


def stored_version(lake: Lake, settings: Settings, boundary: str) -> str:
    """The name of the version that was fitted at a boundary under today's settings and space, on most events.

    Empty where none was, and where the boundary has `GROWN` times the events by now.
    """

    def space() -> str:
        rows = lake.scan(tables.FUSED_CURRENT).select("space").head(1).collect()
        return "" if rows.is_empty() else rows.item()

    def by_key() -> dict[str, tuple[str, int]]:
        rows = lake.scan(tables.MODEL_VERSIONS).select("stage_key", "version", "events", "at")
        best_last = rows.sort("events", "at", descending=[False, True]).collect()
        return {key: (version, events) for key, version, events, _ in best_last.iter_rows()}

    named = of_version(lake, tables.FUSED_CURRENT, "space", space)
    key = _version_key(_as_factors(lake, settings), settings, boundary, named)
    version, events = of_version(lake, tables.MODEL_VERSIONS, "by key", by_key).get(key, ("", 0))
    return version if history.published(lake, settings, boundary) < GROWN * events else ""


def _as_factors(lake: Lake, settings: Settings) -> Lake:
    """A version is that of model/factors, whichever asset asks for it."""
    return lake.acting_as(assets.FACTORS, assets.declaration(settings, assets.FACTORS).code_version)


def boundary_version(lake: Lake, settings: Settings, period: str, features: Features, fitted: list[str]) -> Version:
    """The item-factor version that serves `period`: stored, or fitted and stored now (its name → `fitted`)."""
    boundary = boundary_of(lake, settings, period)
    assert boundary is not None, "a period before the first event has no version"
    if stored := stored_version(lake, settings, boundary):
        return versions.read_version(lake, stored)
    key = _version_key(_as_factors(lake, settings), settings, boundary, features.space)
    events = history.read(lake, settings, boundary, Weighing.of(settings))
    problem = problem_of(settings, events, features)
    kept = trials.KeptTrials(lake, key, problem)
    search = selection.select(problem, kept.known, kept.add)
    kept.commit()
    version = _fit(settings, boundary, problem, search.winner, features)
    _store(lake, version, search, key, events["user_id"].n_unique(), history.published(lake, settings, boundary))
    kept.forget()
    fitted.append(version.name)
    return version


def stage_key(lake: Lake, settings: Settings, period: str, inputs: Mapping[str, str], **read: object) -> str:
    """The key of what is made of a period: these inputs, the settings of the model, and the boundary that serves it."""
    boundary = boundary_of(lake, settings, period) or ""
    return ledger.stage_key(lake.code_version, {**_read(settings), **read, "boundary": boundary}, inputs)


def boundary_of(lake: Lake, settings: Settings, period: str) -> str | None:
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
    """The settings that the model is a function of; the kind that is served by default goes without saying."""
    model = settings.model.model_dump(exclude={"kind"} if settings.model.kind == selection.MODEL else None)
    return {"model": model, "weighing": Weighing.of(settings).to_json()}


def _fit(settings: Settings, boundary: str, problem: Problem, chosen: Candidate, features: Features) -> Version:
    """What the search has chosen, fitted on everything up to the boundary; and the settings of its rivals."""
    fit, beside = fitting.fitted(problem, chosen, *PARTS), rivals.chosen(problem)
    weighing, item_ids = Weighing.of(settings), list(problem.item_ids)
    arrays = _bytes(versions.arrays_of(fit.factors, fit.links, beside, fit.network))
    of_item = dict(zip(features.item_ids, features.digests, strict=True))
    digests = [of_item.get(item) for item in item_ids]
    weights = weighing.to_json()
    name = version_name(boundary, features.space, chosen.to_json(), item_ids, arrays, weights, digests)
    made = fit.factors, fit.links, beside, fit.network
    return Version(name, boundary, features.space, chosen, weighing, item_ids, digests, *made)


def version_name(
    boundary: str,
    space: str,
    choice: Mapping[str, object],
    item_ids: list[str],
    arrays: Mapping[str, bytes],
    weighing: str | None,
    digests: Sequence[str | None],
) -> str:
    """The name of an item-factor version: a digest of everything that it is, so that a changed byte shows.

    `weighing` and the items' fused `digests` are missing in versions of before they were stored.
    """
    digest = hashlib.sha256()
    for name, data in sorted(arrays.items()):
        digest.update(name.encode() + data)
    more = [*([] if weighing is None else [weighing]), *([list(digests)] if any(digests) else [])]
    return canonical_digest([boundary, space, choice, item_ids, digest.hexdigest(), *more])[:16]


def _bytes(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def _store(lake: Lake, version: Version, search: selection.Selection, key: str, people: int, events: int) -> None:
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
        for name, array in sorted(version.arrays().items())
    ]
    named = {"version": [version.name]}
    lake.replace(tables.MODEL_ARRAYS, pl.DataFrame(rows), named)
    items = pl.DataFrame(
        {"item_id": version.item_ids, "events": version.factors.counts, "digest": version.digests},
        schema_overrides={"item_id": pl.String, "digest": pl.String},
    )
    lake.replace(tables.MODEL_ITEMS, items.with_row_index("position").with_columns(version=pl.lit(version.name)), named)
    lake.replace(tables.MODEL_CANDIDATES, trials.rows(version.name, search.trials, winner=search.winner.name), named)
    row = {
        "version": version.name,
        "stage_key": key,
        "boundary": version.boundary,
        "space": version.space,
        "choice": json.dumps(version.choice.to_json(), sort_keys=True, ensure_ascii=False),
        "weighing": version.weighing.to_json(),
        "people": people,
        "events": events,
        "at": dt.datetime.now(dt.UTC),
    }
    lake.append(tables.MODEL_VERSIONS, pl.DataFrame([row]))


def interval(row: metrics.Row) -> dict[str, object]:
    """A figure with its interval and how many people it is of, as columns."""
    return {"value": row.value, "low": row.low, "high": row.high, "people": row.people}


def problem_of(settings: Settings, events: pl.DataFrame, features: Features) -> Problem:
    """The events and features as the search and the evaluation take them."""
    return Problem.of(events, features.item_ids, features.blocks, features.present, settings.model)
