"""The whole graph on a tiny data set: what every materialization shows, and that a second run computes nothing."""

import dagster as dg
import pytest

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec_assets.showing import charts, pictures
from tests.helpers.pipeline import RANGE, Pipeline, expected
from tests.helpers.shop import DAYS, PEOPLE, PERSON

pytestmark = pytest.mark.usefixtures("great_expectations")

ALWAYS = {
    *("rows_computed", "rows_reused", "rows_removed", "rows_rejected", "seconds", "sample", "lake_version"),
    *("input_versions", "data_version", "warnings", "dagster/column_schema", "dagster/column_lineage"),
}
COUNTS = ("rows_computed", "rows_reused", "rows_removed", "rows_rejected")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return Pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def first(pipeline):
    return pipeline.refresh(tags=RANGE)


@pytest.fixture(scope="module")
def second(pipeline, first):
    return pipeline.refresh(tags=RANGE)


@pytest.fixture(scope="module")
def third(pipeline, second):
    return pipeline.refresh(partition=DAYS[-1])


def test_all_partitions_of_an_empty_lake_are_one_green_run(pipeline, first):
    assert first.success
    newest, _ = pipeline.materializations(first)
    assert set(newest) == expected(pipeline.settings, DAYS) | {("validated/rejected", None)}


def test_every_materialization_shows_what_it_must(pipeline, first):
    newest, _ = pipeline.materializations(first)
    for event in newest.values():
        if event.asset_key.path == ["validated", "rejected"]:
            continue
        rows = "dagster/partition_row_count" if event.partition else "dagster/row_count"
        assert ALWAYS | {rows} <= set(event.metadata), (event.asset_key, event.partition)
        assert all(isinstance(event.metadata[name].value, int) for name in (*COUNTS, rows))
        assert isinstance(event.metadata["seconds"].value, float)
        assert event.metadata["lake_version"].value is not None
        assert event.metadata["data_version"].value == event.tags["dagster/data_version"] or event.partition


def test_the_newest_event_of_a_period_carries_its_data_version(pipeline, first):
    newest, _ = pipeline.materializations(first)
    for (asset, partition), event in newest.items():
        assert event.tags["dagster/data_version"] == event.metadata["data_version"].value, (asset, partition)


def test_the_figures_of_every_period_plot_over_periods(pipeline, first):
    newest, _ = pipeline.materializations(first)
    stored = Lake(pipeline.settings.lake_root).sql(
        "SELECT period, value FROM model.evaluation WHERE model = 'mf' AND metric LIKE 'NDCG%' AND split = 'test' "
        "AND segment = 'all' AND value IS NOT NULL"
    )
    shown = {day: newest["model/evaluation", day].metadata.get("mf_ndcg@20") for day in DAYS}
    figures = {day: value.value for day, value in shown.items() if value}
    assert figures == {day: round(value, 4) for day, value in stored.iter_rows()}
    assert len(stored) > 1


def test_metadata_keys_are_lower_case_words_and_only_pictures_are_markdown(pipeline, first):
    _, events = pipeline.materializations(first)
    for event in events:
        for name, value in event.metadata.items():
            assert name == name.lower(), name
            assert isinstance(value, dg.MarkdownMetadataValue) == (name in {*pictures.KEYS, charts.KEY}), name


def test_no_person_is_named_in_metadata_checks_or_logs(pipeline, first, second, capfd):
    for result in (first, second):
        records = pipeline.instance.all_logs(result.run_id)
        said = "\n".join(dg.serialize_value(record) for record in records)
        assert "item-03" in said  # the search finds what is there
        assert PERSON not in said


def test_the_second_run_computes_nothing(pipeline, second):
    newest, _ = pipeline.materializations(second)
    assert second.success
    counted = {key: event.metadata for key, event in newest.items() if "rows_computed" in event.metadata}
    busy = {key: metadata["rows_computed"].value for key, metadata in counted.items()}
    assert set(busy) == expected(pipeline.settings, DAYS)
    assert not {key: rows for key, rows in busy.items() if rows}


def test_the_second_run_keeps_every_data_version(pipeline, first, second):
    before, _ = pipeline.materializations(first)
    after, _ = pipeline.materializations(second)
    version = "dagster/data_version"
    assert not [key for key in before if before[key].tags[version] != after[key].tags[version]]


def test_the_second_run_commits_nothing(pipeline, first, second):
    before, _ = pipeline.materializations(first)
    after, _ = pipeline.materializations(second)
    moved = [k for k in before if before[k].metadata["lake_version"].value != after[k].metadata["lake_version"].value]
    assert not moved


def test_a_later_run_of_one_period_keeps_its_version_and_everything_stays_fresh(pipeline, first, third):
    from dagster._core.definitions.data_version import CachingStaleStatusResolver
    from dagster._core.loader import LoadingContextForTest

    before, _ = pipeline.materializations(first)
    after, _ = pipeline.materializations(third)
    assert set(after) == expected(pipeline.settings, DAYS[-1:]) | {("validated/rejected", None)}
    assert {key: event.tags["dagster/data_version"] for key, event in after.items()} == {
        key: before[key].tags["dagster/data_version"] for key in after
    }
    resolver = CachingStaleStatusResolver(
        pipeline.instance, pipeline.defs.resolve_asset_graph(), LoadingContextForTest(pipeline.instance)
    )
    stale = {
        (asset, day): resolver.get_stale_causes(dg.AssetKey(asset.split("/")), day)
        for asset, day in expected(pipeline.settings, DAYS)
    }
    assert not {key: causes for key, causes in stale.items() if causes}


def test_a_run_scans_only_tables_of_its_declared_dependencies(pipeline, first):
    newest, _ = pipeline.materializations(first)
    for node in graph.nodes(pipeline.settings):
        shown = newest[node.asset, DAYS[-1] if node.partitioned else None].metadata["input_versions"]
        records = shown.value if isinstance(shown, dg.TextMetadataValue) else shown.records
        scanned = [] if isinstance(records, str) else [record.data["table"] for record in records]
        owners = {tables.contract(name).owner for name in scanned if not name.startswith("ledger/")}
        own = {node.asset, "validated/rejected"} if node.stage == "validated" else {node.asset}
        assert owners <= {*node.deps, *own}, node.asset


def test_every_declared_check_was_judged_and_holds(pipeline, first, second):
    for result in (first, second):
        evaluations = result.get_asset_check_evaluations()
        judged = {evaluation.asset_check_key for evaluation in evaluations}
        assert judged == pipeline.defs.resolve_asset_graph().asset_check_keys
        assert not [(e.asset_check_key, e.partition, e.description) for e in evaluations if not e.passed]


def test_people_get_lists_in_the_lake(pipeline, first):
    lists = Lake(pipeline.settings.lake_root).sql(
        f"SELECT user_id, count(*) AS items FROM recommendations.top_k WHERE period = '{DAYS[-1]}' GROUP BY 1"
    )
    assert sorted(lists["user_id"]) == PEOPLE
    assert set(lists["items"]) <= {1, 2, 3}
