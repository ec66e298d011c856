"""One report becomes an event a period with its own data version and verdict; refused periods fail the run by name."""

import dagster as dg
import polars as pl
import pytest

from mmrec import tables
from mmrec.builds.report import Check, StageReport
from mmrec.errors import MmrecError
from mmrec.planning import graph
from mmrec.settings import Settings
from resources.lake import LakeResource
from tests.helpers.stand_in import PERIODS, RANGE, Case, Stage

EVENTS = dg.AssetKey(["validated", "interactions"])
FACTORS = dg.AssetKey(["model", "factors"])


@pytest.fixture
def settings(tmp_path):
    return Settings.model_validate(
        {
            "name": "tiny",
            "data": tmp_path,
            "lake": {"root": str(tmp_path / "lake")},
            "calendar": {"start": "2024-01-01", "end": "2024-01-04"},
            "interactions": {"files": ["*.csv"], "event": "view"},
            "events": {"view": 1.0},
            "items": {"files": ["items.csv"]},
            "embeddings": {"text": {"encoder": "hash:8"}},
        }
        | {"items": {"files": ["items.csv"], "columns": {"text": ["title"]}}}
    )


@pytest.fixture
def stage(monkeypatch):
    """A stand-in for every stage's work: reports what `versions`, `refused` and `quiet` say."""
    return Stage(monkeypatch)


@pytest.fixture
def case(settings):
    return Case(settings)


def test_every_period_of_a_range_has_its_own_data_version(case, stage):
    assert case.run(["validated/interactions"], tags=RANGE).success
    for period in PERIODS:
        assert case.newest(EVENTS, period).tags["dagster/data_version"] == f"validated/interactions@{period}"


def test_a_period_of_a_range_keeps_the_provenance_of_the_step(case, stage):
    assert case.run(["raw/items", "raw/interactions", "validated/items"], tags=RANGE).success
    result = case.run(["validated/interactions"], tags=RANGE)
    wanted = dg.AssetRecordsFilter(asset_key=EVENTS, asset_partitions=[PERIODS[1]])
    own, of_step = (r.asset_materialization for r in case.instance.fetch_materializations(wanted, limit=2).records)
    assert result.success
    named = {tag for tag in of_step.tags if tag.startswith("dagster/") and tag != "dagster/data_version"}
    of_periods = {"dagster/input_data_version/raw/interactions"}  # Dagster joins the periods' versions; never read
    assert {tag: own.tags[tag] for tag in named - of_periods} == {tag: of_step.tags[tag] for tag in named - of_periods}
    assert own.metadata["rows_computed"].value >= 0
    assert "rows_computed" not in of_step.metadata  # else every number would plot twice


def test_a_run_of_one_period_has_one_event_with_its_version(case, stage):
    case.run(["validated/interactions"], partition=PERIODS[1])
    records = case.instance.fetch_materializations(EVENTS, limit=10).records
    assert [record.partition_key for record in records] == [PERIODS[1]]
    assert records[0].asset_materialization.tags["dagster/data_version"] == f"validated/interactions@{PERIODS[1]}"


def test_a_no_op_upstream_leaves_everything_behind_it_fresh(case, stage):
    chain = ["raw/items", "raw/media", "validated/items", "embeddings/text", "fused/items"]
    assert case.run(["raw/interactions", "validated/interactions", "model/factors", *chain], tags=RANGE).success
    case.run(["raw/interactions", "validated/interactions"], partition=PERIODS[1])
    case.run(["validated/items"])
    assert {case.stale(FACTORS, period) for period in PERIODS} == {"FRESH"}
    assert case.stale(EVENTS, PERIODS[1]) == case.stale(dg.AssetKey(["fused", "items"])) == "FRESH"


def test_a_changed_period_makes_later_periods_of_the_model_stale_and_no_earlier_one(case, stage):
    chain = ["raw/items", "raw/media", "validated/items", "embeddings/text", "fused/items"]
    case.run(["raw/interactions", "validated/interactions", "model/factors", *chain], tags=RANGE)
    stage.versions["validated/interactions", PERIODS[1]] = "changed"
    case.run(["validated/interactions"], partition=PERIODS[1])
    assert [case.stale(FACTORS, period) for period in PERIODS] == ["FRESH", "STALE", "STALE"]


def test_a_refused_period_fails_the_run_after_the_good_ones_are_recorded(case, stage):
    assert case.run(["raw/items", "raw/media", "raw/interactions", "validated/items"], tags=RANGE).success
    stage.refused["validated/interactions", PERIODS[1]] = "failed its contract: keys"
    result = case.run(["validated/interactions", "model/factors"], tags=RANGE)
    assert not result.success
    assert [bool(case.newest(EVENTS, period)) for period in PERIODS] == [True, False, True]
    assert case.newest(FACTORS) is None
    failure = result.failure_data_for_node("validated__interactions").user_failure_data
    assert f"{PERIODS[1]}: failed its contract: keys" in failure.description
    assert case.stale(EVENTS, PERIODS[0]) == "FRESH"


