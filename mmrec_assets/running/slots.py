"""Places in Dagster's pools (one encoder at a time on a device), and what a run that died leaves of them.

A step waits until a place is free, and a run that was killed gives none back: whoever waits would wait for ever. So
before it works and while it waits, a run looks for runs whose process is gone, marks them as failed, and gives back
what they held; the daemon does the same by a sensor. A run of another host, or of unknown origin, is never taken for
dead: the daemon knows its own, and whoever waits for it is told, and waits for a while only. Here: runs and places. Not
here: whether a process lives (`processes.py`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._utils.concurrency import ConcurrencyClaimStatus
from dagster._utils.interrupts import check_captured_interrupt

from mmrec.builds.costs import told
from mmrec.errors import MmrecError
from mmrec_assets.running.processes import Process

DEVICE = "gpu"  # the pool of embeddings
WAIT_SECONDS = 3600.0  # for a place that somebody holds, unless a run says otherwise
_LOOK_SECONDS = 0.5
_QUEUED = (dg.DagsterRunStatus.QUEUED,)  # no process yet

Tell = Callable[[str], None]


def clear(instance: dg.DagsterInstance) -> list[str]:
    """Marks runs whose process is gone as failed, and gives back what ended runs hold of a pool; a line each."""
    dead = _mark_dead(instance)
    lines = []
    for run_id, pool in _held(instance).items():
        run = instance.get_run_by_id(run_id)
        if run is not None and run.is_finished and not _lives(run):
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            why = dead.pop(run_id, "it has ended")
            lines.append(f"run {run_id[:8]}: {why}; {_place(pool)} that it held is free again")
    return [*lines, *(f"run {run_id[:8]}: {why}" for run_id, why in dead.items())]


@contextmanager
def bounded(instance: dg.DagsterInstance, tell: Tell, seconds: float = WAIT_SECONDS) -> Iterator[Waiting]:
    """Within it a step of this process that waits for a place says for whom, and raises after so many `seconds`."""
    storage = instance.event_log_storage
    name, claim = "claim_concurrency_slot", storage.claim_concurrency_slot
    waiting = Waiting(instance, claim, tell, seconds)
    setattr(storage, name, waiting.claim_place)
    try:
        yield waiting
    finally:
        setattr(storage, name, claim)


def sensor() -> dg.SensorDefinition:
    """Does for the daemon's runs what a run from the command line does for itself; it runs from the first day."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs whose process is gone as failed, and gives back what ended runs hold of a pool.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason("; ".join(clear(context.instance)) or "every run that is not finished has its process")

    return dead_runs


@dataclass
class Waiting:
    """Claims places as Dagster does. Dagster asks again and again, without a pause, and hears no Ctrl-C meanwhile."""

    instance: dg.DagsterInstance
    claim: Callable[..., ConcurrencyClaimStatus]
    tell: Tell
    seconds: float
    since: dict[str, float] = field(default_factory=dict)  # by step
    said: dict[str, str] = field(default_factory=dict)
    given_up: str | None = None  # what a run says that has waited long enough

    def claim_place(self, pool: str, run_id: str, step: str, priority: int | None = None) -> ConcurrencyClaimStatus:
        """Whether a step has its place now; after a pause where it has none."""
        status = self.claim(pool, run_id, step, priority)
        if status.is_claimed:
            self.since.pop(step, None)
            return status
        if check_captured_interrupt():
            raise KeyboardInterrupt
        waited = time.monotonic() - self.since.setdefault(step, time.monotonic())
        freed = clear(self.instance)
        for line in freed:
            self.tell(line)
        if not freed:
            self._wait(pool, run_id, step.replace("__", "/"), waited)
        return status.with_sleep_interval(0.0)  # asked again at once: the pause was made here

    def _wait(self, pool: str, run_id: str, asset: str, waited: float) -> None:
        holder = _holder(self.instance, pool, run_id)
        if waited > self.seconds:
            self.given_up = (
                f"{asset}: waited {told(waited)} for {_place(pool)}, and {holder}; wait until that run ends, or end it "
                f"(`mmrec ui`, Runs, Terminate), then type `mmrec run` again; --wait waits longer"
            )
            raise MmrecError(self.given_up)
        if self.said.get(asset) != holder:
            self.said[asset] = holder
            self.tell(f"{asset} waits for {_place(pool)}, at most {told(self.seconds)}: {holder}")
        time.sleep(_LOOK_SECONDS)


def _mark_dead(instance: dg.DagsterInstance) -> dict[str, str]:
    """Marks every run whose process is gone as failed: run → why."""
    dead = {}
    unfinished = [status for status in NOT_FINISHED_STATUSES if status not in _QUEUED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        if (process := Process.of(run.run_id, run.tags)) is not None and process.alive() is False:
            gone = f"its process {process.pid} was killed, or its machine was started anew"
            instance.report_run_failed(run, f"Marked as failed from outside: {gone}.")
            dead[run.run_id] = f"{gone}: marked as failed"
    return dead


def _held(instance: dg.DagsterInstance) -> dict[str, str]:
    """run → pool, of everybody who holds a place or stands in line for one."""
    storage = instance.event_log_storage
    held: dict[str, str] = {}
    if storage.supports_global_concurrency_limits:
        for pool in sorted(storage.get_concurrency_keys()):
            info = storage.get_concurrency_info(pool)
            held |= dict.fromkeys((each.run_id for each in info.pending_steps), pool)
            held |= dict.fromkeys((each.run_id for each in info.claimed_slots), pool)
    return held


def _holder(instance: dg.DagsterInstance, pool: str, mine: str) -> str:
    """Who has the place, since when, and what is known of them."""
    info = instance.event_log_storage.get_concurrency_info(pool)
    since = {each.run_id: each.assigned_timestamp for each in info.pending_steps if each.assigned_timestamp}
    holders = [(each.run_id, each.step_key) for each in info.claimed_slots]
    holders += [(each.run_id, each.step_key) for each in info.pending_steps if each.run_id in since]  # about to have it
    others = [(run_id, step) for run_id, step in holders if run_id != mine]
    if not others:
        return f"pool {pool} has {info.limit} places (`mmrec ui`, Deployment, Concurrency)"
    run_id, step = others[0]
    at = since.get(run_id)
    when = f" since {at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""
    run = instance.get_run_by_id(run_id)
    unknown = "" if run is not None and _lives(run) else "; whether it still lives is not known on this host"
    return f"run {run_id[:8]} holds it for {step.replace('__', '/')}{when}{unknown}"


def _lives(run: dg.DagsterRun) -> bool:
    """Whether a run's process is known to live."""
    process = Process.of(run.run_id, run.tags)
    return process is not None and process.alive() is True


def _place(pool: str) -> str:
    return "the device" if pool == DEVICE else f"a place in pool {pool}"
