"""Checks and column lineage, before anything has run: every one is about something that exists."""

import pytest

from mmrec.quality import contracts
from mmrec.tables import main_table
from mmrec.tables.lineage import columns
from mmrec_assets.assembly import build_defs
from mmrec_assets.showing import lineage
from tests.helpers.declaring import make_settings, names


@pytest.fixture(scope="module")
def settings():
    """Everything a data set can have: four modalities and people's profiles."""
    encoders = {"text": "minilm", "image": "efficientnet-lite0", "audio": "hash:4", "video": "hash:4"}
    return make_settings(
        items={"files": ["items.csv"], "columns": {**{name: name for name in encoders}, "text": ["title"]}},
        embeddings={name: {"encoder": encoder} for name, encoder in encoders.items()},
        users={"files": ["people.csv"], "columns": {"text": ["about"]}},
    )


@pytest.fixture(scope="module")
def defs(settings):
    return build_defs(settings)


@pytest.fixture(scope="module")
def specs(defs):
    found = {"/".join(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}
    return {key: spec for key, spec in found.items() if not key.startswith("sources/")}


def test_every_check_targets_a_defined_asset(defs):
    asset_graph = defs.resolve_asset_graph()
    assert {key.asset_key for key in asset_graph.asset_check_keys} <= asset_graph.get_all_asset_keys()
    phantoms = [node for node in asset_graph.asset_nodes if not node.group_name or node.group_name == "default"]
    assert not phantoms


def test_contracts_block_and_quality_warns(defs, settings):
    checks = {(key.asset_key.to_user_string(), key.name): key for key in defs.resolve_asset_graph().asset_check_keys}
    blocking = {name for name, key in checks.items() if defs.resolve_asset_graph().get_check_spec(key).blocking}
    contract = {
        (asset, spec.name)
        for asset in ("validated/interactions", "validated/items", "validated/users")
        for spec in contracts.checks(asset, settings)
        if spec.blocking
    }
    assert blocking == contract | {("raw/interactions", "files_readable")}
    assert {name for _, name in set(checks) - blocking} == {
        *("volume", "rows_drift", "finite", "norms", "failed_share", "complete", "qualified"),
        *("not_below_popularity", "everybody_has_a_list", "nothing_seen", "few_hubs"),
    }


def test_checks_of_periods_have_a_verdict_a_period(defs):
    asset_graph = defs.resolve_asset_graph()
    for key in asset_graph.asset_check_keys:
        spec, asset = asset_graph.get_check_spec(key), asset_graph.get(key.asset_key)
        of_whole = key.name in ("files_readable", "rows_drift") or asset.partitions_def is None
        assert (spec.partitions_def is None) == of_whole, key
        assert spec.description, key


def test_column_lineage_names_only_columns_and_upstreams_that_exist(specs):
    for asset, spec in specs.items():
        upstream = names(dep.asset_key for dep in spec.deps)
        written = columns(asset)
        assert set(written) <= set(main_table(asset).columns), asset
        assert written, asset
        for source in {source for sources in written.values() for source in sources}:
            dep, _, column = source.partition(":")
            if dep == "raw/precomputed":  # there only where vectors are delivered
                continue
            assert dep in upstream, (asset, source)
            assert dep.startswith("sources/") or column in main_table(dep).columns, (asset, source)


def test_column_lineage_leaves_out_a_modality_that_is_not_there():
    found = lineage.of("fused/items", ("validated/items", "embeddings/text")).deps_by_column["digest"]
    assert [dep.asset_key.to_user_string() for dep in found] == ["embeddings/text"]
