"""Fused: one vector an item out of its modalities; a missing one stays missing.

Here: the asset. Not here: its work (`mmrec/stages/fused.py`).
"""

import dagster as dg

from mmrec import tables
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage."""

    @dg.asset(key_prefix="fused", **structure(settings, tables.FUSED_ITEMS))
    def items(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one item's fused vector, and which modalities it had."""
        yield from materialize(context, lake, settings, tables.FUSED_ITEMS)

    return [items]
