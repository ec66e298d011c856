"""The order of work, chunks, poison rows and memory, on a made-up encoder."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mmrec.encoders import EncoderIdentity, Failure, Prepared, preparing, running
from mmrec.errors import MmrecError

WIDTH = 4


class OutOfMemoryError(RuntimeError):
    """Named like torch's, which must not be imported to be recognised."""


class Numbers:
    """Encodes the number n as [n, n, n, n]; what `trouble` returns for a batch is raised."""

    block_rows, piece_rows = 128, 128

    def __init__(self, trouble=lambda numbers: None, prepare_trouble=lambda numbers: None, batch_rows=8):
        self.identity = EncoderIdentity("text", "numbers", WIDTH, {})
        self.device, self.device_reason = "cpu", "made up"
        self.trouble, self.prepare_trouble, self.batch_rows = trouble, prepare_trouble, batch_rows
        self.prepared_at_once = []
        self.encoded = []

    def size_hint(self, item):
        return item

    def prepare(self, inputs):
        self._raise(self.prepare_trouble(inputs))
        self.prepared_at_once.append(len(inputs))
        return [Failure("negative") if n < 0 else Prepared(np.array([n]), 1) for n in inputs]

    def batches(self, prepared):
        rows = range(len(prepared))
        return [list(rows[start : start + self.batch_rows]) for start in range(0, len(rows), self.batch_rows)]

    def encode(self, batch):
        numbers = [int(row.data[0]) for row in batch]
        self._raise(self.trouble(numbers))
        self.encoded.append(numbers)
        return np.repeat(np.array(numbers, dtype=np.float32)[:, None], WIDTH, axis=1)

    @staticmethod
    def _raise(error):
        if error is not None:
            raise error


def run(encoder, numbers, **options):
    keys = [f"k{number}" for number in numbers]
    return list(running.run(encoder, keys, numbers, **{"seed": 0, **options}))


def joined(chunks):
    vectors = {key: vector for chunk in chunks for key, vector in zip(chunk.keys, chunk.vectors, strict=True)}
    failed = {key: reason for chunk in chunks for key, reason in chunk.failed.items()}
    assert len(vectors) == sum(len(chunk.keys) for chunk in chunks)
    assert not vectors.keys() & failed.keys()
    return vectors, failed


def test_every_key_is_in_exactly_one_chunk_with_its_own_vector():
    numbers = [int(n) for n in np.random.default_rng(0).permutation(300)]
    vectors, failed = joined(run(Numbers(), numbers, chunk_seconds=0))
    assert not failed
    assert vectors.keys() == {f"k{number}" for number in numbers}
    assert all((vectors[f"k{number}"] == number).all() for number in numbers)


def test_nothing_to_do_is_no_chunk():
    assert run(Numbers(), []) == []


def test_keys_must_be_distinct_and_aligned():
    for keys, inputs in ((["a", "a"], [1, 2]), (["a"], [1, 2])):
        with pytest.raises(ValueError, match="distinct keys"):
            list(running.run(Numbers(), keys, inputs, seed=0))


def test_memory_is_bounded_by_a_block_and_rows_are_sorted_inside_it():
    encoder = Numbers()
    run(encoder, list(range(1000, 0, -1)), block_rows=64)
    assert max(encoder.prepared_at_once) == 64
    assert all(batch == sorted(batch) for batch in encoder.encoded)


def test_few_blocks_are_prepared_ahead_however_many_rows_there_are():
    encoder = Numbers()
    chunks = running.run(encoder, [f"k{n}" for n in range(2000)], list(range(2000)), 0, seed=0, block_rows=10)
    for number, _ in enumerate(chunks, start=1):
        assert len(encoder.prepared_at_once) <= number + preparing.MOST_BLOCKS


