"""The batch contracts: what must hold of a candidate before it is published, judged by Great Expectations.

Here: suites made from `mmrec/tables` and the settings' thresholds, and verdicts with their ledger. Not here: row
rules, which reject single rows (`mmrec/quality/rules.py`).

A verdict is keyed by candidate + suite + what it was judged against. The same triple again is the old verdict, read
from the ledger, so that a no-op never imports Great Expectations.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds.report import Check
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.settings import Settings

LEDGER = "ledger/verdicts"
GOOD = "ok"  # the rule of a row that broke none
# Rules of rows that are kept out without being bad.
DUPLICATE, IGNORED, UNNAMED = "duplicate", "event_ignored", "event_unnamed"
KINDS = {GOOD: "valid", DUPLICATE: "duplicate", IGNORED: "ignored", UNNAMED: "ignored"}  # any other rule: rejected
REJECTED = "rejected"
_SUITE = "2"  # raised when the meaning of a check changes
_WORST = 5  # rows that a failed check shows

_DESCRIPTIONS = {
    "header": "the published columns are those of the table's contract, in order",
    "types": "every column has the type of the table's contract",
    "nulls": "no value is missing in a column that may not lack one",
    "keys": "no two published rows share a key",
    "ranges": "every value lies in the range that the settings allow",
    "rejected_share": "the share of rejected rows (not duplicates, nor ignored ones) stays within "
    "quality.max_rejected_share",
    "references": "the share of events that name an unknown item stays within quality.max_unknown_item_share",
    "volume": "the number of landed rows lies within quality.min_rows and quality.max_rows",
}
_OF_A_WHOLE = ("header", "types", "nulls", "keys", "rejected_share", "volume")
_OF_ASSET = {
    "validated/interactions": tuple(_DESCRIPTIONS),
    "validated/items": _OF_A_WHOLE,
    "validated/users": _OF_A_WHOLE,
}
_TYPE_NAMES = {pl.String: "str", pl.Int64: "int", pl.Float64: "float", tables.TIME: "datetime"}


@dataclass(frozen=True)
class CheckSpec:
    """A check before anything was judged. A blocking one keeps a failing candidate from being published."""

    name: str
    description: str
    blocking: bool


@dataclass(frozen=True)
class Candidate:
    """One period's rows before publication: `landed` has every landed row's rule, `good` the rows that broke none."""

    period: str
    landed: pl.DataFrame  # rule, reason, source_file, source_row; and `known`, where references are judged
    good: pl.DataFrame
    digest: str  # of all landed rows with their rules
    against: str = ""  # digest of what the rows were judged against, such as which of the named items exist


def checks(asset: str, settings: Settings) -> list[CheckSpec]:
    """The checks of an asset's contract; none where it has no contract."""
    # A day may be empty, but an empty catalogue would take every item away.
    warns = () if asset == "validated/items" else ("volume",)
    left_out = ("references",) if settings.quality.max_unknown_item_share is None else ()
    names = [name for name in _OF_ASSET.get(asset, ()) if name not in left_out]
    return [CheckSpec(name, _DESCRIPTIONS[name], name not in warns) for name in names]


def kind(rule: pl.Expr) -> pl.Expr:
    """What a rule makes of a landed row: valid, rejected, duplicate or ignored."""
    return rule.replace_strict(KINDS, default=REJECTED, return_dtype=pl.String)


def verdicts(lake: Lake, asset: str, candidates: Iterable[Candidate], settings: Settings) -> dict[str, list[Check]]:
    """The checks of each candidate by period: from the ledger where it was judged before, else judged now.

    What is not the period's newest verdict is noted, so that the newest one is always that of the newest candidate.
    A failed check shows the candidate's worst rows and the share of each rule.
    """
    known = _known(lake, asset)
    newest = dict(known.keys())  # period → verdict: `known` begins with the oldest
    suite = _suite_digest(asset, settings)
    result: dict[str, list[Check]] = {}
    rows: list[dict[str, Any]] = []
    now = dt.datetime.now(dt.UTC)  # one instant for all: the newest verdict is the one with the newest instant
    for candidate in candidates:
        name = canonical_digest([candidate.digest, suite, candidate.against])
        found = known.get((candidate.period, name))
        if found is None:
            found = _judge(asset, candidate, settings)
        if newest.get(candidate.period) != name:
            rows += [_row(lake, now, name, candidate, check) for check in found]
        result[candidate.period] = [
            check if check.passed else _explained(asset, check, candidate, settings) for check in found
        ]
    if rows:
        lake.append(LEDGER, pl.DataFrame(rows))
    return result


def refusal(found: Iterable[Check]) -> str | None:
    """Why a candidate may not be published, in one line; None when it may."""
    failed = [
        f"{check.name} (expected {check.expected}; found {check.found}{_by_rule(check)})"
        for check in found
        if not check.passed and check.blocking
    ]
    return "failed its contract: " + ", ".join(failed) if failed else None


