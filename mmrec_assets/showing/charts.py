"""How good the model is, as a chart: a bar a model with its interval, the served one above what it is compared with.

Not here: the figures (`mmrec/stages/model/evaluation.py`), nor what an SVG is made of (`svg.py`).
"""

from dataclasses import replace

import dagster as dg
import polars as pl

from mmrec.builds.report import StageReport
from mmrec.stages.model import evaluation
from mmrec_assets.showing import svg

KEY = "how_good_it_is"
_LEFT, _WIDTH, _NOTE, _ROW, _TITLE = 150, 360, 190, 20, 26  # pixels


def of(report: StageReport) -> dict[str, dg.MetadataValue]:
    """The chart of an evaluation's report; none where no figure is in it."""
    rows = report.tables.get(evaluation.CHART)
    if rows is None or rows.is_empty():
        return {}
    return {KEY: svg.markdown(bars(rows), "how good each model is with its interval")}


def undrawn(report: StageReport) -> StageReport:
    """The report without the table that the chart shows."""
    return replace(report, tables={name: rows for name, rows in report.tables.items() if name != evaluation.CHART})


def bars(rows: pl.DataFrame) -> str:
    """An SVG with a group of bars a segment; `rows` has segment, model, value, low, high, people, in their order."""
    scale = _WIDTH / max(rows.select(pl.max_horizontal(pl.col("value", "high").max())).item(), 1e-9)
    parts, top = [svg.text(0, 12, f"{evaluation.HEADLINE} on test, 95 % intervals over people", colour=svg.DIM)], 20
    for segment in rows["segment"].unique(maintain_order=True):
        group = rows.filter(pl.col("segment") == segment)
        people = group["people"][0]
        parts.append(svg.text(0, top + 16, f"{segment}: {people:,} people"))
        top += _TITLE
        for row in group.iter_rows(named=True):
            parts += _bar(top, scale, row)
            top += _ROW
    return svg.document(_LEFT + _WIDTH + _NOTE, top + 6, parts)


def _bar(top: float, scale: float, row: dict) -> list[str]:
    middle, colour = top + _ROW / 2, svg.BAR if row["served"] else svg.DIM
    parts = [
        svg.text(_LEFT - 8, middle + 4, row["model"], "end"),
        svg.box(_LEFT, top + 3, row["value"] * scale, _ROW - 6, colour),
    ]
    told, end = f"{row['value']:.4f}", row["value"] * scale
    if row["low"] is not None:
        low, end = row["low"] * scale, row["high"] * scale
        parts += [svg.box(_LEFT + low, middle - 0.75, end - low, 1.5, svg.INK)]
        parts += [svg.box(_LEFT + each - 0.75, middle - 4, 1.5, 8, svg.INK) for each in (low, end)]
        told += f" [{row['low']:.4f}, {row['high']:.4f}]"
    return [*parts, svg.text(_LEFT + end + 8, middle + 4, told, colour=svg.DIM)]
