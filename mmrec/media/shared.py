"""A change to the whole process that several threads want at once, such as silent warnings or full precision.

The first thread that needs the change makes it, the last one undoes it, and those between run side by side. Here: that
counting. Not here: what is changed (`pictures`, `mmrec.encoders.device`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any


class Shared:
    """A context manager for many threads around one change; `make` gives a fresh context manager that makes it."""

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._holders = 0
        self._change: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._change is None:
                change = self._make()
                change.__enter__()
                self._change = change
            self._holders += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders and self._change is not None:
                change, self._change = self._change, None
                change.__exit__(None, None, None)
