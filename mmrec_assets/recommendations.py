"""Recommendations: every person's list with its reasons, every item's neighbours, and the snapshot that publishes all.

Here: the assets. Not here: their work (`mmrec/stages/recommendations`).
"""

import dagster as dg

from mmrec import tables
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage."""

    @dg.asset(key_prefix="recommendations", **structure(settings, tables.TOP_K))
    def top_k(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one recommended item of one person as of a period."""
        yield from materialize(context, lake, settings, tables.TOP_K)

    @dg.asset(key_prefix="recommendations", **structure(settings, tables.REASONS))
    def reasons(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one recommended item's reason in words, with its evidence."""
        yield from materialize(context, lake, settings, tables.REASONS)

    @dg.asset(key_prefix="recommendations", **structure(settings, tables.SIMILAR_ITEMS))
    def similar_items(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one neighbour of one item, by one modality or by all of them together."""
        yield from materialize(context, lake, settings, tables.SIMILAR_ITEMS)

    @dg.asset(key_prefix="recommendations", **structure(settings, "recommendations/snapshot"))
    def snapshot(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one table that a published snapshot pins; the last act of a period, which publishes it."""
        yield from materialize(context, lake, settings, "recommendations/snapshot")

    return [top_k, reasons, similar_items, snapshot]
