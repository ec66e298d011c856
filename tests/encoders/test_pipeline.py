"""Preparing, the device and gathering go on at once, shown with a device and a preparation of fixed times."""

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from mmrec.encoders import EncoderIdentity, Prepared, running
from mmrec.encoders.pending import Pending
from mmrec.encoders.preparing import cores
from mmrec.media.pictures import read_image
from mmrec.media.shared import Shared
from tests.helpers.clips import encoded, picture

TILE_ROWS, TILES, SLOWER_SECONDS = 8, 48, 0.02


class Simulated:
    """Sleeps a fixed time a row to prepare it, and a fixed time a tile on a device that does one tile at a time."""

    block_rows, piece_rows = 2 * TILE_ROWS, 1

    def __init__(self, row_seconds, tile_seconds, poison=()):
        self.identity = EncoderIdentity("text", "simulated", 1, {})
        self.device, self.device_reason = "simulated", "made up"
        self.row_seconds, self.tile_seconds, self.poison = row_seconds, tile_seconds, set(poison)
        self.queue = ThreadPoolExecutor(1)

    def size_hint(self, item):
        return item

    def prepare(self, inputs):
        time.sleep(self.row_seconds * len(inputs))
        return [Prepared(np.array([item]), 1) for item in inputs]

    def batches(self, prepared):
        return [list(range(len(prepared)))[start : start + TILE_ROWS] for start in range(0, len(prepared), TILE_ROWS)]

    def encode(self, batch):
        return Pending([self.queue.submit(self._compute, [float(row.data[0]) for row in batch])])

    def _compute(self, numbers):
        time.sleep(self.tile_seconds)
        if self.poison & set(numbers):
            raise ValueError("bad number")
        return np.array(numbers, dtype=np.float32)[:, None]


TRIES = 5  # other work on the machine may take a try's time away, and can make none faster


def encode(encoder, rows, **options):
    keys = [str(number) for number in range(rows)]
    chunks = list(running.run(encoder, keys, list(range(rows)), **{"chunk_seconds": 0.1, "seed": 1, **options}))
    vectors = {key: vector[0] for chunk in chunks for key, vector in zip(chunk.keys, chunk.vectors, strict=True)}
    failed = {key: reason for chunk in chunks for key, reason in chunk.failed.items()}
    assert sum(len(chunk.keys) + len(chunk.failed) for chunk in chunks) == rows
    return vectors, failed


@pytest.mark.parametrize(
    "share", [0.1, 1, 10, *(pytest.param(share, marks=pytest.mark.full) for share in (0.5, 0.8, 1.25, 2))]
)
def test_the_whole_takes_no_longer_than_its_slower_side(share):
    """`share`: seconds to prepare a tile on all cores for each second that the device takes for it."""
    tile_seconds = SLOWER_SECONDS / max(1, share)
    encoder = Simulated(share * tile_seconds * cores() / TILE_ROWS, tile_seconds)
    rows = list(range(TILE_ROWS * TILES))

    def ratio():
        with ThreadPoolExecutor(cores()) as threads:
            preparing = seconds(lambda: list(threads.map(lambda row: encoder.prepare([row]), rows)))
        computing = seconds(lambda: [encoder._compute([0.0]) for _ in range(TILES)])
        return seconds(lambda: encode(encoder, len(rows))) / max(preparing, computing)

    assert any(ratio() <= 1.15 for _ in range(TRIES))


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_the_device_works_on_while_the_caller_keeps_a_chunk():
    tile = 0.02

    def share_of_a_tile_waited():
        encoder = Simulated(0, tile)
        chunks = running.run(encoder, [str(n) for n in range(64)], list(range(64)), 0, seed=0)
        next(chunks)
        time.sleep(5 * tile)
        return seconds(lambda: next(chunks)) / tile

    assert any(share_of_a_tile_waited() < 0.75 for _ in range(TRIES))


def test_a_row_that_fails_late_is_found_and_its_neighbours_are_kept():
    vectors, failed = encode(Simulated(0, 0, poison=(3.0, 40.0)), 64)
    assert failed == dict.fromkeys(("3", "40"), "could not be encoded: ValueError: bad number")
    assert vectors == {str(number): number for number in range(64) if number not in (3, 40)}


def test_runs_that_meet_with_batches_on_the_device_account_for_every_key_once():
    done = []  # (who, key), as stored
    keys = [str(number) for number in range(300)]

    def look(me):
        return lambda: {key for who, key in done if who != me}

    runs = {
        me: running.run(Simulated(0, 0.001), keys, list(range(300)), 0, seed=me, elsewhere=look(me)) for me in (1, 2)
    }
    mine = {me: [] for me in runs}
    while runs:
        for me, chunks in list(runs.items()):
            if (chunk := next(chunks, None)) is None:
                del runs[me]
                continue
            mine[me] += [*chunk.keys, *chunk.found]
            done += [(me, key) for key in chunk.keys]
    assert all(sorted(each) == sorted(keys) for each in mine.values())
    assert len(done) <= 300 + 2 * 5 * TILE_ROWS


def test_what_is_pending_waits_and_says_whether_it_would():
    gate = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(lambda: gate.wait() and np.ones((2, 3), np.float32))
        pending = Pending([slow], lambda found: found * 2)
        assert not pending.done()
        gate.set()
        np.testing.assert_array_equal(pending, np.full((2, 3), 2))
        assert pending.done()


# What threads share


def test_a_shared_change_is_made_by_the_first_and_undone_by_the_last():
    changes = []

    @contextmanager
    def change():
        changes.append("made")
        yield
        changes.append("undone")

    shared = Shared(change)
    with shared:
        with shared:
            assert changes == ["made"]
        assert changes == ["made"]
    assert changes == ["made", "undone"]
    with pytest.raises(KeyError), shared:
        raise KeyError
    assert changes == ["made", "undone"] * 2


def test_pictures_are_decoded_side_by_side_and_warnings_are_as_before(monkeypatch):
    from mmrec.media import pictures

    together = threading.Barrier(3, timeout=20)  # breaks where one thread at a time may decode
    decode = pictures._decode

    def meeting(data, formats):
        together.wait()
        return decode(data, formats)

    monkeypatch.setattr(pictures, "_decode", meeting)
    before = list(warnings.filters)
    with ThreadPoolExecutor(3) as threads:
        sizes = list(threads.map(lambda data: read_image(data).size, [encoded(picture(), "PNG")] * 3))
    assert sizes == [(61, 47)] * 3
    assert warnings.filters == before
