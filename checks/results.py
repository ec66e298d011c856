"""From a judged expectation to Dagster's results, one a period and one for the run.

Here: the conversion that contracts and quality checks share. Not here: any judging.

A check of a partitioned asset is recorded by Dagster without a period when a run covers several, so every period gets
an evaluation of its own, and the run's result says how many of them hold.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from mmrec.builds.report import WHOLE, Check

_WORST = 5  # failed periods that a result names


def result(name: str, asset: str, judged: Sequence[Check]) -> dg.AssetCheckResult:
    """What a run found by one check: the period's own result, or the sum over its periods."""
    failed = [check for check in judged if not check.passed]
    shown = failed or judged[-1:]
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dg.AssetKey(asset.split("/")),
        passed=not failed,
        severity=_severity(failed),
        description=_summary(judged, failed),
        metadata=_metadata(shown),
    )


def evaluation(asset: str, check: Check, target: Target | None = None) -> dg.AssetCheckEvaluation:
    """One period's verdict, as an event of its own."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset.split("/")),
        check_name=check.name,
        passed=check.passed,
        severity=_severity([] if check.passed else [check]),
        blocking=check.blocking,
        partition=check.period or None,
        description=_words(check),
        metadata=_metadata([check]),
        target_materialization_data=target,
    )


def per_period(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, asset: str, judged: Iterable[Check]
) -> None:
    """Logs an evaluation for each judged period of a run that covers several."""
    key = dg.AssetKey(asset.split("/"))
    targets: dict[str, Target | None] = {}
    for check in judged:
        if check.period not in targets:
            targets[check.period] = _newest(context.instance, key, check.period)
        event = evaluation(asset, check, targets[check.period])
        # Taken (a test sees it arrive), though the annotation lacks it.
        context.op_execution_context.log_event(event)  # type: ignore[arg-type]


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey, period: str) -> Target | None:
    """The materialization that a verdict is about; a refused period has perhaps none."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[period])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)
    return None


def _severity(failed: Iterable[Check]) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if any(check.blocking for check in failed) else dg.AssetCheckSeverity.WARN


def _summary(judged: Sequence[Check], failed: Sequence[Check]) -> str:
    if len(judged) == 1:
        return _words(judged[0])
    if not failed:
        return f"holds in all {len(judged)} periods of this run"
    named = ", ".join(check.period for check in failed[:_WORST])
    more = f" and {len(failed) - _WORST} more" if len(failed) > _WORST else ""
    return f"fails in {len(failed)} of {len(judged)} periods of this run: {named}{more}"


def _words(check: Check) -> str:
    return f"expected {check.expected}; found {check.found}"


def _metadata(shown: Sequence[Check]) -> dict[str, dg.MetadataValue[Any]]:
    """Expected and found, as text: neither may be drawn as markup."""
    if len(shown) == 1:
        only = shown[0]
        said: dict[str, dg.MetadataValue[Any]]
        said = {
            "expected": dg.MetadataValue.text(only.expected),
            "found": dg.MetadataValue.text(only.found),
            **_rows(only),
        }
        return said if only.period == WHOLE else {**said, "period": dg.MetadataValue.text(only.period)}
    records = [
        dg.TableRecord({"period": check.period, "expected": check.expected, "found": check.found})
        for check in shown[:_WORST]
    ]
    return {"failed_periods": dg.MetadataValue.int(len(shown)), "worst": dg.MetadataValue.table(records)}


def _rows(check: Check) -> dict[str, dg.MetadataValue[Any]]:
    """Of a failed check: the share of each rule, and its worst rows by file and row number."""
    if not check.worst:
        return {}
    shares = [dg.TableRecord({"rule": rule, "share_of_rows": share}) for rule, share in check.shares.items()]
    worst = [dg.TableRecord(dict(row)) for row in check.worst]
    return {"share_by_rule": dg.MetadataValue.table(shares), "worst_rows": dg.MetadataValue.table(worst)}
