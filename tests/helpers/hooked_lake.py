"""Lakes that tell of every verb: where a test kills a run, makes storage fail, or lets another run go on."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mmrec.lake.store import Lake
from tests.helpers.memory_lake import MemoryLake

READ, BEFORE, AFTER = "read", "before", "after"  # of a commit


class Killed(BaseException):
    """Nobody catches it, as nobody catches a kill."""


@dataclass(frozen=True)
class _Hooked:
    hook: Callable[[str, str], None] = field(default=lambda when, table: None, compare=False)

    def scan(self, table, version=None, *, periods=None):
        self.hook(READ, table)
        return super().scan(table, version, periods=periods)

    def version(self, table):
        self.hook(READ, table)
        return super().version(table)

    def _commit(self, table, attempt):
        self.hook(BEFORE, table)
        version = super()._commit(table, attempt)
        self.hook(AFTER, table)
        return version


@dataclass(frozen=True)
class HookedLake(_Hooked, Lake):
    """A lake of files."""


@dataclass(frozen=True)
class HookedMemoryLake(_Hooked, MemoryLake):
    """A dictionary."""


class Raising:
    """A hook that raises once, at the n-th commit from 0, before or after it. `at` None never does, and counts."""

    def __init__(self, at: int | None, when: str, error: BaseException) -> None:
        self.at, self.when, self.error, self.commits = at, when, error, 0
        self.table: str | None = None  # where it was raised

    def __call__(self, when: str, table: str) -> None:
        if when == READ or self.table is not None:
            return
        if when == self.when and self.commits == self.at:
            self.table = table
            raise self.error
        self.commits += when == AFTER


def interleaved(seed: int, *works: Callable[[Callable[[str, str], None]], None]) -> None:
    """Runs works in threads of which one at a time goes on; at each verb of a lake with the hook it is given, a random
    one. `Killed` ends one work alone; any other error is raised when all are done.
    """
    draw, gates = random.Random(seed), [threading.Semaphore(0) for _ in works]
    alive, errors = set(range(len(works))), []

    def switch(me):
        chosen = draw.choice(sorted(alive))
        if chosen != me:
            gates[chosen].release()
            gates[me].acquire()

    def body(me, work):
        gates[me].acquire()
        try:
            work(lambda when, table: switch(me))
        except Killed:
            pass
        except BaseException as error:
            errors.append(error)
        alive.discard(me)
        if alive:
            gates[draw.choice(sorted(alive))].release()

    threads = [threading.Thread(target=body, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    gates[draw.randrange(len(works))].release()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
