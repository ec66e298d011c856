"""Great Expectations suites, made from `mmrec/tables` and the settings' thresholds, and what they find.

Not here: row rules (`mmrec/quality/rules.py`). Great Expectations is imported where it judges.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds.report import Check
from mmrec.keys import canonical_digest
from mmrec.quality.contracts import DESCRIPTIONS, KINDS, REJECTED, Candidate, checks, kind
from mmrec.settings import Settings

_WORST = 5  # rows that a failed check shows
_TYPE_NAMES = {pl.String: "str", pl.Int64: "int", pl.Float64: "float", tables.TIME: "datetime"}


def judge(asset: str, candidate: Candidate, settings: Settings) -> list[Check]:
    """Every check of one candidate, by Great Expectations. A suite that could not be evaluated counts as failed."""
    landed = candidate.landed.select("rule", *(name for name in ("known",) if name in candidate.landed.columns))
    outcomes = _validate(landed, landed_expectations(asset, settings, landed.height))
    outcomes |= _validate(candidate.good, published_expectations(asset, settings))
    result = []
    for spec in checks(asset, settings):
        outcome = outcomes.get(spec.name, _Outcome(True, DESCRIPTIONS[spec.name], "no rows"))
        result.append(
            Check(spec.name, candidate.period, spec.blocking, outcome.passed, outcome.expected, outcome.found)
        )
    return result


@dataclass(frozen=True)
class _Outcome:
    passed: bool
    expected: str
    found: str


def landed_expectations(asset: str, settings: Settings, rows: int) -> list[tuple[str, str, Any]]:
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
        if asset == tables.VALIDATED_INTERACTIONS and share is not None:
            known = gxe.ExpectColumnValuesToBeInSet(column="known", value_set=[True], mostly=1 - share)
            found.append(("references", f"at most {share:.0%} name an unknown item", known))
    return found


def published_expectations(asset: str, settings: Settings) -> list[tuple[str, str, Any]]:
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
    if asset == tables.VALIDATED_INTERACTIONS and limits:
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
    results = {identity(result.expectation_config): result for result in batch.validate(suite).results}
    outcomes: dict[str, _Outcome] = {}
    for check, expected, expectation in expectations:
        result = results[identity(expectation.configuration)]
        if result.success and check in outcomes:
            continue
        outcome = _Outcome(bool(result.success), expected, _found(result, frame.height))
        if check not in outcomes or not outcome.passed:
            outcomes[check] = outcome
    return outcomes


def explained(asset: str, check: Check, candidate: Candidate, settings: Settings) -> Check:
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
    return bad.with_columns(rule=pl.lit(name), reason=pl.lit(DESCRIPTIONS[check]))


def identity(configuration: Any) -> str:
    """What makes an expectation the same one in two suites."""
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