def test_prepared_data_that_waits_is_bounded_in_bytes(monkeypatch):
    class Big(Numbers):
        def prepare(self, inputs):
            super().prepare(inputs)
            return [Prepared(np.full(1000, n), 1) for n in inputs]  # 8,000 bytes

    for block_bytes, ahead in ((10_000_000, preparing.MOST_BLOCKS), (160_000, 2), (80_000, 1), (1, 1)):
        monkeypatch.setattr(preparing, "AHEAD_BYTES", block_bytes)
        encoder = Big(batch_rows=10)
        chunks = running.run(encoder, [f"k{n}" for n in range(200)], list(range(200)), 0, seed=0, block_rows=10)
        next(chunks)  # the size of a block is known from here on
        waiting = []
        for number, _ in enumerate(chunks, start=2):
            time.sleep(0.005)  # for the threads to do what they may
            waiting.append(len(encoder.prepared_at_once) - number)
        assert max(waiting) <= ahead


def test_the_seed_decides_where_a_run_starts_and_nothing_else():
    starts = set()
    for seed in range(30):
        encoder = Numbers()
        vectors, _ = joined(run(encoder, list(range(100)), seed=seed, block_rows=10))
        assert len(vectors) == 100
        starts.add(encoder.encoded[0][0])
    assert len(starts) > 5
    again = [Numbers(), Numbers()]
    for encoder in again:
        run(encoder, list(range(100)), seed=3, block_rows=10)
    assert again[0].encoded == again[1].encoded


def test_chunks_take_about_the_time_asked_for_and_do_not_count_the_callers_time():
    encoder = Numbers(trouble=lambda numbers: time.sleep(0.02), batch_rows=1)
    seconds = []
    keys = [f"k{n}" for n in range(20)]
    for chunk in running.run(encoder, keys, list(range(20)), 0.1, seed=0):
        seconds.append(chunk.seconds)
        assert len(chunk.keys) <= 6
        time.sleep(0.1)
    assert len(seconds) >= 4
    assert all(0.1 <= took < 0.2 for took in seconds[:-1])


@pytest.mark.parametrize(
    ("poison", "reason"),
    [(ValueError("odd\n shape"), "could not be encoded: ValueError: odd shape"), (None, "the vector is not finite")],
)
def test_poison_rows_are_found_and_their_neighbours_are_kept(poison, reason):
    bad = {0, 17, 18, 63, 99}

    class Poisoned(Numbers):
        def encode(self, batch):
            vectors = super().encode(batch)
            hit = [number for number, row in enumerate(batch) if int(row.data[0]) in bad]
            if hit and poison:
                raise poison
            vectors[hit, 1] = np.nan
            return vectors

    vectors, failed = joined(run(Poisoned(), list(range(100))))
    assert failed == {f"k{number}": reason for number in bad}
    assert len(vectors) == 95


def test_a_vector_of_the_wrong_shape_is_a_failure():
    encoder = Numbers()
    encoder.encode = lambda batch: np.zeros((len(batch), WIDTH + 1), dtype=np.float32)
    _, failed = joined(run(encoder, [1, 2]))
    assert "expected (1, 4)" in failed["k1"]


def test_failures_of_preparing_keep_their_reason_and_a_crash_there_is_isolated():
    crash = Numbers(prepare_trouble=lambda numbers: TypeError("no text") if 7 in numbers else None)
    vectors, failed = joined(run(crash, [-1, *range(20)]))
    assert failed == {"k-1": "negative", "k7": "could not be encoded: TypeError: no text"}
    assert len(vectors) == 19


def test_all_rows_failing_is_a_chunk_without_vectors():
    (chunk,) = run(Numbers(), [-1, -2])
    assert chunk.keys == []
    assert chunk.vectors.shape == (0, WIDTH)
    assert chunk.vectors.dtype == np.float32
    assert set(chunk.failed) == {"k-1", "k-2"}


