"""What every asset carries, taken from the one list of assets and the one description of tables.

Here: the structure that a decorator needs, and the policies that are applied by mapping over all specs, so that no
asset can forget one. Not here: what an asset does, nor how a run's report is shown (`mmrec_assets/showing/display.py`).
"""

from collections.abc import Callable
from typing import Any

import dagster as dg

from checks import contracts
from mmrec import tables
from mmrec.modalities import NAMES
from mmrec.planning import graph
from mmrec.settings import Settings
from mmrec_assets import sources
from mmrec_assets.owners import owner
from mmrec_assets.running import automation, partitions, slots
from mmrec_assets.showing import display

_KINDS = {
    "raw": {"polars", "deltalake"},
    "validated": {"polars", "duckdb", "deltalake"},
    "embeddings": {"pytorch", "deltalake"},
    "fused": {"polars", "deltalake"},
    "model": {"pytorch", "deltalake"},
    "recommendations": {"polars", "duckdb", "deltalake"},
}


def structure(settings: Settings, asset: str) -> dict[str, Any]:
    """What a decorator needs: dependencies, periods, contract and pool, all from the asset's node."""
    node = graph.node(settings, asset)
    calendar = settings.calendar
    periods = partitions.of(calendar) if node.partitioned else None
    mapping = partitions.history(calendar) if node.history else None
    upstream = [dg.AssetDep(key(dep), partition_mapping=mapping if dep in node.history else None) for dep in node.deps]
    return {
        "deps": [*upstream, *sources.of(settings, asset)],
        "partitions_def": periods,
        "backfill_policy": dg.BackfillPolicy.single_run() if node.partitioned else None,
        "pool": slots.DEVICE if node.gpu else None,
        "check_specs": contracts.specs(asset, settings, periods),
    }


def policies(settings: Settings) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Gives any asset its group, owner, kinds, tags, code version, columns, table and address."""
    versions = {node.asset: node.code_version for node in graph.nodes(settings)}

    def apply(spec: dg.AssetSpec) -> dg.AssetSpec:
        asset = "/".join(spec.key.path)
        stage = spec.key.path[0]
        table = tables.main_table(asset)
        return spec.replace_attributes(
            group_name=stage,
            owners=[owner(asset)],
            kinds=_KINDS[stage],
            code_version=versions.get(asset),
            automation_condition=automation.condition(stage) if asset in versions else None,
            tags={**spec.tags, **_tags(asset)},
            metadata={**spec.metadata, **display.declaration(settings.lake_root, asset)},
            description=f"{spec.description}\n\nMade again when: {table.remade}.",
        )

    return apply


def key(asset: str) -> dg.AssetKey:
    """The asset key of `stage/name`."""
    return dg.AssetKey(asset.split("/"))


def _tags(asset: str) -> dict[str, str]:
    stage, _, name = asset.partition("/")
    modality = (
        name if name in NAMES else {"interactions": "events", "media": "media", "users": "people"}.get(name, "items")
    )
    if stage in ("model", "recommendations") or name == "rejected":
        modality = "all"
    return {"stage": stage, "modality": modality}
