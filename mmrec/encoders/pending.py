"""Vectors that a device may still be computing.

Here: what an encoder gives back at once, so that the next batch is begun before the last one is there. Not here: who
computes them (`device`), and when they are fetched (`running`). Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np


class Part(Protocol):
    """Some rows of a batch: a `Future`, a copy on its way from a device, or vectors that are pending themselves."""

    def done(self) -> bool:
        """Say whether `result` would not wait."""
        ...

    def result(self) -> np.ndarray:
        """Wait, and give float32 [rows, width]; raises what the computation raised."""
        ...


class There:
    """A part that has been computed."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    def done(self) -> bool:
        """Say yes."""
        return True

    def result(self) -> np.ndarray:
        """Give it."""
        return self._vectors


class Pending:
    """float32 [n, width] in `parts`, one below the other, to which `finish` is applied; `np.asarray` waits for it."""

    def __init__(self, parts: Sequence[Part], finish: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        self._parts = parts
        self._finish = finish

    def done(self) -> bool:
        """Say whether every part is there."""
        return all(part.done() for part in self._parts)

    def result(self) -> np.ndarray:
        """Wait for every part, and give all of it."""
        whole = np.concatenate([part.result() for part in self._parts])
        return whole if self._finish is None else self._finish(whole)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.result(), dtype=dtype)


Vectors: TypeAlias = np.ndarray | Pending


def is_there(vectors: Vectors) -> bool:
    """Say whether vectors can be read without waiting."""
    return not isinstance(vectors, Pending) or vectors.done()
