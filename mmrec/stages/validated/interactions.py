"""validated/interactions: every period's good events, each period judged before its commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import Check, StageReport
from mmrec.builds.stage import Made, StageRun, by_period
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.quality import rules
from mmrec.quality import verdicts as judging
from mmrec.quality.contracts import GOOD
from mmrec.settings import Settings
from mmrec.stages.validated.candidates import candidates_of, unchanged
from mmrec.stages.validated.rejected import KEPT_OUT, counts_kept_out, kept_out_by_rule, write_rejected

_TYPES_NAMED = 10  # types of events that a warning names; of more only the number is told


def interactions(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The wanted periods' good events. Each is judged before its commit; bad ones are named."""
    run = StageRun(lake, tables.VALIDATED_INTERACTIONS)
    against = _named_items(lake, settings, wanted)
    keys = _interactions_keys(lake, settings, wanted, against)
    checks = _judge_and_publish(run, settings, against) if run.begin(keys, unchanged) else []
    unlanded = sorted(set(wanted) - set(keys))
    shown = ", ".join(unlanded[:5])
    told = f"{len(unlanded)} periods were never landed ({shown}); materialize raw/interactions for them first"
    kept_out = counts_kept_out(lake, "interactions", wanted)
    run.reports = {period: replace(each, facts=kept_out[period]) for period, each in run.reports.items()}
    return run.report(
        checks=checks,
        facts={name: sum(of[name] for of in kept_out.values()) for name in KEPT_OUT},
        tables={"kept out by rule": kept_out_by_rule(lake, "interactions", wanted)},
        warnings=unnamed_types(lake, settings),
        problem=told if unlanded else None,
    )


def unnamed_types(lake: Lake, settings: Settings) -> list[str]:
    """A warning where landed events are of types that [events] neither weighs nor ignores: they are kept out."""
    named = [*settings.events.weights, *settings.events.ignore]
    landed = lake.scan(tables.RAW_INTERACTIONS).select("user_id", event=pl.col("event").str.strip_chars())
    unnamed = landed.filter((pl.col("event") != "") & ~pl.col("event").is_in(named))
    counted = unnamed.group_by("event").agg(rows=pl.len()).sort("rows", "event", descending=[True, False]).collect()
    if counted.is_empty():
        return []
    # Where columns were mixed up, a "type" may be a person's id.
    people = landed.join(unnamed.select("event").unique(), left_on="user_id", right_on="event", how="semi")
    told = f"{counted['rows'].sum():,} landed events are kept out, because their type "
    if counted.height > _TYPES_NAMED or people.head(1).collect().height:
        types = f"is none of those that [events] names ({counted.height:,} different values stand there instead)"
    else:
        types = f"is not named in [events]: {', '.join(f'{event} ({rows:,})' for event, rows in counted.iter_rows())}"
    return [f"{told}{types}; give each a weight (0 = met, not liked), or list it in [events] ignore"]


def interactions_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys by period; a period never landed has none."""
    return _interactions_keys(lake, settings, wanted, _named_items(lake, settings, wanted))


def _interactions_keys(lake: Lake, settings: Settings, wanted: list[str], against: Mapping[str, str]) -> dict[str, str]:
    raw = ledger.newest(lake, tables.RAW_INTERACTIONS)
    return {p: _period_key(lake, settings, raw[p].data_version, against.get(p, "")) for p in wanted if p in raw}


def _judge_and_publish(run: StageRun, settings: Settings, against: Mapping[str, str]) -> list[Check]:
    lake, periods = run.lake, list(run.stale)
    landed = _landed(lake, periods)
    judged = rules.judge_interactions(landed, settings)
    if settings.quality.max_unknown_item_share is not None:
        known = lake.scan(tables.VALIDATED_ITEMS).select("item_id").collect()["item_id"]
        named = pl.col("item_id").is_null() | pl.col("item_id").is_in(known.implode())
        judged = judged.with_columns(known=named | (pl.col("rule") != GOOD))
    contract = tables.contract(tables.VALIDATED_INTERACTIONS)
    good = contract.conform(judged.filter(pl.col("rule") == GOOD))
    candidates = candidates_of(contract, judged, good, against)
    verdicts = judging.verdicts(lake, lake.asset, candidates, settings)
    rejected = write_rejected(lake, "interactions", landed, judged, periods)
    before = ledger.newest(lake, lake.asset)
    for period, checks in verdicts.items():
        if told := judging.refusal(checks):
            kept = f"its last published rows stay ({before[period].rows if period in before else 0})"
            run.refuse(period, f"{told}; see `mmrec rejected --period {period}`; {kept}", rejected[period])
    made = by_period(good.filter(pl.col("period").is_in(list(run.stale))))
    nothing, judged_rows = Made(contract.empty()), dict(landed["period"].value_counts().iter_rows())
    run.publish(
        {
            period: replace(made.get(period, nothing), rejected=rejected[period], work=judged_rows.get(period, 0))
            for period in run.stale
        }
    )
    return [check for period in sorted(verdicts) for check in verdicts[period]]


def foreseen(lake: Lake, settings: Settings, periods: list[str]) -> pl.DataFrame:
    """What these periods would hold for the landed rows that `lake` shows, if their contract holds."""
    judged = rules.judge_interactions(_landed(lake, periods), settings)
    return tables.contract(tables.VALIDATED_INTERACTIONS).conform(judged.filter(pl.col("rule") == GOOD))


def _landed(lake: Lake, periods: list[str]) -> pl.DataFrame:
    return lake.scan(tables.RAW_INTERACTIONS, periods=periods).collect()


def _period_key(lake: Lake, settings: Settings, raw_version: str, against: str) -> str:
    read = {
        "events": sorted(settings.events.weights),
        "ignore": sorted(settings.events.ignore),
        "value_range": settings.interactions.value_range,
        "quality": settings.quality.model_dump(),
        **({"split": "given"} if settings.interactions.columns.split else {}),
    }
    return ledger.stage_key(
        lake.code_version, read, {tables.RAW_INTERACTIONS: raw_version, "named items that exist": against}
    )


def _named_items(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """period → digest of which of the items named in it exist: all that this stage reads of the catalogue.

    Nothing is read where no share of unknown items refuses a period: then a changed catalogue touches no event.
    """
    if settings.quality.max_unknown_item_share is None:
        return {}
    items = lake.scan(tables.VALIDATED_ITEMS)
    named = (
        lake.scan(tables.RAW_INTERACTIONS)
        .filter(pl.col("period").is_in(wanted))
        .select("period", rules.clean_id("item_id"))
        .unique()
        .join(items.select("item_id"), on="item_id", how="semi")
    )
    return digest(named, "period", ["item_id"])