def _by_rule(check: Check) -> str:
    """The shares of the rules that reject most, and where the first such row stands."""
    if not check.worst:
        return ""
    shares = ", ".join(f"{rule} {share:.1%}" for rule, share in list(check.shares.items())[:3])
    return f": {shares}; first {check.worst[0]['file']} row {check.worst[0]['row']}"


def judged_periods(lake: Lake, asset: str) -> dict[str, bool]:
    """Every period with a verdict → whether its newest verdict let it be published."""
    rows = (
        lake.scan(LEDGER)
        .filter(pl.col("asset") == asset)
        .with_columns(newest=pl.col("at").max().over("period"))
        .filter(pl.col("at") == pl.col("newest"))
        .group_by("period")
        .agg(published=(pl.col("passed") | ~pl.col("blocking")).all())
        .collect()
    )
    return dict(rows.iter_rows())


def _known(lake: Lake, asset: str) -> Mapping[tuple[str, str], list[Check]]:
    """(period, verdict) → its checks, the one that was noted last at the end."""
    rows = lake.scan(LEDGER).filter(pl.col("asset") == asset).sort("at", "check").collect()
    found: dict[tuple[str, str], dict[str, Check]] = {}
    for row in rows.iter_rows(named=True):
        check = Check(row["check"], row["period"], row["blocking"], row["passed"], row["expected"], row["found"])
        key = (row["period"], row["verdict"])
        found[key] = {**found.pop(key, {}), check.name: check}
    return {key: list(by_name.values()) for key, by_name in found.items()}


def _row(lake: Lake, now: dt.datetime, verdict: str, candidate: Candidate, check: Check) -> dict[str, Any]:
    return {
        "asset": lake.asset,
        "period": candidate.period,
        "verdict": verdict,
        "check": check.name,
        "blocking": check.blocking,
        "passed": check.passed,
        "expected": check.expected,
        "found": check.found,
        "rows": candidate.landed.height,
        "run_id": lake.run_id,
        "at": now,
    }


def _suite_digest(asset: str, settings: Settings) -> str:
    contract = tables.contract(asset)
    columns = [(c.name, str(c.dtype), c.nullable) for c in contract.columns_]
    return canonical_digest(
        [_SUITE, asset, columns, contract.key, settings.quality.model_dump(), settings.interactions.value_range]
    )


def _judge(asset: str, candidate: Candidate, settings: Settings) -> list[Check]:
    """Every check of one candidate, by Great Expectations. A suite that could not be evaluated counts as failed."""
    landed = candidate.landed.select("rule", *(name for name in ("known",) if name in candidate.landed.columns))
    outcomes = _validate(landed, _landed_expectations(asset, settings, landed.height))
    outcomes |= _validate(candidate.good, _published_expectations(asset, settings))
    result = []
    for spec in checks(asset, settings):
        outcome = outcomes.get(spec.name, _Outcome(True, _DESCRIPTIONS[spec.name], "no rows"))
        result.append(
            Check(spec.name, candidate.period, spec.blocking, outcome.passed, outcome.expected, outcome.found)
        )
    return result


@dataclass(frozen=True)
class _Outcome:
    passed: bool
    expected: str
    found: str


def _landed_expectations(asset: str, settings: Settings, rows: int) -> list[tuple[str, str, Any]]:
    """(check, what is expected, expectation) over the rules of every landed row."""
    import great_expectations.expectations as gxe

    quality = settings.quality
    volume = gxe.ExpectTableRowCountToBeBetween(min_value=quality.min_rows, max_value=quality.max_rows)
    found: list[tuple[str, str, Any]] = [("volume", f"{quality.min_rows} to {quality.max_rows} rows", volume)]
    if rows:
        good = gxe.ExpectColumnValuesToBeInSet(
            column="rule", value_set=list(KINDS), mostly=1 - quality.max_rejected_share
        )
        found.append(("rejected_share", f"at most {quality.max_rejected_share:.0%} rejected", good))
        share = quality.max_unknown_item_share
        if asset == "validated/interactions" and share is not None:
            known = gxe.ExpectColumnValuesToBeInSet(column="known", value_set=[True], mostly=1 - share)
            found.append(("references", f"at most {share:.0%} name an unknown item", known))
    return found


