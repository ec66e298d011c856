"""Whether the process of a run lives: by its start as well as its number, and unknown where this host cannot know."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mmrec_assets.running import processes
from mmrec_assets.running.processes import TAG, Process

HERE = Process.this()
pytestmark = pytest.mark.skipif(HERE is None, reason="needs /proc")


@pytest.fixture
def child():
    """A process of this test's own, and who it is."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        _, started = processes._stat(process.pid)
        yield process, replace(HERE, pid=process.pid, started=started)
        process.kill()


def test_a_process_lives_until_it_is_killed(child):
    process, who = child
    assert who.alive() is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert who.alive() is False, "it waits for its parent, and has ended"
    process.wait()
    assert who.alive() is False


@pytest.mark.parametrize(
    ("other", "alive"),
    [
        ({}, True),
        ({"started": HERE.started + 1}, False),  # its number is another process's now
        ({"pid": 2**22 + 1}, False),  # beyond the largest number
        ({"boot": "another"}, False),
        ({"namespace": "pid:[1]"}, None),
        ({"host": "another"}, None),
        ({"host": "another", "boot": "another"}, None),
    ]
    if HERE
    else [],
)
def test_only_a_process_of_this_host_is_known_to_be_gone(other, alive):
    assert replace(HERE, **other).alive() is alive


@pytest.mark.parametrize(("answer", "alive"), [(PermissionError, None), (ProcessLookupError, False), (None, None)])
def test_an_entry_that_is_hidden_says_nothing(monkeypatch, answer, alive):
    def kill(pid, sign):
        assert sign == 0
        if answer is not None:
            raise answer

    stat = processes._stat
    monkeypatch.setattr(processes, "_stat", lambda pid: stat(pid) if pid == os.getpid() else stat(-1))
    monkeypatch.setattr(os, "kill", kill)
    assert replace(HERE, pid=1).alive() is alive


def test_without_proc_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert Process.this() is None
    assert HERE.alive() is None


def test_a_tag_is_of_one_run_only():
    """A run that is made again from another one has that one's tags."""
    tags = HERE.tags("one")
    assert Process.of("one", tags) == HERE
    assert Process.of("another", tags) is None
    for damaged in ({}, {TAG: ""}, {TAG: "[]"}, {TAG: "{}"}, {TAG: '{"run": "one"}'}, {TAG: '{"run": "one", "x": 1}'}):
        assert Process.of("one", damaged) is None
