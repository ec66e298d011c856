"""Places in pools: what a dead run held is given back, no wait is silent, and none is without an end."""

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import replace

import dagster as dg
import pytest
from dagster._utils.interrupts import capture_interrupts

from mmrec.errors import MmrecError
from mmrec_assets.running import processes, slots
from mmrec_assets.running.processes import Process

HERE = Process.this()
pytestmark = pytest.mark.skipif(HERE is None, reason="needs /proc")
Status = dg.DagsterRunStatus
GONE, ELSEWHERE = ({"started": 1}, {"host": "another"}) if HERE else ({}, {})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An instance of files, with one place a pool."""
    pools = {"concurrency": {"pools": {"default_limit": 1, "granularity": "op"}}}
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home")), overrides=pools) as made:
        yield made


@pytest.fixture
def instance(files):
    """The same without a run, and with its place free."""
    files.event_log_storage.set_concurrency_slots(slots.DEVICE, 1)
    yield files
    for run in files.get_runs():
        files.delete_run(run.run_id)


@pytest.fixture
def begin(instance):
    """Makes a run; `process` is what of it differs from this process, None a run of unknown origin."""

    def begin(process=None, status=Status.STARTED, tags=None):
        run_id = str(uuid.uuid4())
        own = {} if process is None else replace(HERE, **process).tags(run_id)
        instance.add_run(dg.DagsterRun("refresh", run_id=run_id, tags={**own, **(tags or {})}, status=status))
        return run_id

    return begin


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(slots, "_LOOK_SECONDS", 0.01)


def claim(instance, run_id, step="embeddings__text"):
    return instance.event_log_storage.claim_concurrency_slot(slots.DEVICE, run_id, step).is_claimed


def holders(instance):
    info = instance.event_log_storage.get_concurrency_info(slots.DEVICE)
    return {each.run_id for each in (*info.claimed_slots, *info.pending_steps)}


# -- giving back -------------------------------------------------------------------------------------------------------


def test_a_run_whose_process_is_gone_is_marked_as_failed_and_its_place_is_free(instance, begin):
    dead = begin(GONE)
    assert claim(instance, dead)
    [line] = slots.clear(instance)
    assert line == (
        f"run {dead[:8]}: its process {os.getpid()} was killed, or its machine was started anew: marked as failed; "
        f"the device that it held is free again"
    )
    assert instance.get_run_by_id(dead).status == Status.FAILURE
    assert claim(instance, begin({}))
    assert slots.clear(instance) == []


@pytest.mark.parametrize(
    ("process", "status"),
    [({}, Status.STARTED), (ELSEWHERE, Status.STARTED), (None, Status.STARTED), ({}, Status.CANCELED)],
    ids=["lives", "of another host", "of unknown origin", "marked as ended, and lives"],
)
def test_a_run_that_is_not_known_to_be_gone_keeps_its_place(instance, begin, process, status):
    run_id = begin(process, status)
    assert claim(instance, run_id)
    assert slots.clear(instance) == []
    assert instance.get_run_by_id(run_id).status == status
    assert holders(instance) == {run_id}


@pytest.mark.parametrize("status", [Status.FAILURE, Status.CANCELED, Status.SUCCESS])
def test_what_a_run_of_the_page_holds_after_its_end_is_given_back(instance, begin, status):
    run_id = begin(None, status)
    assert claim(instance, run_id)
    assert slots.clear(instance) == [f"run {run_id[:8]}: it has ended; the device that it held is free again"]
    assert holders(instance) == set()


def test_a_dead_run_that_stands_in_line_is_never_given_the_place(instance, begin):
    lives, dead, waits = begin({}), begin(GONE), begin({})
    assert [claim(instance, each) for each in (lives, dead, waits)] == [True, False, False]
    slots.clear(instance)
    instance.event_log_storage.free_concurrency_slots_for_run(lives)
    assert claim(instance, waits)


def test_a_dead_run_without_a_place_is_marked_as_failed_too(instance, begin):
    """Else the page shows it running for ever, and it counts among the runs that may go on at a time."""
    dead = [begin(GONE, status) for status in (Status.STARTED, Status.STARTING, Status.NOT_STARTED, Status.CANCELING)]
    assert len(slots.clear(instance)) == len(dead)
    assert {instance.get_run_by_id(each).status for each in dead} == {Status.FAILURE}


def test_a_run_made_again_from_a_dead_one_is_not_taken_for_dead(instance, begin):
    dead = begin(GONE)
    again = begin(None, tags=instance.get_run_by_id(dead).tags)
    slots.clear(instance)
    assert instance.get_run_by_id(again).status == Status.STARTED


def test_the_daemon_does_the_same(instance, begin):
    dead = begin(GONE)
    assert claim(instance, dead)
    sensor = slots.sensor()
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    for told in ("the device that it held is free again", "every run that is not finished has its process"):
        assert told in sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).skip_message


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_wait_says_for_whom_and_since_when_once_and_ends_in_a_line_that_says_what_to_do(instance, begin):
    holder, mine, lines = begin({}), begin({}), []
    assert claim(instance, holder, "embeddings__image")
    before = instance.event_log_storage.claim_concurrency_slot
    with slots.bounded(instance, lines.append, 60) as waiting:
        for _ in range(3):
            status = waiting.claim_place(slots.DEVICE, mine, "embeddings__text")
            assert (status.is_claimed, status.sleep_interval) == (False, 0.0)
        waiting.seconds = 0
        with pytest.raises(MmrecError, match="waited") as given_up:
            claim(instance, mine)
    [line] = lines
    assert line.startswith(f"embeddings/text waits for the device, at most 60 s: run {holder[:8]} holds it for ")
    assert "for embeddings/image since 20" in line
    assert line.endswith(" UTC")
    assert waiting.given_up == str(given_up.value)
    assert f"run {holder[:8]} holds it" in waiting.given_up
    assert "type `mmrec run` again" in waiting.given_up
    assert instance.event_log_storage.claim_concurrency_slot == before


@pytest.mark.parametrize("process", [None, ELSEWHERE])
def test_of_a_run_that_may_be_dead_the_wait_says_that_nobody_knows(instance, begin, process):
    lines = []
    assert claim(instance, begin(process))
    with slots.bounded(instance, lines.append, 5) as waiting:
        waiting.claim_place(slots.DEVICE, begin({}), "embeddings__text")
    assert lines[0].endswith("; whether it still lives is not known on this host")


def test_a_wait_ends_when_the_holder_dies(instance, begin):
    mine, lines = begin({}), []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = begin({"pid": process.pid, "started": processes._stat(process.pid)[1]})
        assert claim(instance, holder)
        with slots.bounded(instance, lines.append, 60):
            assert not claim(instance, mine)
            process.kill()
            process.wait()
            assert any(claim(instance, mine) for _ in range(100))
    assert lines[-1].startswith(f"run {holder[:8]}: its process {process.pid} was killed")


def test_a_wait_hears_ctrl_c(instance, begin):
    assert claim(instance, begin({}))
    with capture_interrupts(), slots.bounded(instance, lambda line: None, 60) as waiting:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            waiting.claim_place(slots.DEVICE, begin({}), "embeddings__text")


def test_a_pool_without_a_place_is_told_as_such(instance, begin):
    instance.event_log_storage.set_concurrency_slots(slots.DEVICE, 0)
    lines = []
    with slots.bounded(instance, lines.append, 5) as waiting:
        waiting.claim_place(slots.DEVICE, begin({}), "embeddings__text")
    assert "pool gpu has 0 places" in lines[0]
