"""How much a run would score and compare to bring lists and neighbours up to date, told before it does.

Here: the decisions of `top_k.py` and `neighbours.py`, made from ids and checksums alone. Not here: any score.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.lists import top_k
from mmrec.lists.top_k import State
from mmrec.published import state as published_state


@dataclass(frozen=True)
class Ranked:
    """Who lists of a period would be made for, under which state; `state` is None under a version that is to come.

    `people` (user_id, events_digest, factor): the factor is null where it is to come. `items` counts what a list may
    hold; `boundary` is that of the version.
    """

    people: pl.DataFrame
    items: int
    boundary: str
    state: State | None


def scored(lake: Lake, ranked: Mapping[str, Ranked], code_version: str) -> dict[str, int]:
    """By period, how many people × items `top_k.of_period` would score for these people."""
    found: dict[str, int] = {}
    made: dict[str, Ranked] = {}
    for period, of in sorted(ranked.items()):
        stand, arrived = _standing(lake, period, of, made, code_version)
        found[period] = (of.people.height - stand) * of.items + stand * arrived
        made[period] = of
    return found


def _standing(lake: Lake, period: str, of: Ranked, made: Mapping[str, Ranked], code_version: str) -> tuple[int, int]:
    """How many people's lists stand as they are or are merged into, and how many items arrive in them."""
    if of.state is None:
        mine = {p: each for p, each in made.items() if each.state is None and each.boundary == of.boundary}
        return (_same(of, mine[max(mine)]) if mine else 0), 0
    states = top_k.stored_states(lake, of.boundary, period, code_version, of.state)
    states |= {p: each.state for p, each in made.items() if each.state is not None}
    nearest = max((p for p, each in states.items() if p <= period and of.state.continues(each)), default=None)
    if nearest is None:
        return 0, 0
    arrived, left = len(of.state.arrived(states[nearest])), states[nearest].arrived(of.state)
    if nearest in made:
        return _same(of, made[nearest]), arrived
    known = of.people.drop_nulls("factor")
    if known.is_empty():
        return 0, arrived
    users = published_state.matrix(known["factor"], known["factor"].list.len()[0])
    checksums = published_state.checksums(users, known["events_digest"])
    now = known.select("user_id", checksum=checksums).with_row_index("at")
    rows = lake.scan(tables.TOP_K, periods=[nearest]).collect()
    return top_k.standing(rows, now, left)["at"].n_unique(), arrived


def _same(of: Ranked, before: Ranked) -> int:
    """For how many people the two have one history."""
    return of.people.join(before.people, on=["user_id", "events_digest"], how="semi").height


def compared(old: pl.DataFrame, by: str, listed: pl.Series, moved: Collection[str]) -> int:
    """How many pairs of items `neighbours.brought_up_to_date` would compare of one kind.

    `old` are the stored rows, `listed` the items that have what they are compared by, and `moved` those of which that
    is about to be another.
    """
    mine = old.filter(pl.col("by") == by).select("item_id", "neighbour")
    is_same = listed.is_in(mine["item_id"].implode()) & ~listed.is_in(list(moved))
    same, changed = listed.filter(is_same), listed.filter(~is_same)
    broken = mine.filter(pl.col("item_id").is_in(same.implode()) & ~pl.col("neighbour").is_in(same.implode()))
    anew = changed.len() + broken["item_id"].n_unique()
    return anew * listed.len() + (listed.len() - anew) * changed.len()
