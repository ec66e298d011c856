"""Raw: what the sources delivered, with file and row, before anything is judged.

Here: the assets. Not here: their work (`mmrec/stages/raw`).
"""

import dagster as dg

from mmrec import tables
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage."""

    @dg.asset(key_prefix="raw", **structure(settings, tables.RAW_ITEMS))
    def items(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one catalogue entry as delivered."""
        yield from materialize(context, lake, settings, tables.RAW_ITEMS)

    @dg.asset(key_prefix="raw", **structure(settings, tables.RAW_MEDIA))
    def media(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one file that the catalogue names; the bytes stay where they are."""
        yield from materialize(context, lake, settings, tables.RAW_MEDIA)

    @dg.asset(key_prefix="raw", **structure(settings, tables.RAW_INTERACTIONS))
    def interactions(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one landed event, as delivered."""
        yield from materialize(context, lake, settings, tables.RAW_INTERACTIONS)

    return [items, media, interactions, *([_users(settings)] if settings.users else [])]


def _users(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(key_prefix="raw", **structure(settings, tables.RAW_USERS))
    def users(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one person's profile as delivered; its text only where the person's consent lets it be read."""
        yield from materialize(context, lake, settings, tables.RAW_USERS)

    return users
