"""model/evaluation: how good the model is, beside what it must be compared with."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mmrec import tables
from mmrec.builds.report import StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.evaluation import metrics, selection
from mmrec.evaluation.comparison import FAMILY, HEADLINE
from mmrec.evaluation.segments import AGES, PEOPLE
from mmrec.evaluation.split import LEAKS
from mmrec.lake.store import Lake
from mmrec.published import events as history
from mmrec.published import figures, versions
from mmrec.published.features import Features
from mmrec.settings import Settings
from mmrec.stages.model.boundary import problem_of, stage_key
from mmrec.stages.model.evaluated import Evaluated, evaluated, fit_versions

CHART = "headline"  # the table of a report that is drawn
SEGMENTS = ("all", "warm items", "cold items")  # of the chart
PLOTTED = ("NDCG@20", "Recall@20", "Coverage@20")  # of the served model over periods; of the others the headline


def evaluation(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The chosen model beside the zoo's on the events up to each wanted period; test is read here only.

    The settings of the zoo's models are those that were chosen with the version.
    """
    gate = history.gate(lake, wanted)
    run = StageRun(lake, tables.EVALUATION, refused=gate.refused, warnings=gate.warnings)
    fit_versions(lake, settings, gate.open)
    if stale := run.begin(evaluation_keys(lake, settings, gate.open)):
        over = evaluated(lake, settings, stale)  # figures are floats, so a period's data version is its key
        run.publish(
            {p: Made(_evaluate(lake, settings, p, over[p]), data_version=k, work=1) for p, k in run.stale.items()}
        )
    rows = figures.read(lake, gate.open)
    by_period = {period: _figures(rows.filter(pl.col("period") == period)) for period in gate.open}
    run.reports = {p: replace(each, facts=by_period.get(p, each.facts)) for p, each in run.reports.items()}
    newest = rows.filter(pl.col("period") == max(gate.open, default=""))
    kind = settings.model.split
    return run.report(
        facts={"split": f"{kind}: {LEAKS[kind]}"},
        tables={
            CHART: _headline(newest),
            "test figures": _by_metric(newest, "test"),
            "paired differences": _differences(newest),
            "segments": _by_segment(newest),
            "validation figures": _by_metric(newest, "validation"),
        },
        warnings=_too_little(newest),
    )


def evaluation_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the evaluation by period: events, the version, and the features that are not the version's."""
    read = settings.recommendations.steering
    return {
        period: stage_key(lake, settings, period, {**history.versions(lake, settings, period), **over.inputs}, **read)
        for period, over in evaluated(lake, settings, wanted).items()
    }


def _evaluate(lake: Lake, settings: Settings, period: str, over: Evaluated) -> pl.DataFrame:
    """The candidate that serves the period beside the models of the zoo, on the events up to it."""
    if not over.version:
        return _nothing_to_evaluate(period)
    version = versions.read_version(lake, over.version)
    events = history.read(lake, settings, period, version.weighing)
    problem = problem_of(settings, events, Features(lake, over.items))
    found = selection.evaluate(problem, version.choice, stored=version.rivals, asked=settings.recommendations)
    rows = pl.DataFrame([vars(row) for row in found], infer_schema_length=None, schema_overrides={"note": pl.String})
    mine = (pl.col("model") == selection.MODEL) & pl.col("minus").is_null() & (pl.col("people") > 0)
    own = pl.concat_str(pl.lit(version.choice.name), pl.col("note"), separator="; ", ignore_nulls=True)
    return tables.contract(tables.EVALUATION).conform(
        rows.with_columns(
            pl.col("value", "low", "high").cast(pl.Float64).fill_nan(None),
            period=pl.lit(period),
            note=pl.when(mine).then(own).otherwise(pl.col("note")),
        )
    )


def _nothing_to_evaluate(period: str) -> pl.DataFrame:
    row = {"period": period, "model": selection.MODEL, "split": "test", "metric": HEADLINE, "segment": "all"}
    told = {"people": 0, "note": "too little history: no event yet"}
    return tables.contract(tables.EVALUATION).conform(pl.DataFrame([{**row, **told}]), partial=True)


