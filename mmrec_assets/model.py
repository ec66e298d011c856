"""Model: people and items as factors, and how well that serves. Period D sees every period up to D and nothing later.

Here: the assets. Not here: their work (`mmrec/stages/model`), nor the formulas (`mmrec/models/factorization.py`).
"""

import dagster as dg

from mmrec import tables
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage."""

    @dg.asset(key_prefix="model", **structure(settings, "model/factors"))
    def factors(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one person's factor as of a period; item factors are fitted at refit boundaries and named."""
        yield from materialize(context, lake, settings, "model/factors")

    @dg.asset(key_prefix="model", **structure(settings, tables.EVALUATION))
    def evaluation(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one model × metric × segment."""
        yield from materialize(context, lake, settings, tables.EVALUATION)

    return [factors, evaluation]
