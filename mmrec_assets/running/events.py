"""From a stage's report to Dagster's events: the one place where materializations and verdicts are emitted.

A run over several periods is recorded by Dagster with one data version for all of them, and a later run of one period
would then look like a change. So every period gets an event of its own behind the step's, with its own data version and
the step's provenance. Of a run in which periods were refused, the good periods are recorded the same way; then the run
fails and names the others. Not here: what the events show (`mmrec_assets/showing/display.py`), nor what was judged (the
stages).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg

from checks import contracts, results
from mmrec import folders, tables
from mmrec.builds.costs import seconds_of
from mmrec.builds.report import WHOLE, Check, StageReport
from mmrec.errors import MmrecError
from mmrec.folders import StorageError
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.planning.graph import Node
from mmrec.settings import Settings
from mmrec.upkeep import damage
from mmrec_assets.running import landing
from mmrec_assets.showing import charts, display, pictures
from resources.lake import LakeResource

Events = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]
Also = Callable[[dg.AssetExecutionContext, Lake], None]

STORAGE = "storage_cannot_be_used"  # metadata of a failure after which no other step can go well
_SHOWN = 3  # refusals that a failure spells out; the metadata has all


def materialize(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    settings: Settings,
    asset: str,
    *,
    also: Also | None = None,
    retry_failed: bool = False,
    budget: str = "",
) -> Events:
    """Runs an asset's stage for the run's periods and emits what happened; `also` may log more before a failure."""
    node = graph.node(settings, asset)
    opened = lake.open()
    landed = None if node.stage == "raw" else landing.of_run(context.instance, context.run.run_id)
    opened = landed.shown(opened) if landed else opened
    periods = list(context.partition_keys) if node.partitioned else []
    provenance = _provenance(context, node) if len(periods) > 1 else {}  # read only for events of several periods
    try:
        limit = seconds_of(budget) if budget else None
        report = node.run(opened, settings, periods, context.run.run_id, retry_failed=retry_failed, budget=limit)
    except Exception as error:
        raise _failed(error, opened) from None
    except BaseException as panic:  # of a library that read a damaged file
        if (told := damage.explained(opened, panic)) is None:
            raise
        raise _failed(told, opened) from None
    if asset == tables.RAW_INTERACTIONS:
        landing.note(context, report)
    drawn = _drawn(context, settings, node, report)
    yield from emit(context, node, charts.undrawn(report), _remembered(opened, report), provenance, drawn)
    if also is not None:
        also(context, opened)
    if report.refusals:
        raise _failure(report)


def emit(
    context: dg.AssetExecutionContext,
    node: Node,
    report: StageReport,
    remembered: Sequence[Check],
    provenance: dict[str, str],
    drawn: display.Metadata | None = None,
) -> Events:
    """The events of one report: materializations, then a verdict a check, `remembered` ones summed in.

    `drawn` are pictures that belong to the whole run. Of several periods each has an event of its own, which alone
    shows figures, so that none plots twice.
    """
    for warning in report.warnings:
        context.log.warning(warning)
    published = [period for period, counts in report.periods.items() if counts.refused is None]
    metadata = {period: {**(drawn or {}), **display.materialization(node, report, period)} for period in published}
    several = len(report.periods) > 1
    if not report.refusals:
        yield _step_event(context, report, metadata)
    if several or report.refusals:
        for period in published:
            context.log_event(_own_event(report, period, metadata[period], provenance))
    if several:
        results.per_period(context, node.asset, [check for check in report.checks if check.period != WHOLE])
    yield from _verdicts(context, report, [*report.checks, *remembered])


def _drawn(context: dg.AssetExecutionContext, settings: Settings, node: Node, report: StageReport) -> display.Metadata:
    """An embedding's pictures, or those of its last materialization where nothing was drawn anew; an evaluation's."""
    if node.asset == tables.EVALUATION:
        return charts.of(report)
    if node.stage != "embeddings":
        return {}
    return pictures.of(report, settings) or pictures.remembered(context.instance, context.asset_key)


def _remembered(lake: Lake, report: StageReport) -> list[Check]:
    """The old verdicts of published periods that were not judged again."""
    judged = {check.period for check in report.checks}
    quiet = [period for period, counts in report.periods.items() if counts.refused is None and period not in judged]
    return contracts.published(lake, report.asset, quiet) if quiet else []


def _step_event(
    context: dg.AssetExecutionContext, report: StageReport, metadata: Mapping[str, display.Metadata]
) -> dg.MaterializeResult[None]:
    """The step's own event, which Dagster copies to every period of a run over several."""
    versions = {period: report.periods[period].data_version for period in metadata}
    if len(metadata) == 1:
        [(period, shown)] = metadata.items()
        return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(versions[period]))
    return dg.MaterializeResult(data_version=dg.DataVersion(canonical_digest(versions)))


