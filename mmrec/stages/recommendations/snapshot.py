"""recommendations/snapshot: the tables of one state, pinned together, which is what people are shown."""

from __future__ import annotations

import datetime as dt
import time

import polars as pl

from mmrec.builds import assets, ledger, publishing
from mmrec.builds.assets import Keys
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.modalities import NAMES
from mmrec.settings import Settings
from mmrec.stages.model import evaluation as model_evaluation
from mmrec.stages.model import factors as model_factors
from mmrec.stages.recommendations.behind import FACTORS
from mmrec.stages.recommendations.reasons import reasons_keys
from mmrec.stages.recommendations.similar_items import similar_items_keys
from mmrec.stages.recommendations.top_k import top_k_keys

SNAPSHOTS = "ledger/snapshots"
PINNED = (
    "recommendations/top_k",
    "recommendations/reasons",
    neighbours.TABLE,
    "model/users",
    "model/items",
    "model/arrays",
    "model/versions",
    "model/evaluation",
    "fused/items",
    "validated/items",
    "validated/interactions",
    "validated/users",
    "embeddings/text/words",
    *(f"embeddings/{modality}/current" for modality in NAMES),
)


def snapshot(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Publishes each wanted period by one row set, when what it shows differs from what was last published."""
    began = time.perf_counter()
    # Taken before the ledger is read: a part that another run writes meanwhile has lost its key there, and is missing.
    versions = {table: version for table in PINNED if (version := lake.version(table)) is not None}
    keys = snapshot_keys(lake, settings, wanted)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    reports |= _publish(lake, stale, versions, began)
    missing = sorted(set(wanted) - set(keys))
    parts = "lists, reasons, similar items and evaluation"
    told = f"{', '.join(missing[:5])} has no {parts} of one state; materialize those first"
    return publishing.report(
        lake,
        SNAPSHOTS,
        reports,
        began,
        tables={"pinned tables": _pins(lake, max(reports, default=""))},
        problem=told if missing else None,
    )


def snapshot_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the snapshots by period. A period has none when a part of it is not there or not up to date.

    Parts that were made from different states must not be published together: the newest build of each must have the
    key that it would get now.
    """
    content = ledger.data_version(lake, "validated/items") | ledger.data_version(lake, "fused/items")
    built = {asset: ledger.newest(lake, asset) for asset in _KEYS_BEHIND}
    now = {
        asset: assets.declaration(settings, asset).keys_by(find, lake, settings, wanted)
        for asset, find in _KEYS_BEHIND.items()
    }
    keys = {}
    for period in wanted:
        own = {}
        for asset in _KEYS_BEHIND:
            part = WHOLE if WHOLE in now[asset] else period
            made = built[asset].get(part)
            if made and made.stage_key == now[asset].get(part):
                own[f"{asset}@{part}"] = made.data_version
        if len(own) == len(_KEYS_BEHIND):
            keys[period] = ledger.stage_key(lake.code_version, {}, {**own, **content})
    return keys


_KEYS_BEHIND: dict[str, Keys] = {  # what a snapshot is made of
    "recommendations/top_k": top_k_keys,
    "recommendations/reasons": reasons_keys,
    neighbours.TABLE: similar_items_keys,
    FACTORS: model_factors.factors_keys,
    "model/evaluation": model_evaluation.evaluation_keys,
}


def _publish(lake: Lake, stale: dict[str, str], versions: dict[str, int], began: float) -> dict[str, PeriodReport]:
    now = dt.datetime.now(dt.UTC)
    rows, reports = [], {}
    for period, key in sorted(stale.items()):
        name = canonical_digest([period, key])[:16]
        rows += [
            {"snapshot": name, "period": period, "table": table, "version": version, "run_id": lake.run_id, "at": now}
            for table, version in versions.items()
        ]
        reports[period] = PeriodReport(len(versions), name, computed=len(versions), seconds=time.perf_counter() - began)
    if rows:
        ledger.begin(lake, stale)
        lake.append(SNAPSHOTS, pl.DataFrame(rows))
    ledger.record(lake, reports, stale)
    return reports


def _pins(lake: Lake, period: str) -> pl.DataFrame:
    """What the newest snapshot of a period pins."""
    rows = ledger.newest_rows(lake.scan(SNAPSHOTS).filter(pl.col("period") == period), "period")
    return rows.select("snapshot", "table", "version").sort("table").collect()
