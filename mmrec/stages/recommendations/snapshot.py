"""recommendations/snapshot: the tables of one state, pinned together, which is what people are shown."""

from __future__ import annotations

import polars as pl

from mmrec import tables
from mmrec.builds import assets, ledger
from mmrec.builds.assets import FACTORS, FUSED, Keys
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.builds.stage import StageRun
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from mmrec.stages.model import evaluation as model_evaluation
from mmrec.stages.model import factors as model_factors
from mmrec.stages.recommendations.reasons import reasons_keys
from mmrec.stages.recommendations.similar_items import similar_items_keys
from mmrec.stages.recommendations.top_k import top_k_keys


def snapshot(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Publishes each wanted period by one row set, when what it shows differs from what was last published."""
    run = StageRun(lake, tables.SNAPSHOTS)
    # Taken before the ledger is read: a part that another run writes meanwhile has lost its key there, and is missing.
    versions = {t.name: version for t in tables.ALL if t.pinned and (version := lake.version(t.name)) is not None}
    keys = snapshot_keys(lake, settings, wanted)
    run.begin(keys)
    _publish(run, versions)
    missing = sorted(set(wanted) - set(keys))
    parts = "lists, reasons, similar items and evaluation"
    told = f"{', '.join(missing[:5])} has no {parts} of one state; materialize those first"
    return run.report(
        tables={"pinned tables": _pins(lake, max(run.reports, default=""))},
        problem=told if missing else None,
    )


def snapshot_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the snapshots by period. A period has none when a part of it is not there or not up to date.

    Parts that were made from different states must not be published together: the newest build of each must have the
    key that it would get now.
    """
    content = ledger.data_version(lake, tables.VALIDATED_ITEMS) | ledger.data_version(lake, FUSED)
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
    tables.TOP_K: top_k_keys,
    tables.REASONS: reasons_keys,
    tables.SIMILAR_ITEMS: similar_items_keys,
    FACTORS: model_factors.factors_keys,
    tables.EVALUATION: model_evaluation.evaluation_keys,
}


def _publish(run: StageRun, versions: dict[str, int]) -> None:
    lake = run.lake
    now = ledger.after(lake.scan(tables.SNAPSHOTS).select("at").collect())
    rows, reports = [], {}
    for period, key in sorted(run.stale.items()):
        name = canonical_digest([period, key])[:16]
        rows += [
            {"snapshot": name, "period": period, "table": table, "version": version, "run_id": lake.run_id, "at": now}
            for table, version in versions.items()
        ]
        reports[period] = PeriodReport(
            len(versions), name, computed=len(versions), work=len(versions), seconds=run.seconds
        )
    if rows:
        ledger.begin(lake, run.stale)
        lake.append(tables.SNAPSHOTS, pl.DataFrame(rows))
    run.record(reports)


def _pins(lake: Lake, period: str) -> pl.DataFrame:
    """What the newest snapshot of a period pins."""
    rows = ledger.newest_rows(lake.scan(tables.SNAPSHOTS).filter(pl.col("period") == period), "period")
    return rows.select("snapshot", "table", "version").sort("table").collect()
