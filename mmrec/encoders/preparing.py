"""Rows made ready for the device before it is their turn, in threads, as far ahead as memory allows.

Pillow, the tokenizers and NumPy release Python's lock while they work; sounds and films are decoded in processes of
their own (`mmrec.media.pool`), which these threads wait for. Here: how far ahead, in how many threads, and putting back
what was not used. Not here: what preparing means (the encoders), the order of rows (`waiting`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from mmrec.encoders import Encoder, Failure, Input, Prepared
from mmrec.encoders.isolating import halving
from mmrec.encoders.waiting import Waiting

AHEAD_BYTES = 256 * 2**20  # of prepared data that waits for the device
MOST_BLOCKS = 4
_MOST_THREADS = 32

Ready = list[tuple[int, Prepared | Failure]]


@dataclass(frozen=True)
class _Block:
    """Rows that are cut into batches together, and the parts in which they are being prepared."""

    rows: list[int]
    parts: list[Future[Ready]]


class Preparing:
    """Gives block after block of a run's rows, prepared, until its context is left."""

    def __init__(self, encoder: Encoder, input_of: Callable[[int], Input], waiting: Waiting) -> None:
        self._encoder, self._input_of, self._waiting = encoder, input_of, waiting
        self._blocks: deque[_Block] = deque()
        self._block_bytes = AHEAD_BYTES // 2  # until one has been seen: the next one, and the one after that
        self._threads = ThreadPoolExecutor(min(_MOST_THREADS, cores()), thread_name_prefix="prepare")

    def __enter__(self) -> Preparing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def take(self) -> Ready | None:
        """Wait for the next block, and give each of its rows with its data or its failure; None when all are done."""
        self._look_ahead(more=1)
        if self._blocks and self._waiting.met(self._blocks[0].rows):
            self.jump()
            self._look_ahead(more=1)
        if not self._blocks:
            return None
        block = self._blocks.popleft()
        self._look_ahead()
        ready = [pair for part in block.parts for pair in part.result()]
        self._block_bytes = sum(result.data.nbytes for _, result in ready if isinstance(result, Prepared))
        return ready

    def jump(self, back: Collection[int] = ()) -> None:
        """Give up every block that has not been taken, put `back` further rows, and go on at another place."""
        for part in (part for block in self._blocks for part in block.parts):
            part.cancel()
        self._waiting.jump([*back, *(row for block in self._blocks for row in block.rows)])
        self._blocks.clear()

    def _look_ahead(self, more: int = 0) -> None:
        """Begin blocks while those that wait fit the memory; always at least the next one."""
        fit = AHEAD_BYTES // max(1, self._block_bytes)
        while len(self._blocks) < more + max(1, min(fit, MOST_BLOCKS)) and (rows := self._waiting.block()):
            step = self._encoder.piece_rows
            pieces = [rows[start : start + step] for start in range(0, len(rows), step)]
            self._blocks.append(_Block(rows, [self._threads.submit(self._prepare, piece) for piece in pieces]))

    def _prepare(self, rows: list[int]) -> Ready:
        return list(halving(self._encoder.prepare, [(row, self._input_of(row)) for row in rows]))


def cores() -> int:
    """Give how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
