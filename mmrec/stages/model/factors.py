"""model/factors: everybody's factor as of a period, folded in exactly."""

from __future__ import annotations

import json
import time

import polars as pl

from mmrec import tables
from mmrec.builds import assets, ledger, publishing
from mmrec.builds.report import StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.evaluation.search import STAGES
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.models import factorization
from mmrec.published import events as history
from mmrec.published import state, unplaced, user_texts
from mmrec.published.features import Features
from mmrec.published.versions import Version
from mmrec.settings import Settings
from mmrec.stages.model.boundary import boundary_of, boundary_version, stage_key

_FOLDED = ["version", "events_digest"]  # what a person's factor is a function of


def factors(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Everybody's factor as of each wanted period; fits the item-factor version of its boundary where there is none."""
    gate = history.gate(lake, wanted)
    run = StageRun(lake, tables.MODEL_USERS, refused=gate.refused, warnings=gate.warnings)
    fitted: list[str] = []
    if stale := run.begin(factors_keys(lake, settings, gate.open)):
        run.publish(_fold_in_periods(lake, settings, stale, fitted))
    return run.report(
        facts={"versions_fitted": len(fitted)},
        tables={"item-factor versions": _versions(lake), "candidates on validation": _candidates(lake)},
        warnings=_warnings(lake, settings, max(gate.open)) if gate.open else [],
    )


def factors_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of people's factors by period: events up to it, content, and people's own words."""
    content: dict[str, str] = {}
    for asset in (tables.VALIDATED_ITEMS, assets.FUSED, *assets.words(settings)):
        content |= ledger.data_version(lake, asset)
    read = {"words": settings.users.weight} if settings.users else {}
    return {
        period: stage_key(lake, settings, period, {**history.versions(lake, settings, period), **content}, **read)
        for period in wanted
    }


def _fold_in_periods(lake: Lake, settings: Settings, stale: list[str], fitted: list[str]) -> dict[str, Made]:
    """Folds in, period by period; a person whose events and version are those of a stored factor keeps it."""
    features, rows, made = Features(lake), tables.contract(tables.MODEL_USERS).empty(), {}
    for period in sorted(stale):
        if boundary_of(lake, settings, period) is None:
            made[period] = Made(rows.clear(), 0, publishing.EMPTY)
            continue
        before, known = time.perf_counter(), len(fitted)
        version = boundary_version(lake, settings, period, features, fitted)
        seconds = time.perf_counter() - before if len(fitted) > known else 0.0
        rows, computed = _fold_in(lake, settings, period, version, features, rows)
        data_version = canonical_digest([version.name, *rows["events_digest"].sort().to_list()])
        made[period] = Made(rows, computed, data_version, fixed_seconds=seconds)
    return made


def _fold_in(
    lake: Lake, settings: Settings, period: str, version: Version, features: Features, before: pl.DataFrame
) -> tuple[pl.DataFrame, int]:
    """Everybody's factor as of a period, and how many had to be solved for; `before` are the rows made just before."""
    text_weight = settings.users.weight if settings.users else 0.0
    about = state.read_known(lake, settings, period, version, features, text_weight=text_weight)
    counts = counted(about.events, about.said)
    digests = about.digests().join(counts.select("user_id"), on="user_id", how="semi")
    digests = digests.with_columns(version=pl.lit(version.name))
    joined = digests.join(stored(lake, digests, before), on=_FOLDED, how="left").sort("user_id")
    todo = joined.filter(pl.col("factor").is_null())["user_id"].to_list()
    if todo:
        folded = factorization.fold_in(about.factors, about.histories(todo))
        solved = pl.DataFrame({"user_id": todo, "solved": pl.Series(folded).cast(tables.FACTOR)})
        joined = joined.join(solved, on="user_id", how="left").with_columns(factor=pl.coalesce("factor", "solved"))
    rows = joined.join(counts, on="user_id").with_columns(period=pl.lit(period), text_weight=pl.lit(text_weight))
    return tables.contract(tables.MODEL_USERS).conform(rows), len(todo)


def counted(events: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """user_id, events, words: of how many liked events and texts a factor is made; who has none is absent."""
    liked = events.filter(pl.col("weight") > 0).select("user_id", "item_id")
    is_text = pl.col("item_id").str.starts_with(user_texts.MARK)
    both = pl.concat([liked, said.select("user_id", "item_id")])
    return both.group_by("user_id").agg(events=(~is_text).sum(), words=is_text.sum())


def stored(lake: Lake, digests: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The factors that are there for these digests (`_FOLDED`), in the lake or `before`."""
    named = pl.col("version").is_in(digests["version"].unique().to_list())  # what other versions hold is not read
    both = [rows.select(*_FOLDED, "factor") for rows in (lake.scan(tables.MODEL_USERS).filter(named), before.lazy())]
    return pl.concat([rows.join(digests.lazy(), on=_FOLDED, how="semi") for rows in both]).unique(_FOLDED).collect()


def _warnings(lake: Lake, settings: Settings, period: str) -> list[str]:
    """What a run should say of a period: that nothing fitted is served, and who or what has no place."""
    serving = unplaced.serving(lake, period)
    resort = json.loads(serving["choice"]).get("last_resort") if serving else None
    is_asked_for = resort == settings.model.kind
    told = f"{resort} is served: nothing that was fitted reached more with the people who confirm, on validation"
    return [*([told] if resort and not is_asked_for else []), *unplaced.warnings(lake, settings, period)]


def _versions(lake: Lake) -> pl.DataFrame:
    """The newest item-factor versions, each with the candidate that won its search."""
    return (
        lake.scan(tables.MODEL_VERSIONS)
        .select("version", "boundary", pl.col("choice").str.json_path_match("$.name"), "people", "events")
        .sort("boundary")
        .tail(5)
        .collect()
    )


def _candidates(lake: Lake) -> pl.DataFrame:
    """What the newest item-factor version's search tried, stage by stage, the best on most people first."""
    newest = lake.scan(tables.MODEL_VERSIONS).sort("boundary", "at").select("version").tail(1)
    rows = lake.scan(tables.MODEL_CANDIDATES).join(newest, on="version", how="semi")
    figures = pl.col("value", "low", "high").round(4)
    # What is long stands last: a page shows the beginning of a row.
    shown = rows.select("stage", "chosen", "metric", figures, "people", pl.col("seconds").round(2), "candidate")
    order = pl.col("stage").replace_strict({stage: at for at, stage in enumerate(STAGES)}, default=len(STAGES))
    return shown.sort(order, "people", "value", "candidate", descending=[False, True, True, False]).collect()
