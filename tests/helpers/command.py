"""Fixtures that run `mmrec` in this process: what it printed and how it ended."""

import io
import json
import sys

import pytest

from mmrec_assets.cli import command, shell
from mmrec_assets.terminal import Console


@pytest.fixture
def init(monkeypatch, capsys):
    """Runs `mmrec init`: what it printed, or its one line of error."""

    def run(folder):
        monkeypatch.setattr(sys, "argv", ["mmrec", "init", str(folder)])
        monkeypatch.setattr(shell, "out", Console(file=(printed := io.StringIO()), width=300))
        try:
            command.main()
        except SystemExit as done:
            assert done.code == 1
            [error] = capsys.readouterr().err.splitlines()
            return error.removeprefix("error: ")
        return printed.getvalue()

    return run


class Answer:
    """What a command printed and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        assert self.code in (0, 10, 11), self.err
        return json.loads(self.out)

    @property
    def error(self):
        """The one line of an error that a person can put right."""
        assert self.code == 1, self.out
        [line] = self.err.splitlines()
        assert line.startswith("error: ")
        assert "Traceback" not in self.err
        return line.removeprefix("error: ")


@pytest.fixture
def mmrec(monkeypatch, capsys):
    """Runs `mmrec` in this process on a shop."""

    def run(shop, *arguments):
        monkeypatch.setenv("MMREC_CONFIG", str(shop.folder / "mmrec.toml"))
        monkeypatch.delenv("MMREC_LAKE", raising=False)
        monkeypatch.setattr(sys, "argv", ["mmrec", *arguments])
        monkeypatch.setattr(shell, "out", Console(file=(printed := io.StringIO()), width=300))
        capsys.readouterr()
        try:
            code = command.main() or 0
        except SystemExit as done:
            code = done.code or 0
        seen = capsys.readouterr()
        return Answer(code, printed.getvalue() + seen.out, seen.err)

    return run
