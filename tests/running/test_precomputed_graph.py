"""A modality whose vectors were computed elsewhere, in the graph: its file is a source, and lineage leads to it."""

import dagster as dg
import numpy as np
import pytest

from mmrec_assets.assembly import build_defs
from mmrec_assets.showing import lineage
from tests.helpers.declaring import make_settings, names


@pytest.fixture
def defs(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((2, 3), np.float32))
    (tmp_path / "v.ids.txt").write_text("a\nb\n")
    vectors = {"encoder": f"precomputed:{tmp_path / 'v.npy'}"}
    return build_defs(make_settings(embeddings={"text": {"encoder": "minilm"}, "image": vectors}))


def test_the_file_of_vectors_is_a_source_of_its_landing_and_of_the_embedding(defs):
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    file = dg.AssetKey(["sources", "vector_files"])
    assert names(graph.get(file).child_keys) == {"raw/precomputed", "embeddings/image"}
    assert names(graph.get(dg.AssetKey(["raw", "precomputed"])).child_keys) == {"validated/items", "embeddings/image"}
    sources = {"/".join(key.path) for key in graph.get_all_asset_keys() if key.path[0] == "sources"}
    assert not any("precomputed" in each for each in sources)  # no weights


def test_a_vectors_column_leads_back_to_the_file():
    columns = lineage.of("validated/items", ["raw/items", "raw/media", "raw/precomputed"]).deps_by_column
    assert {"/".join(dep.asset_key.path) for dep in columns["image_hash"]} == {"raw/media", "raw/precomputed"}
    columns = lineage.of("raw/precomputed", []).deps_by_column
    assert {"/".join(dep.asset_key.path) for dep in columns["sha256"]} == {"sources/vector_files"}


def test_without_such_a_modality_there_is_no_such_asset():
    graph = build_defs(make_settings()).resolve_asset_graph()
    assert not {"raw/precomputed", "sources/vector_files"} & names(graph.get_all_asset_keys())
