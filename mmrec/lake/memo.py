"""What was made of a table at the version that a lake sees, kept for whoever asks again.

Here: small answers that several assets of a run need, such as the newest verdicts. Not here: rows, which are read again
(`store.py`), nor anything of two tables at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mmrec.lake.store import Lake

Found = TypeVar("Found")


def of_version(lake: Lake, table: str, name: object, make: Callable[[], Found]) -> Found:
    """What `make` finds in a table: asked once a version of it and `name`, which says what is asked.

    A reader that is shown other rows instead of the table asks each time. The answer is shared: change nothing in it.
    """
    if table in lake.shown:
        return make()
    key = (table, lake.pin(table), name)
    if key not in lake.memo:
        lake.memo[key] = make()
    return lake.memo[key]
