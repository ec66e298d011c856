"""A path in an encoder's name counts from the settings file, also behind `frames:`, `keyframes:` and `windows:`."""

import pytest

from mmrec.settings.reading import _from


@pytest.mark.parametrize("before", ["", "frames:", "keyframes:", "windows:"])
def test_paths_count_from_the_settings_file(tmp_path, before):
    (tmp_path / "here").mkdir()
    assert _from(tmp_path, f"{before}hf:here") == f"{before}hf:{tmp_path / 'here'}"
    assert _from(tmp_path, f"{before}torchvision:vit_b_16@here") == f"{before}torchvision:vit_b_16@{tmp_path / 'here'}"
    assert _from(tmp_path, f"{before}hf:owner/model") == f"{before}hf:owner/model"
    assert _from(tmp_path, f"{before}minilm") == f"{before}minilm"


def test_a_file_of_vectors_need_not_be_there_yet(tmp_path):
    assert _from(tmp_path, "precomputed:v.npy") == f"precomputed:{tmp_path / 'v.npy'}"
    assert _from(tmp_path, "precomputed:clip@of/v.npy") == f"precomputed:clip@{tmp_path / 'of/v.npy'}"
