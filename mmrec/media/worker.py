"""The program that decodes untrusted files: `python -m mmrec.media.worker SOCKET MEMORY_BYTES CPU_SECONDS`.

Here: how it is confined, and its loop. It has a limit of memory, and of computing for each file, writes no file, stands
in an empty folder that no name leads to, and ends when its parent does, however the parent ends.
"""

from __future__ import annotations

import io
import os
import resource
import select
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.media import messages
from mmrec.media.opening import BadMedia


def main(descriptor: int, memory_bytes: int, cpu_seconds: int) -> None:
    """Answer one request after the other until the pool closes the socket."""
    connection = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    _confine(memory_bytes)
    messages.send(connection, {})  # ready
    while True:
        request, file = messages.receive_file(connection)
        _allow_computing(cpu_seconds)
        with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 (a descriptor)
            opened.seek(0)
            messages.send(connection, *_answer(request, opened))


def _end_with_parent(descriptor: int) -> None:
    """Wait for the other end of the socket to close: a parent that is killed cannot say goodbye."""
    watch = select.poll()
    watch.register(descriptor, 0)  # a hang-up is always reported
    watch.poll()
    os._exit(0)


def _confine(memory_bytes: int) -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()  # still the working folder, and nothing can be put into it any more
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_computing(seconds: int) -> None:
    """Let the system end this process (SIGXCPU) when one file takes longer than `seconds` of computing."""
    until = int(time.process_time()) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _answer(request: messages.Message, file: io.RawIOBase) -> tuple[messages.Message, list[np.ndarray]]:
    try:
        return _decode(file, **request)
    except BadMedia as error:
        return {"refused": str(error)}, []
    except MemoryError:
        return {"refused": "decoding the file needs too much memory"}, []
    except ImportError as error:  # which no file brings about
        return {"broken": _one_line(error)}, []
    except Exception as error:  # decoders raise anything else on damaged bytes
        return {"refused": f"the file could not be decoded: {_one_line(error)}"}, []


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _decode(file: io.RawIOBase, kind: str, **options: Any) -> tuple[messages.Message, list[np.ndarray]]:
    # Imported on demand: a worker that reads sounds never pays for the film decoder.
    if kind == "sound":
        from mmrec.media import sound

        return sound.decode(file, **options)
    if kind == "picture":
        from mmrec.media import big_picture

        return big_picture.decode(file)
    from mmrec.media import film

    return film.decode(file, **options)


if __name__ == "__main__":
    with suppress(EOFError):  # the pool has closed
        main(*map(int, sys.argv[1:]))