def _too_little(rows: pl.DataFrame) -> list[str]:
    """Why there are no figures, where there are none. A segment may be empty without being worth a warning."""
    nobody = rows.filter((pl.col("people") == 0) & (pl.col("segment") == "all"))
    return nobody["note"].drop_nulls().unique().sort().to_list()


def _figures(rows: pl.DataFrame) -> dict[str, float]:
    """One period's test figures over all items, as numbers that plot over periods; differences with their interval."""
    mine = rows.filter((pl.col("split") == "test") & (pl.col("segment") == "all") & pl.col("value").is_not_null())
    served = (pl.col("model") == selection.MODEL) & pl.col("minus").is_null() & pl.col("metric").is_in(PLOTTED)
    found = {}
    for row in mine.filter(served | (pl.col("metric") == HEADLINE)).iter_rows(named=True):
        name = f"{row['label']} {row['metric']}"
        found[name] = row["value"]
        if row["minus"] is not None and row["low"] is not None:
            found |= {f"{name} low": row["low"], f"{name} high": row["high"]}
    return found


def _headline(rows: pl.DataFrame) -> pl.DataFrame:
    """The headline metric of every model on test: segment, model, served, value, low, high, people."""
    order = pl.col("segment").replace_strict(dict(zip(SEGMENTS, range(len(SEGMENTS)), strict=True)), default=None)
    chosen = rows.filter(
        (pl.col("split") == "test") & (pl.col("metric") == HEADLINE) & pl.col("minus").is_null(),
        pl.col("segment").is_in(SEGMENTS) & pl.col("value").is_not_null(),
    )
    named = chosen.sort(order, "place").with_columns(model="label", served=pl.col("model") == selection.MODEL)
    return named.select("segment", "model", "served", "value", "low", "high", "people")


def _by_metric(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """One row a model, a column a metric with its interval; the headline first, then as the metrics are declared."""
    chosen = rows.filter((pl.col("split") == split) & (pl.col("segment") == "all") & pl.col("minus").is_null())
    wide = _shown(chosen).pivot(
        "metric", index=["place", "model", "people"], values="figure", aggregate_function="first"
    )
    told = sorted({*wide.columns} - {"place", "model", "people"}, key=_order)
    return wide.sort("place").select("model", *told[:1], "people", *told[1:])


def _order(metric: str) -> tuple[bool, int, int]:
    """The headline first, then as metrics are declared, by cut-off."""
    name, _, cutoff = metric.partition("@")
    declared = [*metrics.ACCURACY, *metrics.BREADTH]
    return metric != HEADLINE, declared.index(name) if name in declared else len(declared), int(cutoff)


def _by_segment(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a segment of test, a column a model: the headline metric with its interval."""
    chosen = rows.filter((pl.col("split") == "test") & (pl.col("metric") == HEADLINE) & pl.col("minus").is_null())
    shown = _shown(chosen.sort("place")).pivot("model", index=["segment"], values="figure", aggregate_function="first")
    told = {name: place for place, name in enumerate((*SEGMENTS, *PEOPLE, *AGES))}  # then by modality
    return shown.sort(pl.col("segment").replace_strict(told, default=len(told)), "segment")


def _differences(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a difference on test over all items, with its interval and its corrected p where it has one."""
    told = [metric for metric, _ in FAMILY]
    of_test = (pl.col("split") == "test") & (pl.col("segment") == "all") & pl.col("minus").is_not_null()
    chosen = rows.filter(of_test & pl.col("metric").is_in(told)).sort("metric", "place")
    return _shown(chosen).select("metric", difference="model", value="figure", p="p")


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    """Figures as texts (`figure`), each with its interval or why there is none; a model by its label."""
    value, why = pl.col("value").round(4), pl.col("note").str.extract(metrics.FEW)
    interval = (
        pl.when(pl.col("low").is_not_null())
        .then(pl.format("{} [{}, {}]", value, pl.col("low").round(4), pl.col("high").round(4)))
        .when(why.is_not_null())
        .then(pl.format("{} ({})", value, why))
        .otherwise(value.cast(pl.String))
    )
    return rows.with_columns(figure=interval, model="label")
