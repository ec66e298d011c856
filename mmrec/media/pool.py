"""The pool of worker processes that decode files: started on demand, replaced when one dies, gone with their owner.

Here: the life of a worker, its limits, and what its death means in words. Not here: decoding.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from mmrec.errors import MmrecError
from mmrec.media import messages
from mmrec.media.opening import BadMedia

# Of address space. The interpreter with both decoders takes 210 MB, with a film of 4,096 × 2,304 in H.264, H.265 or VP9
# up to 580 MB (measured); ten minutes of sound at 192 kHz are 460 MB of samples.
_MEMORY_BYTES = 3 << 29
_CPU_SECONDS = 60
# For a worker that waits, not one that works: a busy machine must not make a good file a bad one.
_WAIT_SECONDS = 600.0
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_MOST_WORKERS = 16
# What an interpreter may need to start and to find a folder for temporary files. All else stays here, secrets first.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Limits:
    """What one file may cost: memory (address space, the interpreter's included), computing, and time in all."""

    memory_bytes: int = _MEMORY_BYTES
    cpu_seconds: int = _CPU_SECONDS
    wait_seconds: float = _WAIT_SECONDS


class Decoders:
    """One worker a core, for any number of threads; closes when it is no longer used, and when the process ends."""

    def __init__(self, limits: Limits | None = None, program: str = "mmrec.media.worker") -> None:
        self._limits = limits or Limits()
        self._program = program
        self._idle: list[_Worker] = []
        self._room = threading.BoundedSemaphore(min(_MOST_WORKERS, _cores()))
        self.close = weakref.finalize(self, _close, self._idle)

    def decode(
        self, file: BinaryIO, kind: str, max_bytes: int, **options: Any
    ) -> tuple[messages.Message, list[np.ndarray]]:
        """Give what `mmrec.media.<kind>.decode` makes of an open file, at most `max_bytes` of arrays.

        `BadMedia` when the decoder refuses the file, dies of it, or takes longer than the limits allow. `MmrecError`
        when no worker can be started, and when a decoder does not work at all.
        """
        with self._room:
            worker = self._take()
            try:
                answer, arrays = worker.ask(file.fileno(), {"kind": kind, **options}, max_bytes)
            except BaseException:
                worker.stop()
                raise
            self._idle.append(worker)
        if "broken" in answer:
            raise MmrecError(f"{kind}s cannot be decoded by this installation: {answer['broken']}")
        if "refused" in answer:
            raise BadMedia(" ".join(str(answer["refused"]).split())[:300])
        return answer, arrays

    def _take(self) -> _Worker:
        try:
            worker = self._idle.pop()  # one step, so that no two threads take the same
        except IndexError:
            return _Worker(self._program, self._limits)
        if worker.is_alive():
            return worker
        worker.stop()  # it was ended while it waited, which is no file's fault
        return self._take()


class _Worker:
    """One worker process and the socket to it."""

    def __init__(self, program: str, limits: Limits) -> None:
        self._limits = limits
        self._socket, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as said:
            self._process = _start(program, theirs.fileno(), limits, said)
            theirs.close()  # what this process keeps open never says that the other is gone
            self._wait_ready(said)

    def _wait_ready(self, said: IO[bytes]) -> None:
        self._socket.settimeout(_START_SECONDS)
        try:
            messages.receive(self._socket)
        except (OSError, EOFError) as error:
            self.stop()
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            reason = last or f"exit status {self._process.returncode}"
            raise MmrecError(f"the process that decodes files does not start: {reason}") from error
        self._socket.settimeout(self._limits.wait_seconds)

    def ask(self, file: int, request: messages.Message, max_bytes: int) -> tuple[messages.Message, list[np.ndarray]]:
        """Let the worker answer; `BadMedia` says why it did not. After that it is of no use any more."""
        try:
            messages.send(self._socket, request, file=file)
            return messages.receive(self._socket, max_bytes)
        except TimeoutError as error:
            raise BadMedia(f"decoding the file took longer than {self._limits.wait_seconds:g} seconds") from error
        except (OSError, EOFError) as error:
            raise BadMedia(self._end()) from error
        except Exception as error:  # it may say anything
            raise BadMedia("the decoder gave no sensible answer") from error

    def _end(self) -> str:
        """Say in words how the process ended."""
        self.stop()
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            return f"decoding the file took more than {self._limits.cpu_seconds} seconds of computing"
        if status == -signal.SIGKILL:
            return "the decoder was killed while it read the file; perhaps the machine ran out of memory"
        if status < 0:
            return f"the decoder crashed on the file ({signal.Signals(-status).name})"
        return f"the decoder stopped at the file (exit status {status})"

    def is_alive(self) -> bool:
        """Say whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process, by closing its socket or else by force, and leave no zombie."""
        self._socket.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _start(program: str, descriptor: int, limits: Limits, said: IO[bytes]) -> subprocess.Popen[bytes]:
    numbers = (descriptor, limits.memory_bytes, limits.cpu_seconds)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", program, *map(str, numbers)],
            pass_fds=[descriptor],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,  # which takes nothing any more once the worker is confined
            start_new_session=True,  # an interrupt in the terminal is the parent's to handle
        )
    except OSError as error:
        raise MmrecError(f"the process that decodes files cannot be started: {error.strerror}") from error


def _close(idle: list[_Worker]) -> None:
    while idle:  # none is at work: whoever works holds the pool
        idle.pop().stop()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT}
    # The very modules that this process finds, in the order in which it looks for them.
    places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    # Algebra libraries reserve address space for each of their threads.
    return {**kept, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def require_film_decoder() -> None:
    """Say in one line what to install when PyAV, which is optional, is not there."""
    if find_spec("av") is None:
        raise MmrecError("films cannot be decoded: the package `av` is not installed; run pip install 'mmrec[video]'")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
