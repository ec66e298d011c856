"""Model: people and items as factors, and how well that serves. Period D sees every period up to D and nothing later.

Here: the assets. Not here: their work (`mmrec/stages/model.py`), nor the formulas (`mmrec/factorization.py`).
"""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from mmrec.lake import Lake
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, Figures, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage."""

    @dg.asset(key_prefix="model", **structure(settings, "model/factors"))
    def factors(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one person's factor as of a period; item factors are fitted at refit boundaries and named."""
        yield from materialize(context, lake, settings, "model/factors")

    @dg.asset(key_prefix="model", **structure(settings, "model/evaluation"))
    def evaluation(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one model × metric × segment."""
        yield from materialize(context, lake, settings, "model/evaluation", figures=_figures)

    return [factors, evaluation]


def _figures(lake: Lake, periods: Sequence[str]) -> Figures:
    """Each period's test figures over everybody, so that the UI plots them over periods."""
    rows = lake.scan("model/evaluation").filter(
        pl.col("period").is_in(list(periods)) & (pl.col("split") == "test") & (pl.col("segment") == "all")
    )
    figures: dict[str, dict[str, float]] = {}
    for row in rows.filter(pl.col("value").is_not_null()).collect().iter_rows(named=True):
        figures.setdefault(row["period"], {})[f"{row['model']} {row['metric']}"] = row["value"]
    return figures
