"""What the asset graph is made of: keys, dependencies, policies, checks and partitions, before anything has run."""

import subprocess
import sys
import warnings
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from mmrec import periods, tables
from mmrec.planning import graph
from mmrec.tables import main_table
from mmrec_assets.assembly import build_defs
from mmrec_assets.running import jobs
from tests.helpers.declaring import make_settings, names

STAGES = ("raw", "validated", "embeddings", "fused", "model", "recommendations")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings():
    return make_settings()


@pytest.fixture(scope="module")
def defs(settings):
    return build_defs(settings)


@pytest.fixture(scope="module")
def assets(defs):
    """Every asset of the six stages by key, the one without a run of its own included."""
    found = defs.resolve_asset_graph()
    nodes = {"/".join(node.key.path): node for node in found.asset_nodes}
    return {key: node for key, node in nodes.items() if not key.startswith("sources/")}


@pytest.fixture(scope="module")
def specs(defs):
    found = {"/".join(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}
    return {key: spec for key, spec in found.items() if not key.startswith("sources/")}


def test_there_is_one_list_of_assets(settings, assets):
    assert set(assets) == {node.asset for node in graph.nodes(settings)} | {"validated/rejected"}


def test_an_asset_rests_on_what_its_node_says_and_on_sources(settings, assets):
    for node in graph.nodes(settings):
        upstream = names(assets[node.asset].parent_keys)
        assert {key for key in upstream if not key.startswith("sources/")} == set(node.deps), node.asset


def test_the_graph_starts_at_bytes(assets):
    assert names(assets["raw/interactions"].parent_keys) == {"sources/event_files"}
    assert names(assets["raw/items"].parent_keys) == {"sources/catalogue_files"}
    assert "sources/media_folder" in names(assets["raw/media"].parent_keys)
    assert "sources/weights_minilm" in names(assets["embeddings/text"].parent_keys)
    assert names(assets["embeddings/image"].parent_keys) >= {
        "sources/media_folder",
        "sources/weights_efficientnet_lite0",
    }


def test_an_encoder_without_weights_has_no_weight_files():
    plain = build_defs(make_settings(embeddings={"text": {"encoder": "hash:8"}})).resolve_asset_graph()
    assert not [key for key in names(plain.get_all_asset_keys()) if "weights" in key]


def test_sources_are_external_and_in_a_group_of_their_own(defs):
    sources = [node for node in defs.resolve_asset_graph().asset_nodes if node.key.path[0] == "sources"]
    assert len(sources) == 5
    assert all(node.is_external and node.group_name == "sources" and node.description for node in sources)


def test_group_and_key_prefix_are_the_stage(assets):
    assert {node.group_name for node in assets.values()} == set(STAGES)
    assert all(node.group_name == node.key.path[0] for node in assets.values())


def test_every_asset_carries_what_style_demands(settings, specs):
    versions = {node.asset: node.code_version for node in graph.nodes(settings)}
    for asset, spec in specs.items():
        metadata = spec.metadata
        assert spec.owners in (["team:data"], ["team:ml"]), asset
        assert spec.kinds, asset
        assert spec.tags["stage"] == spec.key.path[0], asset
        assert spec.tags["modality"], asset
        assert spec.code_version == versions.get(asset), asset
        assert metadata["dagster/table_name"].value == tables.view(main_table(asset).name)
        assert metadata["dagster/uri"].value == f"/nowhere/lake/{main_table(asset).name}"
        assert metadata["dagster/storage_kind"].value == "deltalake"


def test_a_description_says_what_one_row_is_and_when_it_is_made_again(specs):
    for asset, spec in specs.items():
        table = main_table(asset)
        first = spec.description.splitlines()[0]
        assert first.startswith(f"One row is {table.row}"), asset
        assert spec.description.endswith(f"Made again when: {table.remade}."), asset


def test_columns_are_known_before_the_first_run(specs):
    for asset, spec in specs.items():
        columns = spec.metadata["dagster/column_schema"].value.columns
        contract = main_table(asset)
        assert [column.name for column in columns] == contract.columns, asset
        assert all(column.description for column in columns), asset
        assert [column.constraints.nullable for column in columns] == [c.nullable for c in contract.columns_], asset


def test_periods_are_made_in_one_run(settings, assets):
    for node in graph.nodes(settings):
        asset = assets[node.asset]
        assert (asset.partitions_def is not None) == node.partitioned
        assert asset.backfill_policy == (dg.BackfillPolicy.single_run() if node.partitioned else None)


def test_encoders_share_one_pool(assets):
    assert {asset for asset, node in assets.items() if node.pools == {"gpu"}} == {"embeddings/text", "embeddings/image"}


def test_a_period_rests_on_every_earlier_one(settings, assets):
    known = periods.keys(settings.calendar)
    for node in graph.nodes(settings):
        for dep in node.history:
            mapping = assets[node.asset].partition_mappings[dg.AssetKey(dep.split("/"))]
            seen_by = mapping.downstream_partition_keys_by_upstream_partition_key
            assert {key: list(later) for key, later in seen_by.items()} == {
                key: known[index:] for index, key in enumerate(known)
            }


def test_one_job_refreshes_every_asset_in_one_process(defs, settings):
    job = defs.resolve_job_def("refresh")
    assert {"/".join(key.path) for key in job.asset_layer.executable_asset_keys} == {
        node.asset for node in graph.nodes(settings)
    }
    assert job.executor_def is dg.in_process_executor
    assert int(job.run_tags["dagster/max_runtime"]) > 0
    assert defs.executor is dg.in_process_executor


def test_steps_can_have_processes_of_their_own(settings):
    assert build_defs(settings, executor="multiprocess").executor is dg.multiprocess_executor
    with pytest.raises(Exception, match="MMREC_EXECUTOR: found 'threads'; allowed: in-process, multiprocess"):
        jobs.executor("threads")


@pytest.mark.filterwarnings("ignore:.*environment_vars:DeprecationWarning")
def test_alert_addresses_stay_in_the_environment(monkeypatch, settings):
    monkeypatch.setenv("MMREC_ALERTS", "json://somebody:secret-word@127.0.0.1:9/")
    shown = dg.serialize_value(RepositorySnap.from_def(build_defs(settings).get_repository_def()))
    assert "MMREC_ALERTS" in shown
    assert "secret-word" not in shown


def test_the_graph_warns_of_nothing_when_built():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_defs(make_settings(name="quiet")).resolve_all_job_defs()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dg", "check", "defs"], id="dg"),
        pytest.param(["dagster", "definitions", "validate"], id="dagster", marks=pytest.mark.full),
    ],
)
def test_dagster_itself_accepts_the_definitions(command, tmp_path):
    tool = Path(sys.executable).with_name(command[0])
    of_demo = {"MMREC_CONFIG": str(ROOT / "demo" / "mmrec.toml")}
    environment = {"DAGSTER_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **of_demo}
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
