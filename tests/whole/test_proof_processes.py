"""Runs as processes: killed anywhere, at most one chunk of work is lost and the next run ends where an undisturbed one
does; two beside each other both finish with the same rows, and little is done twice.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmrec.lake.store import Lake
from tests.helpers.reading import check_vectors
from tests.helpers.slow_run import CHUNK_ROWS, content

ROOT = Path(__file__).resolve().parents[2]
ENCODER = "hash:16"  # another than the shop's: every text is to be computed
COMPARED = (
    *("raw/items", "raw/media", "raw/interactions", "validated/items", "validated/interactions", "validated/rejected"),
    *("embeddings/text/current", "embeddings/image/current", "fused/current"),
)


def start(shop, seconds, *more):
    """A slow run in a process of its own."""
    command = [sys.executable, "-m", "tests.helpers.slow_run", str(shop.folder), str(seconds), ENCODER, *more]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def rows(shop, table):
    frame = Lake(shop.settings.lake_root).scan(table).drop("ctime_ns", strict=False).collect()
    return frame.sort([name for name, dtype in frame.schema.items() if not dtype.is_nested()])


def stored(shop):
    """Distinct vectors of texts, and rows that hold one a second time."""
    keys = Lake(shop.settings.lake_root).scan("embeddings/text/vectors").select("key").collect()["key"]
    return keys.n_unique(), len(keys) - keys.n_unique()


@pytest.fixture
def big_shop(fused_shop):
    """A shop with everything up to fused made; since then it has got another sixty items and a late event."""
    fused_shop.write_catalogue([*fused_shop.catalogue(), *[f"more-{n},More,Another thing {n}," for n in range(60)]])
    day = fused_shop.days[0]
    late = f"{fused_shop.people[0]},{fused_shop.items[1]},{day}T23:00:00,rating,4,"
    fused_shop.write_events(day, [*fused_shop.lines(day), late])
    return fused_shop


class Killing:
    """Kills slow runs of copies of a shop and runs each again."""

    def __init__(self, shop, make_shop, folder):
        self.shop, self.make_shop, self.folder = shop, make_shop, folder
        undisturbed = self.copy("undisturbed")
        told = start(undisturbed, 0).communicate("")[0].splitlines()
        self.lines, self.encoding = len(told), [at for at, line in enumerate(told) if line.startswith("encoded")]
        self.end = {table: rows(undisturbed, table) for table in COMPARED}
        self.vectors, _ = stored(undisturbed)
        self.before, _ = stored(shop)

    def copy(self, name):
        copy = self.make_shop(self.folder / name, like=self.shop)
        return copy.configure(embeddings={"text": {"encoder": ENCODER}})

    def kill(self, line, seconds):
        """Kills a run so many seconds after so many lines it has told; looks at what is left and runs again."""
        shop = self.copy(f"{line}-{seconds}")
        process = start(shop, 0.002)
        told = [process.stdout.readline().split() for _ in range(line)]
        time.sleep(seconds)
        process.kill()
        told += [each.split() for each in process.stdout.read().splitlines()]
        assert process.wait() == -signal.SIGKILL or told[-1][0] == "done"
        encoded = sum(int(words[1]) for words in told if words[0] == "encoded" and len(words) == 2)
        kept, twice = stored(shop)
        assert encoded - (kept - self.before) <= CHUNK_ROWS
        assert twice == 0
        check_vectors(shop.settings.lake_root)
        assert content(shop, shop.lake)["keys_done"] == self.vectors - kept
        assert stored(shop) == (self.vectors, 0)
        for table, expected in self.end.items():
            assert rows(shop, table).equals(expected), table
        shutil.rmtree(shop.folder)


def kill_somewhere(killing, times, seed):
    """Every second time while vectors are made."""
    draw = random.Random(seed)
    for number in range(times):
        line = draw.choice(killing.encoding) if number % 2 else draw.randrange(1, killing.lines)
        killing.kill(line, draw.uniform(0, 0.01))


@pytest.mark.full
def test_a_killed_run_loses_at_most_a_chunk_and_the_next_one_ends_as_if_it_had_not_been_killed(
    big_shop, make_shop, tmp_path
):
    kill_somewhere(Killing(big_shop, make_shop, tmp_path), 3, seed=1)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_two_hundred_kills(big_shop, make_shop, tmp_path):
    kill_somewhere(Killing(big_shop, make_shop, tmp_path), 200, seed=2)


# -- two at once -------------------------------------------------------------------------------------------------------


def test_two_processes_share_the_work_and_both_finish(big_shop, make_shop, tmp_path):
    alone = make_shop(tmp_path / "alone", like=big_shop).configure(embeddings={"text": {"encoder": ENCODER}})
    content(alone, alone.lake)
    before, _ = stored(big_shop)
    processes = [start(big_shop, 0.05, "wait") for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0].splitlines() for process in processes]
    facts = [json.loads(lines[-1].removeprefix("done ")) for lines in told]
    distinct, twice = stored(big_shop)
    planned = stored(alone)[0] - before
    assert distinct - before == planned
    for each in facts:
        assert each["keys_planned"] == each["keys_done"] + each["keys_found"] <= planned
        assert each["keys_done"] < planned
    assert sum(each["keys_done"] for each in facts) == planned + twice
    assert twice <= 5 * CHUNK_ROWS  # of 19 chunks; at most 1 is usual
    for table in COMPARED:
        assert rows(big_shop, table).equals(rows(alone, table)), table
