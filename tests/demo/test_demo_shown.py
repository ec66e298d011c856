"""What `make demo` says about its data: how many films have what, what is not real, and commands that fit the data."""

import pytest

from demo import __main__ as demo
from demo import config
from mmrec.lake.store import Lake


@pytest.mark.parametrize(("own", "says"), [(False, "drawn stand-ins"), (True, "real, out of DEMO_MEDIA")])
def test_the_modalities_are_counted_and_marked(own, says, fused, monkeypatch, capsys) -> None:
    monkeypatch.setattr(config, "path", lambda: config.ROOT / config.NAME if own else config.DEMO_CONFIG)
    demo._show_modalities(Lake(fused.settings.lake_root), fused.settings)
    lines = capsys.readouterr().out.splitlines()
    picture = next(line for line in lines if line.startswith("picture"))
    assert picture.split()[1] == str(len(fused.with_picture)) and says in picture
    assert ("plot overview" in next(line for line in lines if line.startswith("text"))) == own
    assert any("written down decades after the ratings" in line for line in lines)


def test_the_next_commands_name_the_settings_and_flags_of_the_data(monkeypatch, capsys) -> None:
    for name in ("DEMO_MEDIA", "DEMO_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "path", lambda: config.DEMO_CONFIG)
    demo._show_next()
    assert "  MMREC_CONFIG=demo/mmrec.toml .venv/bin/mmrec plan  " in capsys.readouterr().out
    monkeypatch.setattr(config, "path", lambda: config.ROOT / config.NAME)
    monkeypatch.setenv("DEMO_MEDIA", "films")
    monkeypatch.setenv("DEMO_ARCHIVE", "https://user:secret@files.example/ml-100k.zip")
    demo._show_next()
    said = capsys.readouterr().out
    assert "  make ui DEMO_MEDIA=… DEMO_ARCHIVE=…  " in said and "secret" not in said
    assert "  MMREC_CONFIG=.mmrec/demo/mmrec.toml .venv/bin/mmrec plan  " in said