def test_each_period_has_its_own_verdict_and_the_run_has_the_sum(case, stage):
    stage.refused["validated/interactions", PERIODS[1]] = "failed its contract: keys"
    result = case.run(["validated/interactions"], tags=RANGE)
    verdicts = case.verdicts(result, "keys")
    assert {period: event.passed for period, event in verdicts.items()} == {
        PERIODS[0]: True,
        PERIODS[1]: False,
        PERIODS[2]: True,
        None: False,
    }
    assert verdicts[None].description == f"fails in 1 of 3 periods of this run: {PERIODS[1]}"
    assert verdicts[PERIODS[1]].metadata["found"].value == "2 twice"
    assert verdicts[PERIODS[0]].target_materialization_data.run_id == result.run_id
    assert all(event.passed for event in case.verdicts(result, "header").values())


def test_a_refused_single_period_is_not_materialized_and_its_verdict_is_recorded(case, stage):
    stage.refused["validated/interactions", PERIODS[1]] = "failed its contract: keys"
    result = case.run(["validated/interactions"], partition=PERIODS[1])
    assert not result.success
    assert case.newest(EVENTS) is None
    assert {p: e.passed for p, e in case.verdicts(result, "keys").items()} == {PERIODS[1]: False}


def test_a_failed_warning_does_not_fail_the_run(case, stage, monkeypatch):
    def lenient(node, settings, periods):
        report = Stage.report(stage, node, settings, periods)
        checks = [Check("volume", p, False, False, "1 row or more", "0 rows") for p in periods]
        return StageReport(node.asset, report.periods, 0.5, 3, {}, checks=checks)

    monkeypatch.setattr(stage, "report", lenient)
    result = case.run(["validated/interactions"], partition=PERIODS[0])
    assert result.success
    assert case.verdicts(result, "volume")[PERIODS[0]].severity == dg.AssetCheckSeverity.WARN


def test_a_run_that_judged_nothing_reports_the_verdict_of_what_is_published(case, stage, settings):
    lake = LakeResource(root=settings.lake_root).open()
    row = {
        "asset": "validated/interactions",
        "period": PERIODS[0],
        "verdict": "v",
        "check": "keys",
        "blocking": True,
        "passed": True,
        "expected": "unique",
        "found": "unique",
        "rows": 3,
        "run_id": "r",
        "at": pl.Series([0]).cast(pl.Datetime("us", "UTC"))[0],
    }
    later = {**row, "verdict": "w", "passed": False, "at": pl.Series([1]).cast(pl.Datetime("us", "UTC"))[0]}
    lake.append(tables.VERDICTS, pl.DataFrame([row, later]))
    stage.judges = False
    result = case.run(["validated/interactions"], partition=PERIODS[0])
    assert result.success
    assert case.verdicts(result, "keys")[PERIODS[0]].passed


def test_a_message_for_people_fails_the_step_without_a_traceback_or_a_retry(case, stage):
    stage.raises = ("raw/items", MmrecError("items.files: no file matches items.csv"))
    result = case.run(["raw/items"])
    failure = result.failure_data_for_node("raw__items")
    assert failure.user_failure_data.description == "items.files: no file matches items.csv"
    assert failure.error.cause is None
    assert not result.retry_attempts_for_node("raw__items")


def test_a_problem_of_the_whole_run_fails_it_and_keeps_what_was_published(case, stage):
    stage.problem = "jan.csv has no column user_id"
    result = case.run(["raw/interactions"], tags=RANGE)
    assert not result.success
    assert all(case.newest(dg.AssetKey(["raw", "interactions"]), period) for period in PERIODS)


def test_rejected_rows_have_an_event_of_their_own_even_when_the_run_fails(case, stage, settings):
    lake = LakeResource(root=settings.lake_root).open()
    row = {"table": "interactions", "period": PERIODS[1], "rule": "no user", "reason": "user_id is empty"}
    lake.append(
        "validated/rejected",
        pl.DataFrame([{**row, "kind": "rejected", "source_file": "a.csv", "source_row": 7, "row": "{}"}]),
    )
    stage.refused["validated/interactions", PERIODS[1]] = "failed its contract: keys"
    result = case.run(["validated/interactions"], partition=PERIODS[1])
    event = case.newest(dg.AssetKey(["validated", "rejected"]))
    assert not result.success
    assert event.metadata["dagster/row_count"].value == 1
    assert event.metadata["sample"].value.records[0].data["source_row"] == 7


def test_every_node_runs_as_an_asset_of_the_same_key(case, settings):
    assets = {"/".join(key.path) for key in case.defs.resolve_asset_graph().materializable_asset_keys}
    assert assets == {node.asset for node in graph.nodes(settings)}
