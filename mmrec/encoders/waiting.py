"""Which rows of a run are still to do, and which come next.

Here: the order of blocks, the random start, and keeping out of the way of another run. Not here: preparing and encoding
them (`preparing`, `running`).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection

_SHARES = 8  # after runs have met, a block is at most this part of what is left, so that they can keep apart


class Waiting:
    """The rows that are still to do, by their place in the order of sizes, and the next of them first.

    A run begins at a random place. When it comes to a row that another run has done, or has done one that another has
    done too, it goes on at a random place of what is left: two runs beside each other seldom do the same work.
    """

    def __init__(self, keys: list[str], draw: random.Random, block_rows: int) -> None:
        self.keys, self.draw, self.block_rows = keys, draw, block_rows
        self.ahead = deque(range(len(keys)))
        self.elsewhere: set[str] = set()
        self.found: list[str] = []
        self._begin_somewhere()

    def block(self) -> list[int]:
        """Give the next rows; none when everything is done."""
        rows = [self.ahead.popleft() for _ in range(min(self.block_rows, len(self.ahead)))]
        if self.met(rows):
            self.jump(rows)
            return self.block()
        return sorted(rows)

    def met(self, rows: Collection[int]) -> bool:
        """Say whether another run has done one of these rows."""
        return any(self.keys[row] in self.elsewhere for row in rows)

    def jump(self, back: Collection[int]) -> None:
        """Put rows back, leave out what another run has done, and go on at a random place of what is left."""
        rest = sorted((*back, *self.ahead))
        self.found += [self.keys[row] for row in rest if self.keys[row] in self.elsewhere]
        self.ahead = deque(row for row in rest if self.keys[row] not in self.elsewhere)
        self.block_rows = max(1, min(self.block_rows, len(self.ahead) // _SHARES))
        self._begin_somewhere()

    def take_found(self) -> list[str]:
        """Give the keys left out since this was last asked."""
        found, self.found = self.found, []
        return found

    def _begin_somewhere(self) -> None:
        if self.ahead:
            self.ahead.rotate(-self.draw.randrange(len(self.ahead)))