def _own_event(
    report: StageReport, period: str, metadata: display.Metadata, provenance: dict[str, str]
) -> dg.AssetMaterialization:
    version = report.periods[period].data_version
    return dg.AssetMaterialization(
        asset_key=report.asset.split("/"),
        partition=period or None,
        metadata=metadata,
        tags={**provenance, "dagster/data_version": version, "dagster/data_version_is_user_provided": "true"},
    )


def _verdicts(
    context: dg.AssetExecutionContext, report: StageReport, checks: Sequence[Check]
) -> Iterator[dg.AssetCheckResult]:
    """One result for each check that the asset declares. Dagster wants all of a run that succeeds."""
    empty = report.total("rows") + report.total("rejected") == 0
    found = "no row landed" if empty else "none is recorded; materialize again"
    for key in sorted(context.selected_asset_check_keys):
        judged = [check for check in checks if check.name == key.name]
        if not judged and not report.refusals:
            judged = [Check(key.name, WHOLE, False, empty, "a verdict on what landed", found)]
        if judged:
            yield results.result(key.name, "/".join(key.asset_key.path), judged)


def _provenance(context: dg.AssetExecutionContext, node: Node) -> dict[str, str]:
    """What Dagster notes on a materialization: code version, and the newest event and data version of each input.

    Read before the work starts, so that an input that changes meanwhile makes the result stale.
    """
    tags = {"dagster/code_version": node.code_version}
    for key in sorted(context.assets_def.asset_deps[context.asset_key]):
        found = context.instance.fetch_materializations(key, limit=1).records
        event = found[0].asset_materialization if found else None
        version = (event.tags or {}).get("dagster/data_version") if event else None
        tags[f"dagster/input_data_version/{key.to_user_string()}"] = version or "INITIAL"
        tags[f"dagster/input_event_pointer/{key.to_user_string()}"] = str(found[0].storage_id) if found else "NULL"
    return tags


def _failed(error: Exception, lake: Lake) -> Exception:
    """A failed step that says in one line what a person can put right; any other error as it is."""
    told = folders.of_any(error, folders.lake_folder(lake.root)) or (error if isinstance(error, MmrecError) else None)
    told = told or damage.explained(lake, error)
    if told is None:
        return error
    marked = {STORAGE: dg.MetadataValue.bool(True)} if isinstance(told, StorageError) else {}
    return dg.Failure(str(told), metadata=marked, allow_retries=False)


def _failure(report: StageReport) -> dg.Failure:
    """A failed step that says what was refused and where to look, without a traceback."""
    refusals = report.refusals
    more = f"; and {len(refusals) - _SHOWN} more" if len(refusals) > _SHOWN else ""
    return dg.Failure(
        f"{report.asset}: {'; '.join(refusals[:_SHOWN])}{more}",
        metadata={"refused": dg.MetadataValue.text("\n".join(refusals)), **display.warned(report)},
        allow_retries=False,
    )
