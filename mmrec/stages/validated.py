"""validated: good rows, typed and cleaned; and every other landed row with the reason why it is not published.

Validate, then publish: row rules split the landed rows, the batch contract judges each period's candidate, and only
then is anything committed. landed = valid + rejected + duplicate + ignored for every published period. Judged = a
verdict exists; published = the rows are in the table. A refused period keeps its last published rows; its rejected rows
are written all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import polars as pl

from mmrec import tables
from mmrec.builds import ledger, publishing
from mmrec.builds.report import WHOLE, Check, PeriodReport, StageReport
from mmrec.keys import canonical_digest, text_hashes
from mmrec.lake.store import Lake, digest
from mmrec.modalities import FILES, NAMES
from mmrec.quality import contracts, rules
from mmrec.quality.contracts import GOOD, KINDS, Candidate
from mmrec.settings import Settings

REJECTED = "validated/rejected"
_JUDGED = ("rule", "reason", "source_file", "source_row")
_KEPT_OUT = tuple(f"rows_{kind}" for kind in dict.fromkeys((contracts.REJECTED, *KINDS.values())) if kind != "valid")
_TYPES_NAMED = 10  # types of events that a warning names; of more only the number is told


def items(lake: Lake, settings: Settings) -> StageReport:
    """The catalogue, cleaned, with the hash of each modality's input; judged as a whole."""

    def good_of(judged: pl.DataFrame) -> pl.DataFrame:
        return _good_items(judged, lake.scan("raw/media").collect())

    judge = partial(rules.judge_items, attributes=settings.items.attributes)
    report = _judge_whole(lake, settings, items_keys(lake, settings), judge, good_of)
    return replace(report, facts=_item_facts(lake)) if report.periods else report


def users(lake: Lake, settings: Settings) -> StageReport:
    """The profiles, cleaned, with the hash of the text where the person's consent lets it be read."""
    report = _judge_whole(lake, settings, users_keys(lake, settings), rules.judge_users, _good_users)
    consenting = lake.scan("validated/users").filter(pl.col("consent") == "yes").select(pl.len()).collect().item()
    return replace(report, facts={"people_consenting": consenting})


