"""Validated: rows that broke no rule, in periods that passed their contract before they were committed.

Here: the assets, and the event of the rejected rows that they write beside their own. Not here: their work
(`mmrec/stages/validated`), nor what a contract demands (`mmrec/quality/contracts.py`).
"""

import dagster as dg
import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.settings import Settings
from mmrec_assets import display
from mmrec_assets.declared import key, structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


def assets(settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets of this stage."""

    @dg.asset(key_prefix="validated", **structure(settings, tables.VALIDATED_ITEMS))
    def items(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one item, with the hash of each modality's input."""
        yield from materialize(context, lake, settings, tables.VALIDATED_ITEMS, also=log_rejected)

    @dg.asset(key_prefix="validated", **structure(settings, tables.VALIDATED_INTERACTIONS))
    def interactions(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one good event."""
        yield from materialize(context, lake, settings, tables.VALIDATED_INTERACTIONS, also=log_rejected)

    rejected = dg.AssetSpec(
        key(tables.REJECTED),
        deps=[
            key(node.asset) for node in graph.nodes(settings) if node.stage == "raw" and node.asset != tables.RAW_MEDIA
        ],
        description="One row is one landed row that is not published: table, kind, rule, reason, source file and row, "
        "the row itself."
        "\n\nWritten by the assets beside it, which also record its materializations.",
    )
    return [items, interactions, *([_users(settings)] if settings.users else []), rejected]


def _users(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(key_prefix="validated", **structure(settings, tables.VALIDATED_USERS))
    def users(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        """One row is one person's profile, with the hash of the text that their consent lets be read."""
        yield from materialize(context, lake, settings, tables.VALIDATED_USERS, also=log_rejected)

    return users


def log_rejected(context: dg.AssetExecutionContext, lake: Lake) -> None:
    """Records what the rejected rows are now, for the asset that no run of its own writes."""
    rows = lake.scan(tables.REJECTED)
    by_rule = rows.group_by("table", "rule").agg(rows=pl.len()).sort("table", "rule").collect()
    first = rows.drop("row").sort("table", "period", "source_file", "source_row").head(5).collect()
    version = lake.version(tables.REJECTED)
    data_version = "empty" if version is None else str(version)
    context.log_event(
        dg.AssetMaterialization(
            asset_key=key(tables.REJECTED),
            metadata=display.rejected(by_rule, first, version, data_version),
            tags={"dagster/data_version": data_version, "dagster/data_version_is_user_provided": "true"},
        )
    )