@pytest.mark.parametrize(
    "error",
    [OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_out_of_memory_halves_the_batch_and_blames_nobody(error):
    for place in ("trouble", "prepare_trouble"):
        encoder = Numbers(**{place: lambda numbers: error if len(numbers) > 3 else None}, batch_rows=50)
        vectors, failed = joined(run(encoder, list(range(100))))
        assert not failed
        assert len(vectors) == 100
        assert max(map(len, encoder.encoded)) <= (3 if place == "trouble" else 50)


def test_out_of_memory_with_one_row_is_an_error_and_no_failure():
    encoder = Numbers(trouble=lambda numbers: OutOfMemoryError("out of memory") if 5 in numbers else None)
    with pytest.raises(MmrecError, match="out of memory with a single row"):
        run(encoder, list(range(10)))


def test_a_broken_device_stops_the_run_instead_of_failing_every_row():
    encoder = Numbers(trouble=lambda numbers: RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(MmrecError, match="the device broke down"):
        run(encoder, list(range(10)))


def test_errors_meant_for_a_person_and_interrupts_pass_through():
    for error in (MmrecError("weights vanished"), KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)):
            run(Numbers(trouble=lambda numbers, error=error: error), [1, 2, 3])


def test_closing_the_iterator_stops_the_work():
    encoder = Numbers()
    chunks = running.run(encoder, [f"k{n}" for n in range(100)], list(range(100)), 0, seed=0)
    next(chunks)
    chunks.close()
    assert len(encoder.encoded) == 1
    threads = {thread.name for thread in threading.enumerate()}
    assert not [name for name in threads if name.startswith("prepare")]


# -- runs beside each other --------------------------------------------------------------------------------------------


def together(rows, seeds, **options):
    """Keys done twice when runs of one plan work in step: everybody on a chunk, then everybody stores it."""
    stored = []  # (who, key)

    def elsewhere(me):
        seen = 0

        def look():
            nonlocal seen
            new, seen = stored[seen:], len(stored)
            return {key for who, key in new if who != me}

        return look

    keys, numbers = [f"k{n}" for n in range(rows)], list(range(rows))
    options = {"chunk_seconds": 0, **options}
    runs = {
        me: running.run(Numbers(batch_rows=1), keys, numbers, seed=seed, elsewhere=elsewhere(me), **options)
        for me, seed in enumerate(seeds)
    }
    done = {me: [] for me in runs}
    while runs:
        chunks = {me: chunk for me, each in runs.items() if (chunk := next(each, None)) is not None}
        runs = {me: runs[me] for me in chunks}
        for me, chunk in chunks.items():
            stored += [(me, key) for key in chunk.keys]
            done[me] += [*chunk.keys, *chunk.found]
    assert all(sorted(each) == sorted(keys) for each in done.values())
    return len(stored) - rows


@pytest.mark.parametrize("block_rows", [1, 8, 100])
def test_two_runs_do_few_of_a_hundred_chunks_twice(block_rows):
    twice = [together(100, (seed, 1000 + seed), block_rows=block_rows) for seed in range(50)]
    assert np.mean(twice) <= 3
    assert max(twice) <= 10


def test_four_runs_share_the_work_too():
    assert np.mean([together(100, range(seed, seed + 4), block_rows=8) for seed in range(50)]) <= 10


def test_what_another_run_has_done_is_found_and_not_encoded():
    encoder, answers = Numbers(), iter([{"k3", "k4"}, {"k90", "not planned"}, *[()] * 100])
    chunks = run(encoder, list(range(100)), chunk_seconds=0, block_rows=10, elsewhere=lambda: next(answers))
    vectors, _ = joined(chunks)
    found = [key for chunk in chunks for key in chunk.found]
    assert sorted(found) == ["k3", "k4", "k90"]
    assert vectors.keys() == {f"k{n}" for n in range(100)} - set(found)


def test_when_another_run_has_done_everything_nothing_is_encoded():
    encoder = Numbers()
    (chunk,) = run(encoder, [1, 2, 3], elsewhere=lambda: {"k1", "k2", "k3"})
    assert (sorted(chunk.found), chunk.keys, encoder.encoded) == (["k1", "k2", "k3"], [], [])


def test_importing_the_executor_does_not_import_torch():
    code = "import sys, mmrec.encoders.running; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
