"""The assets: one a node of the graph, each a thin function that calls its stage and shows the report.

Here: one factory for all of them, from `mmrec/builds/assets.py` and what the tables say of a row; another asset needs
nothing here. Not here: any work (`mmrec/stages`), nor what a run emits (`mmrec_assets/running/events.py`).
"""

import dagster as dg
import polars as pl
from pydantic import Field

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.planning.graph import Node
from mmrec.settings import Settings
from mmrec_assets.declared import key, structure
from mmrec_assets.running.events import Events, materialize
from mmrec_assets.showing import display
from resources.lake import LakeResource


class Encoding(dg.Config):
    """What a run may ask of an embedding."""

    retry_failed: bool = Field(default=False, description="Try inputs again that could not be encoded.")
    budget: str = Field(default="", description="Refuse to encode what is expected to take longer, such as 90s or 10m.")


def assets(settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Every asset of a data set, and the rejected rows that the validated ones write beside their own."""
    return [*[_asset(settings, node) for node in graph.nodes(settings)], _rejected(settings)]


def _asset(settings: Settings, node: Node) -> dg.AssetsDefinition:
    asset, also = node.asset, log_rejected if node.stage == "validated" else None

    def make(context: dg.AssetExecutionContext, lake: LakeResource) -> Events:
        yield from materialize(context, lake, settings, asset, also=also)

    def encode(context: dg.AssetExecutionContext, config: Encoding, lake: LakeResource) -> Events:
        yield from materialize(context, lake, settings, asset, retry_failed=config.retry_failed, budget=config.budget)

    declare = dg.asset(
        key_prefix=node.stage,
        name=node.name,
        description=f"One row is {tables.main_table(asset).row}.",
        **structure(settings, asset),
    )
    return declare(encode if node.stage == "embeddings" else make)


def _rejected(settings: Settings) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(tables.REJECTED),
        deps=[key(each.asset) for each in graph.nodes(settings) if each.asset in display.REJECTED_FROM],
        description=f"One row is {tables.contract(tables.REJECTED).row}.\n\n"
        "Written by the assets beside it, which also record its materializations.",
    )


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
