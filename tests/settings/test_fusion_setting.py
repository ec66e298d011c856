"""One setting names the kinds of fusion; whoever has the one of before is told in one line."""

import pytest

from mmrec.errors import SettingsError
from mmrec.settings import load

TEXT = """
name = "shop"
[calendar]
start = 2024-01-01
[interactions]
files = ["e.csv"]
event = "view"
[events]
view = 1.0
[items]
files = ["i.csv"]
"""


@pytest.mark.parametrize("old", ['[fused]\nkind = "concat"', "[fused]"])
def test_the_setting_of_before_is_told_where_its_successor_is(tmp_path, old):
    file = tmp_path / "mmrec.toml"
    file.write_text(f"{TEXT}{old}\n")
    with pytest.raises(SettingsError) as told:
        load(file, environment={})
    assert str(told.value) == (
        "mmrec.toml: [fused] is no section any more; delete it: [model] fusion names the kinds of fusion"
    )


def test_kinds_that_there_are_can_be_named(tmp_path):
    file = tmp_path / "mmrec.toml"
    file.write_text(f'{TEXT}[model]\nfusion = ["projection", "deep"]\n')
    assert load(file, environment={}).model.fusion == ["projection", "deep"]
    file.write_text(f'{TEXT}[model]\nfusion = ["sum"]\n')
    with pytest.raises(SettingsError, match=r"model.fusion.0: found 'sum'; input should be 'concat', 'projection' or"):
        load(file, environment={})