def _published_expectations(asset: str, settings: Settings) -> list[tuple[str, str, Any]]:
    """(check, what is expected, expectation) over the good rows: the table's contract, said again independently."""
    import great_expectations.expectations as gxe

    contract = tables.contract(asset)
    found: list[tuple[str, str, Any]] = [
        ("header", ", ".join(contract.columns), gxe.ExpectTableColumnsToMatchOrderedList(column_list=contract.columns)),
        ("keys", " + ".join(contract.key) + " unique", _unique(list(contract.key))),
    ]
    for column in contract.columns_:
        if not column.nullable:
            found.append(
                ("nulls", f"{column.name} never missing", gxe.ExpectColumnValuesToNotBeNull(column=column.name))
            )
            name = _TYPE_NAMES[column.dtype]  # type: ignore[index]
            found.append(
                ("types", f"{column.name} is {name}", gxe.ExpectColumnValuesToBeOfType(column=column.name, type_=name))
            )
    limits = settings.interactions.value_range
    if asset == "validated/interactions" and limits:
        between = gxe.ExpectColumnValuesToBeBetween(column="value", min_value=limits[0], max_value=limits[1])
        found.append(("ranges", f"value within {limits[0]:g} to {limits[1]:g}", between))
    return found


def _unique(columns: list[str]) -> Any:
    import great_expectations.expectations as gxe

    if len(columns) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=columns[0])
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=columns, ignore_row_if="never")


def _validate(frame: pl.DataFrame, expectations: list[tuple[str, str, Any]]) -> dict[str, _Outcome]:
    """The outcome of each check on `frame`; several expectations of one check are one outcome."""
    if frame.is_empty() and "rule" not in frame.columns:
        return {}
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="contract", expectations=[expectation for *_, expectation in expectations])
    batch = _batch_definition().get_batch({"dataframe": frame.to_pandas(use_pyarrow_extension_array=True)})
    results = {_identity(result.expectation_config): result for result in batch.validate(suite).results}
    outcomes: dict[str, _Outcome] = {}
    for check, expected, expectation in expectations:
        result = results[_identity(expectation.configuration)]
        if result.success and check in outcomes:
            continue
        outcome = _Outcome(bool(result.success), expected, _found(result, frame.height))
        if check not in outcomes or not outcome.passed:
            outcomes[check] = outcome
    return outcomes


def _explained(asset: str, check: Check, candidate: Candidate, settings: Settings) -> Check:
    """A failed check with the share of each rule that made it fail, and the first rows of those that did most."""
    bad = _bad_rows(asset, check.name, candidate, settings)
    if bad.is_empty():
        return check
    counted = bad.group_by("rule").agg(rows=pl.len()).sort("rows", "rule", descending=[True, False])
    shares = {rule: rows / candidate.landed.height for rule, rows in counted.iter_rows()}
    order = {"rows": True, "rule": False, "source_file": False, "source_row": False}
    ordered = bad.join(counted, on="rule").sort(*order, descending=list(order.values()))
    worst = ordered.select("rule", "reason", file="source_file", row="source_row").head(_WORST)
    return replace(check, shares=shares, worst=worst.to_dicts())


def _bad_rows(asset: str, check: str, candidate: Candidate, settings: Settings) -> pl.DataFrame:
    """The rows that make a check fail, with `rule` and `reason`; none where a check is about no single row."""
    landed, good, contract = candidate.landed, candidate.good, tables.contract(asset)
    low, high = settings.interactions.value_range or (None, None)
    required = [column.name for column in contract.columns_ if not column.nullable and column.name in good.columns]
    of_good = {
        "keys": pl.struct(contract.key).is_duplicated(),
        "nulls": pl.any_horizontal(pl.col(name).is_null() for name in required),
        "ranges": ~pl.col("value").is_between(low, high),
    }
    if check == "rejected_share":
        return landed.filter(kind(pl.col("rule")) == REJECTED)
    if check == "references":
        bad, name = landed.filter(~pl.col("known")), "item_unknown"
    elif check in of_good:
        bad, name = good.filter(of_good[check]), check
    else:
        return landed.clear()
    return bad.with_columns(rule=pl.lit(name), reason=pl.lit(_DESCRIPTIONS[check]))


def _identity(configuration: Any) -> str:
    kwargs = {key: value for key, value in configuration.kwargs.items() if key != "batch_id" and value is not None}
    return canonical_digest([configuration.type, kwargs])


def _found(result: Any, rows: int) -> str:
    """What was found, in counts: values can be a person's, so none is quoted."""
    info = result.exception_info or {}  # of the expectation, or of each of its metrics
    if any(each.get("raised_exception") for each in (info, *info.values()) if isinstance(each, dict)):
        return "the expectation could not be evaluated"
    detail = result.result
    if "unexpected_count" in detail:
        count = detail["unexpected_count"]
        return f"{count} of {rows} rows ({count / max(rows, 1):.1%})"
    observed = detail.get("observed_value")
    return f"{observed} rows" if isinstance(observed, int) else f"{observed}"


def _batch_definition() -> Any:
    """A fresh in-memory Great Expectations context: nothing is written, sent or shown as a progress bar."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    source = context.data_sources.add_pandas("candidates")
    return source.add_dataframe_asset("candidate").add_batch_definition_whole_dataframe("all")
