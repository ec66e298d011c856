"""validated/items and validated/users: the good rows of a table that is judged as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds import ledger, publishing
from mmrec.builds.report import WHOLE, Check, StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.lake.hashing import text_hashes
from mmrec.lake.store import Lake
from mmrec.modalities import FILES, NAMES
from mmrec.quality import rules, verdicts
from mmrec.quality.contracts import GOOD, Candidate
from mmrec.settings import Settings
from mmrec.stages.raw import precomputed
from mmrec.stages.validated.candidates import candidates_of, unchanged
from mmrec.stages.validated.rejected import JUDGED, kept_out_by_rule, write_rejected


def items(lake: Lake, settings: Settings) -> StageReport:
    """The catalogue, cleaned, with the hash of each modality's input; judged as a whole."""

    def good_of(judged: pl.DataFrame) -> pl.DataFrame:
        delivered = lake.scan(tables.RAW_PRECOMPUTED).collect() if settings.precomputed else None
        return _good_items(judged, lake.scan(tables.RAW_MEDIA).collect(), delivered, settings)

    judge = partial(rules.judge_items, attributes=settings.items.attributes)
    report = _judge_whole(lake, settings, items_keys(lake, settings), judge, good_of)
    return replace(report, facts=_item_facts(lake)) if report.periods else report


def users(lake: Lake, settings: Settings) -> StageReport:
    """The profiles, cleaned, with the hash of the text where the person's consent lets it be read."""
    report = _judge_whole(lake, settings, users_keys(lake, settings), rules.judge_users, _good_users)
    consenting = lake.scan(tables.VALIDATED_USERS).filter(pl.col("consent") == "yes").select(pl.len()).collect().item()
    return replace(report, facts={"people_consenting": consenting})


def preview_items(
    raw_items: pl.DataFrame, media: pl.DataFrame, delivered: pl.DataFrame | None, settings: Settings
) -> pl.DataFrame:
    """What validated/items would be for these rows of the raw tables, if its contract holds."""
    return _good_items(rules.judge_items(raw_items, settings.items.attributes), media, delivered, settings)


def preview_users(raw_users: pl.DataFrame) -> pl.DataFrame:
    """What validated/users would be for these rows of raw/users, if its contract holds."""
    return _good_users(rules.judge_users(raw_users))


def items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the validated catalogue."""
    inputs = ledger.data_version(lake, tables.RAW_ITEMS) | ledger.data_version(lake, tables.RAW_MEDIA)
    read: dict[str, Any] = {"quality": settings.quality.model_dump(), "attributes": settings.items.attributes}
    if settings.precomputed:
        read["precomputed"] = sorted(settings.precomputed)
        inputs |= ledger.data_version(lake, tables.RAW_PRECOMPUTED)
    return {WHOLE: ledger.stage_key(lake.code_version, read, inputs)}


def users_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the validated profiles."""
    inputs = ledger.data_version(lake, tables.RAW_USERS)
    return {WHOLE: ledger.stage_key(lake.code_version, {"quality": settings.quality.model_dump()}, inputs)}


def _judge_whole(
    lake: Lake,
    settings: Settings,
    keys: dict[str, str],
    judge: Callable[[pl.DataFrame], pl.DataFrame],
    good_of: Callable[[pl.DataFrame], pl.DataFrame],
) -> StageReport:
    """Judges the asset's landed table as a whole; published when its contract holds, else the last rows stay."""
    run, checks = StageRun(lake, lake.asset), list[Check]()
    contract, name = tables.contract(lake.asset), lake.asset.partition("/")[2]
    if run.begin(keys, unchanged):
        landed = lake.scan(f"raw/{name}").collect()
        judged = judge(landed).with_columns(period=pl.lit(WHOLE))
        good = good_of(judged)
        nothing = Candidate(WHOLE, judged.select(JUDGED), good, publishing.EMPTY)  # an empty delivery is judged too
        candidates = candidates_of(contract, judged, good.with_columns(period=pl.lit(WHOLE)), {}) or [nothing]
        checks = verdicts.verdicts(lake, lake.asset, candidates, settings)[WHOLE]
        rejected = write_rejected(lake, name, landed, judged, [WHOLE])
        if told := verdicts.refusal(checks):
            run.refuse(WHOLE, told, rejected[WHOLE])
            return run.report(checks=checks)
        run.publish({WHOLE: Made(good, rejected=rejected[WHOLE], work=landed.height)})
    return run.report(checks=checks, tables={"kept out by rule": kept_out_by_rule(lake, name, [WHOLE])})


def _good_items(
    judged: pl.DataFrame, media: pl.DataFrame, delivered: pl.DataFrame | None, settings: Settings
) -> pl.DataFrame:
    """The items that broke no rule, with the hash of their text and of their files' bytes, or of delivered vectors."""
    good = judged.filter(pl.col("rule") == GOOD)
    hashed = good.with_columns(text_hash=text_hashes(good["text"]))
    for kind in FILES:
        files = media.select(
            "uri", pl.col("sha256").alias(f"{kind.name}_hash"), pl.col("problem").alias(f"{kind.name}_problem")
        )
        hashed = hashed.join(files, left_on=kind.name, right_on="uri", how="left", maintain_order="left")
    if delivered is not None:
        hashed = _with_delivered(hashed, precomputed.inputs(delivered), settings)
    return tables.contract(tables.VALIDATED_ITEMS).conform(hashed)


def _with_delivered(items: pl.DataFrame, inputs: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The items with the hash of their vector, where a modality's vectors are computed elsewhere."""
    for modality in settings.precomputed:
        mine = inputs.filter(pl.col("modality") == modality).select("item_id", "input_hash")
        joined = items.drop(f"{modality}_hash").join(mine, on="item_id", how="left", maintain_order="left")
        items = joined.rename({"input_hash": f"{modality}_hash"})
        if f"{modality}_problem" in items.columns:
            items = items.with_columns(pl.lit(None, dtype=pl.String).alias(f"{modality}_problem"))
    return items


def _good_users(judged: pl.DataFrame) -> pl.DataFrame:
    """The profiles that broke no rule, with the hash of the text that may be read."""
    good = judged.filter(pl.col("rule") == GOOD)
    return tables.contract(tables.VALIDATED_USERS).conform(good.with_columns(text_hash=text_hashes(good["text"])))


def _item_facts(lake: Lake) -> dict[str, int | float | str]:
    """How many items have which modality."""
    hashes = {name: pl.col(f"{name}_hash") for name in NAMES}
    counts = {f"items_with_{name}": hashed.count() for name, hashed in hashes.items()}
    bare = pl.all_horizontal(hashed.is_null() for hashed in hashes.values()).sum()
    counted = lake.scan(tables.VALIDATED_ITEMS).select(**counts, items_without_any_modality=bare).collect()
    return counted.row(0, named=True)
