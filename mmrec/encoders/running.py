"""Runs an encoder over many inputs in bounded memory and hands the vectors back in chunks.

Three things go on at once: rows are prepared ahead in threads, the device computes, and finished vectors are gathered a
few batches behind, so that neither side waits for the other. Here: that pipeline and the size of a chunk. Not here:
what to compute (the planner), storing it (the caller commits every chunk), the order of rows (`waiting`), threads
(`preparing`), rows that cannot be encoded (`isolating`), networks. Never imports torch.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmrec.encoders import Encoder, Failure, Input, Prepared
from mmrec.encoders.isolating import NotFinite, blame, halving
from mmrec.encoders.pending import Vectors, is_there
from mmrec.encoders.preparing import Preparing, Ready
from mmrec.encoders.waiting import Waiting

BEHIND = 3  # batches begun and not yet gathered: one on the device, one behind it, one on its way back

_Batch = list[tuple[int, Prepared]]


@dataclass(frozen=True)
class Chunk:
    """What was done since the chunk before: `vectors` float32 [len(keys), width], and reasons by key for the others.

    `found` are the keys that were skipped because another run had done them. `seconds` is the time spent working,
    without the time the caller kept the chunk.
    """

    keys: list[str]
    vectors: np.ndarray
    failed: dict[str, str]
    found: list[str]
    seconds: float


@dataclass
class _Gathered:
    """The chunk being filled."""

    width: int
    keys: list[str] = field(default_factory=list)
    vectors: list[np.ndarray] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def add(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        self.keys += keys
        self.vectors.append(vectors)

    def add_each(self, results: Iterator[tuple[str, np.ndarray | Failure]]) -> None:
        for key, result in results:
            if isinstance(result, Failure):
                self.failed[key] = result.reason
            else:
                self.add([key], result[None])

    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def is_full(self, seconds: float) -> bool:
        return bool(self.keys or self.failed) and self.seconds() >= seconds

    def chunk(self, found: list[str]) -> Chunk:
        vectors = np.concatenate(self.vectors) if self.vectors else np.empty((0, self.width), dtype=np.float32)
        return Chunk(self.keys, vectors, self.failed, found, self.seconds())


def run(
    encoder: Encoder,
    keys: Sequence[str],
    inputs: Sequence[Input],
    chunk_seconds: float = 2.0,
    *,
    seed: int,
    block_rows: int | None = None,
    behind: int = BEHIND,
    elsewhere: Callable[[], Collection[str]] = tuple,
) -> Iterator[Chunk]:
    """Encode `inputs` and yield chunks of about `chunk_seconds` of work; every key is in exactly one chunk.

    `keys` are distinct and aligned with `inputs` (text: the cleaned string; a file: a `mmrec.media.opening.MediaRef`).
    Rows are sorted by size and prepared in blocks of at most `block_rows`, by default the encoder's; at most `behind`
    batches are begun and not yet gathered; `seed` decides where a run starts. `elsewhere` is asked at the start and
    after every chunk which further keys another run has done: those are skipped and `found`, and where the runs meet
    this one goes on at another place.

    A row that makes the encoder fail, or whose vector is not finite, is found by halving its batch and ends up in
    `failed` with a reason. Running out of memory halves the batch too and is never held against a row; when a single
    row does not fit, that is a `MmrecError`, and so is a device that broke down.
    """
    if len(keys) != len(inputs) or len(set(keys)) != len(keys):
        raise ValueError(f"need distinct keys, one an input: {len(set(keys))} keys for {len(inputs)} inputs")
    order = sorted(range(len(keys)), key=lambda row: (encoder.size_hint(inputs[row]), keys[row]))
    waiting = Waiting([keys[row] for row in order], random.Random(seed), block_rows or encoder.block_rows)
    waiting.elsewhere.update(elsewhere())
    with Preparing(encoder, lambda row: inputs[order[row]], waiting) as preparing:
        yield from _Run(encoder, waiting, preparing, behind).chunks(chunk_seconds, elsewhere)


class _Run:
    """The state of one run: rows waiting, blocks being prepared, batches on the device, and the chunk being filled."""

    def __init__(self, encoder: Encoder, waiting: Waiting, preparing: Preparing, behind: int) -> None:
        self.encoder, self.waiting, self.preparing, self.behind = encoder, waiting, preparing, behind
        self.batches: deque[_Batch] = deque()
        self.flying: deque[tuple[_Batch, Vectors]] = deque()
        self.gathered = _Gathered(encoder.identity.width)

    def chunks(self, seconds: float, elsewhere: Callable[[], Collection[str]]) -> Iterator[Chunk]:
        while (block := self.preparing.take()) is not None:
            self._cut(block)
            while self.batches or self.gathered.is_full(seconds):
                if self.batches:
                    self._begin(self.batches.popleft())
                self._gather(self.behind)
                if self.gathered.is_full(seconds):
                    done = self.gathered
                    yield done.chunk(self.waiting.take_found())
                    self.gathered = _Gathered(self.encoder.identity.width)
                    self.waiting.elsewhere.update(elsewhere())
                    self._keep_apart(done.keys)
        self._gather(0)
        found = self.waiting.take_found()
        if self.gathered.keys or self.gathered.failed or found:
            yield self.gathered.chunk(found)

    def _cut(self, block: Ready) -> None:
        """Cut a block into batches; what could not be prepared is done."""
        refused = ((self.waiting.keys[row], result) for row, result in block if isinstance(result, Failure))
        self.gathered.add_each(refused)
        ready = [(row, result) for row, result in block if isinstance(result, Prepared)]
        batches = self.encoder.batches([result for _, result in ready])
        self.batches += [[ready[number] for number in batch] for batch in batches]

    def _begin(self, batch: _Batch) -> None:
        """Hand a batch to the device without waiting for it."""
        try:
            vectors = self.encoder.encode([row for _, row in batch])
        except Exception as error:
            failure = blame(error, len(batch))
        else:
            self.flying.append((batch, vectors))
            return
        self._isolate(batch, failure)

    def _gather(self, behind: int) -> None:
        """Take the vectors that are there, and wait for the oldest ones until at most `behind` batches are out."""
        while self.flying and (len(self.flying) > behind or is_there(self.flying[0][1])):
            batch, pending = self.flying.popleft()
            try:
                vectors = _checked(pending, len(batch), self.encoder.identity.width)
            except Exception as error:
                failure = blame(error, len(batch))
            else:
                self.gathered.add([self.waiting.keys[row] for row, _ in batch], vectors)
                continue
            self._isolate(batch, failure)

    def _isolate(self, batch: _Batch, failure: Failure) -> None:
        """Find the rows to blame for a batch that failed, and keep the vectors of the others."""
        width = self.encoder.identity.width
        results = halving(lambda rows: list(_checked(self.encoder.encode(rows), len(rows), width)), batch, failure)
        self.gathered.add_each((self.waiting.keys[row], result) for row, result in results)

    def _keep_apart(self, done: Sequence[str]) -> None:
        """Go on elsewhere if another run is at the same rows; batches on the device are finished all the same."""
        left = [row for batch in self.batches for row, _ in batch]
        if self.waiting.met(left) or not self.waiting.elsewhere.isdisjoint(done):
            self.batches.clear()
            self.preparing.jump(left)


def _checked(vectors: Vectors, rows: int, width: int) -> np.ndarray:
    """Wait for the vectors of a batch; refuse another shape, and numbers that are not finite."""
    found = np.asarray(vectors, dtype=np.float32)
    if found.shape != (rows, width):
        raise ValueError(f"the encoder gave {found.shape}, expected {(rows, width)}")
    if not np.isfinite(found).all():
        raise NotFinite("the vector is not finite")
    return found