def interactions(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The wanted periods' good events. Each is judged before its commit; bad ones are named."""
    began = time.perf_counter()
    against = _named_items(lake, settings, wanted)
    keys = _interactions_keys(lake, settings, wanted, against)
    reports = unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    checks: list[Check] = []
    if stale:
        judged_reports, checks = _judge_and_publish(lake, settings, stale, against, began)
        reports |= judged_reports
    unlanded = sorted(set(wanted) - set(keys))
    shown = ", ".join(unlanded[:5])
    told = f"{len(unlanded)} periods were never landed ({shown}); materialize raw/interactions for them first"
    kept_out = _kept_out(lake, "interactions", wanted)
    reports = {period: replace(each, facts=kept_out[period]) for period, each in reports.items()}
    return publishing.report(
        lake,
        "validated/interactions",
        reports,
        began,
        checks=checks,
        facts={name: sum(of[name] for of in kept_out.values()) for name in _KEPT_OUT},
        tables={"kept out by rule": _kept_out_by_rule(lake, "interactions", wanted)},
        warnings=unnamed_types(lake, settings),
        problem=told if unlanded else None,
    )


def unnamed_types(lake: Lake, settings: Settings) -> list[str]:
    """A warning where landed events are of types that [events] neither weighs nor ignores: they are kept out."""
    named = [*settings.events.weights, *settings.events.ignore]
    landed = lake.scan("raw/interactions").select("user_id", event=pl.col("event").str.strip_chars())
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


def preview_items(raw_items: pl.DataFrame, media: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """What validated/items would be for these rows of raw/items and raw/media, if its contract holds."""
    return _good_items(rules.judge_items(raw_items, settings.items.attributes), media)


def preview_users(raw_users: pl.DataFrame) -> pl.DataFrame:
    """What validated/users would be for these rows of raw/users, if its contract holds."""
    return _good_users(rules.judge_users(raw_users))


def items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the validated catalogue."""
    inputs = ledger.data_version(lake, "raw/items") | ledger.data_version(lake, "raw/media")
    read = {"quality": settings.quality.model_dump(), "attributes": settings.items.attributes}
    return {WHOLE: ledger.stage_key(lake.code_version, read, inputs)}


def users_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the validated profiles."""
    inputs = ledger.data_version(lake, "raw/users")
    return {WHOLE: ledger.stage_key(lake.code_version, {"quality": settings.quality.model_dump()}, inputs)}


def interactions_keys(
    lake: Lake, settings: Settings, wanted: list[str], items: pl.DataFrame | None = None
) -> dict[str, str]:
    """Stage keys by period, for validated/items as it is or is about to be; a period never landed has none."""
    return _interactions_keys(lake, settings, wanted, _named_items(lake, settings, wanted, items))


def unchanged(lake: Lake, keys: Mapping[str, str]) -> dict[str, PeriodReport]:
    """The periods that need no work. One that was refused since is judged once more: a bad delivery was taken back."""
    judged = contracts.judged_periods(lake, lake.asset)
    return {period: each for period, each in publishing.unchanged(lake, keys).items() if judged.get(period, True)}


def _interactions_keys(lake: Lake, settings: Settings, wanted: list[str], against: Mapping[str, str]) -> dict[str, str]:
    raw = ledger.newest(lake, "raw/interactions")
    return {p: _period_key(lake, settings, raw[p].data_version, against.get(p, "")) for p in wanted if p in raw}


def _judge_whole(
    lake: Lake,
    settings: Settings,
    keys: dict[str, str],
    judge: Callable[[pl.DataFrame], pl.DataFrame],
    good_of: Callable[[pl.DataFrame], pl.DataFrame],
) -> StageReport:
    """Judges the asset's landed table as a whole; published when its contract holds, else the last rows stay."""
    began = time.perf_counter()
    contract, name = tables.contract(lake.asset), lake.asset.partition("/")[2]
    reports, checks = unchanged(lake, keys), []
    if not reports:
        landed = lake.scan(f"raw/{name}").collect()
        judged = judge(landed).with_columns(period=pl.lit(WHOLE))
        good = good_of(judged)
        nothing = Candidate(WHOLE, judged.select(_JUDGED), good, publishing.EMPTY)  # an empty delivery is judged too
        candidates = _candidates(contract, judged, good.with_columns(period=pl.lit(WHOLE)), {}) or [nothing]
        checks = contracts.verdicts(lake, lake.asset, candidates, settings)[WHOLE]
        rejected = _write_rejected(lake, name, landed, judged, [WHOLE])
        if told := contracts.refusal(checks):
            before = ledger.newest(lake, lake.asset).get(WHOLE)
            rows, version = (before.rows, before.data_version) if before else (0, "")
            reports = {WHOLE: PeriodReport(rows, version, rejected=rejected[WHOLE], refused=told)}
            return publishing.report(lake, contract.name, reports, began, checks=checks)
        reports = publishing.publish(lake, contract.name, good, keys, began, rejected)
    by_rule = {"kept out by rule": _kept_out_by_rule(lake, name, [WHOLE])}
    return publishing.report(lake, contract.name, reports, began, checks=checks, tables=by_rule)


def _judge_and_publish(
    lake: Lake, settings: Settings, stale: Mapping[str, str], against: Mapping[str, str], began: float
) -> tuple[dict[str, PeriodReport], list[Check]]:
    periods = list(stale)
    landed = lake.scan("raw/interactions").filter(pl.col("period").is_in(periods)).collect()
    judged = rules.judge_interactions(landed, settings)
    if settings.quality.max_unknown_item_share is not None:
        known = lake.scan("validated/items").select("item_id").collect()["item_id"]
        named = pl.col("item_id").is_null() | pl.col("item_id").is_in(known.implode())
        judged = judged.with_columns(known=named | (pl.col("rule") != GOOD))
    contract = tables.contract("validated/interactions")
    good = contract.conform(judged.filter(pl.col("rule") == GOOD))
    candidates = _candidates(contract, judged, good, against)
    verdicts = contracts.verdicts(lake, lake.asset, candidates, settings)
    refused = {p: told for p, checks in verdicts.items() if (told := contracts.refusal(checks))}
    rejected = _write_rejected(lake, "interactions", landed, judged, periods)
    passed = {p: key for p, key in stale.items() if p not in refused}
    reports = publishing.publish(
        lake, contract.name, good.filter(pl.col("period").is_in(list(passed))), passed, began, rejected
    )
    before = ledger.newest(lake, lake.asset)
    for period, told in refused.items():
        old = before.get(period)
        kept = (
            f"{told}; see `mmrec rejected --period {period}`; its last published rows stay ({old.rows if old else 0})"
        )
        reports[period] = PeriodReport(
            old.rows if old else 0,
            old.data_version if old else publishing.EMPTY,
            rejected=rejected.get(period, 0),
            refused=kept,
        )
    return reports, [check for period in sorted(verdicts) for check in verdicts[period]]


def _candidates(
    contract: tables.Table, judged: pl.DataFrame, good: pl.DataFrame, against: Mapping[str, str]
) -> list[Candidate]:
    """One candidate a period that has landed rows; a period without any has nothing to judge."""
    content = digest(good, "period", contract.columns)
    ruled = digest(judged, "period", ["rule", "source_file", "source_row"])
    rows = judged.select("period", *_JUDGED, *(["known"] if "known" in judged.columns else []))
    by_period = rows.partition_by("period", as_dict=True)
    published = good.partition_by("period", as_dict=True)
    empty = contract.empty()
    return [
        Candidate(
            str(period),
            of_period,
            contract.conform(published[period,]) if (period,) in published else empty,
            canonical_digest([content.get(str(period), publishing.EMPTY), ruled[str(period)]]),
            against.get(str(period), ""),
        )
        for (period,), of_period in sorted(by_period.items(), key=lambda part: str(part[0]))
    ]


def _period_key(lake: Lake, settings: Settings, raw_version: str, against: str) -> str:
    read = {
        "events": sorted(settings.events.weights),
        "ignore": sorted(settings.events.ignore),
        "value_range": settings.interactions.value_range,
        "quality": settings.quality.model_dump(),
    }
    return ledger.stage_key(
        lake.code_version, read, {"raw/interactions": raw_version, "named items that exist": against}
    )


def _named_items(
    lake: Lake, settings: Settings, wanted: list[str], about_to_be: pl.DataFrame | None = None
) -> dict[str, str]:
    """period → digest of which of the items named in it exist: all that this stage reads of the catalogue.

    Nothing is read where no share of unknown items refuses a period: then a changed catalogue touches no event.
    """
    if settings.quality.max_unknown_item_share is None:
        return {}
    items = lake.scan("validated/items") if about_to_be is None else about_to_be.lazy()
    named = (
        lake.scan("raw/interactions")
        .filter(pl.col("period").is_in(wanted))
        .select("period", rules.clean_id("item_id"))
        .unique()
        .join(items.select("item_id"), on="item_id", how="semi")
    )
    return digest(named, "period", ["item_id"])


def _good_items(judged: pl.DataFrame, media: pl.DataFrame) -> pl.DataFrame:
    """The items that broke no rule, with the hash of their text and of their files' bytes."""
    good = judged.filter(pl.col("rule") == GOOD)
    hashed = good.with_columns(text_hash=text_hashes(good["text"]))
    for kind in FILES:
        files = media.select(
            "uri", pl.col("sha256").alias(f"{kind.name}_hash"), pl.col("problem").alias(f"{kind.name}_problem")
        )
        hashed = hashed.join(files, left_on=kind.name, right_on="uri", how="left", maintain_order="left")
    return tables.contract("validated/items").conform(hashed)


def _good_users(judged: pl.DataFrame) -> pl.DataFrame:
    """The profiles that broke no rule, with the hash of the text that may be read."""
    good = judged.filter(pl.col("rule") == GOOD)
    return tables.contract("validated/users").conform(good.with_columns(text_hash=text_hashes(good["text"])))


def _write_rejected(
    lake: Lake, table: str, landed: pl.DataFrame, judged: pl.DataFrame, periods: list[str]
) -> dict[str, int]:
    """Replaces what is kept out of a table's periods, each row as delivered; the number of rejected ones by period.

    An ignored row is only named: a log of impressions would be stored twice.
    """
    contract = tables.contract(REJECTED)
    place = ["source_file", "source_row"]
    broken = judged.filter(pl.col("rule") != GOOD).select("period", *_JUDGED)
    broken = broken.with_columns(kind=contracts.kind(pl.col("rule")), table=pl.lit(table))
    told = broken.filter(pl.col("kind") != "ignored").select(place)
    delivered = landed.join(told, on=place, how="semi")
    packed = pl.struct(pl.exclude("period", "time_utc", "problem")).struct.json_encode()
    rows = broken.join(delivered.select(*place, row=packed), on=place, how="left")
    rejected = contract.conform(rows).sort(*place)
    old = lake.scan(REJECTED).filter((pl.col("table") == table) & pl.col("period").is_in(periods)).collect()
    if rejected.height != old.height or rejected.join(old, on=contract.columns, how="anti", nulls_equal=True).height:
        lake.replace(REJECTED, rejected, {"table": [table], "period": periods})
    counts = dict(rejected.filter(pl.col("kind") == contracts.REJECTED)["period"].value_counts().iter_rows())
    return {period: counts.get(period, 0) for period in periods}


def _kept_out(lake: Lake, table: str, periods: list[str]) -> dict[str, dict[str, int]]:
    """period → how many of its landed rows are rejected, duplicates or ignored."""
    mine = (pl.col("table") == table) & pl.col("period").is_in(periods)
    counted = lake.scan(REJECTED).filter(mine).group_by("period", "kind").agg(pl.len()).collect()
    found = {period: dict.fromkeys(_KEPT_OUT, 0) for period in periods}
    for period, kind, rows in counted.iter_rows():
        found[period][f"rows_{kind}"] = rows
    return found


def _kept_out_by_rule(lake: Lake, table: str, periods: list[str]) -> pl.DataFrame:
    """Kind, rule, rows and the first example by file and row number; never the row itself."""
    return (
        lake.scan(REJECTED)
        .filter((pl.col("table") == table) & pl.col("period").is_in(periods))
        .sort("source_file", "source_row")
        .group_by("kind", "rule")
        .agg(
            rows=pl.len(),
            file=pl.col("source_file").first(),
            row=pl.col("source_row").first(),
            reason=pl.col("reason").first(),
        )
        .sort("rows", "rule", descending=[True, False])
        .collect()
    )


def _item_facts(lake: Lake) -> dict[str, int | float | str]:
    """How many items have which modality."""
    hashes = {name: pl.col(f"{name}_hash") for name in NAMES}
    counts = {f"items_with_{name}": hashed.count() for name, hashed in hashes.items()}
    bare = pl.all_horizontal(hashed.is_null() for hashed in hashes.values()).sum()
    counted = lake.scan("validated/items").select(**counts, items_without_any_modality=bare).collect()
    return counted.row(0, named=True)
