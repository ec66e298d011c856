"""Column lineage as Dagster shows it. Not here: which column comes from which (`mmrec/tables/lineage.py`)."""

from collections.abc import Iterable

import dagster as dg

from mmrec.tables.lineage import columns


def of(asset: str, upstream: Iterable[str]) -> dg.TableColumnLineage:
    """The lineage of an asset's main table, as far as `upstream` and the sources go (a modality may be left out)."""
    known = set(upstream)
    kept = {
        column: [_dep(source) for source in found if source.startswith("sources/") or source.partition(":")[0] in known]
        for column, found in columns(asset).items()
    }
    return dg.TableColumnLineage(deps_by_column={column: deps for column, deps in kept.items() if deps})


def _dep(source: str) -> dg.TableColumnDep:
    asset, _, column = source.partition(":")
    return dg.TableColumnDep(asset_key=dg.AssetKey(asset.split("/")), column_name=column)
