"""Processes by more than their number: whether the one that does a run's work still lives.

Numbers of processes are used again, so a process is known by its start as well, and by the host, the boot and the
namespace that its number belongs to. Here: who this process is, and what this host knows of another. Not here: what
becomes of a run whose process is gone (`slots.py`). What a host cannot know is None, never a guess.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mmrec_assets.running import tags as run_tags

TAG = "mmrec/process"  # of a run: the process that does its work

_PROC = Path("/proc")
_STARTED = 19  # of the fields behind the name in /proc/[pid]/stat, see proc(5): the start in clock ticks since the boot
_ENDED = ("Z", "X")  # a zombie has ended, and waits for its parent to look


@dataclass(frozen=True)
class Process:
    """A process: its number in one namespace, of one boot of one host, and its start."""

    host: str
    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def this(cls) -> Process | None:
        """The process that asks; None where the system does not say (it has no /proc)."""
        try:
            boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
            namespace = str((_PROC / "self/ns/pid").readlink())
            pid = os.getpid()
            _, started = _stat(pid)
        except OSError:
            return None
        return cls(_host(), boot, namespace, pid, started)

    @classmethod
    def of(cls, run_id: str, tags: Mapping[str, str]) -> Process | None:
        """The process that a run's tags name; None where they name none."""
        try:
            return cls(**run_tags.read(TAG, run_id, tags) or {})
        except TypeError:
            return None

    def tags(self, run_id: str) -> dict[str, str]:
        """As tags of a run whose work it does."""
        return run_tags.own(TAG, run_id, asdict(self))

    def alive(self) -> bool | None:
        """Whether it lives; None where this host cannot know: it belongs to another one, or to another namespace."""
        here = Process.this()
        if here is None or here.host != self.host:
            return None
        if here.boot != self.boot:
            return False
        if here.namespace != self.namespace:
            return None
        try:
            state, started = _stat(self.pid)
        except OSError:
            return _may_live(self.pid)
        return started == self.started and state not in _ENDED


def _host() -> str:
    """The host's name; two of one name are told apart by the id that the system gave the machine."""
    try:
        return f"{socket.gethostname()} {Path('/etc/machine-id').read_text().strip()}".strip()
    except OSError:
        return socket.gethostname()


def _stat(pid: int) -> tuple[str, int]:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[_STARTED])


def _may_live(pid: int) -> bool | None:
    """Of a process without an entry: /proc may hide those of other people."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return None
