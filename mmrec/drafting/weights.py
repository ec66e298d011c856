"""What each type of event weighs in a draft, and which are kept out, with what that rests on.

A start, which only the data's owner can judge. Not here: what a name says (`mmrec/drafting/tastes.py`), and what a
value says (`mmrec/drafting/values.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mmrec.drafting import tastes
from mmrec.drafting.parts import Table
from mmrec.drafting.writing import Line
from mmrec.quality import rules

IGNORE = "ignore"  # the key of [events] that is no type, so a type of that name can have no weight beside it
_ITEMLESS = 0.9  # of a type's events, from which on it is not about items


def weights(events: Table, types: pl.DataFrame | None, name: str) -> list[Line]:
    """The lines of `[events]`: a weight for each type that occurs, or for `name` where there are no types; and the
    types that are kept out.

    At least one type has a weight above 0, whatever its name says.
    """
    if types is None or not types.height:
        return [Line(name, 1.0, "every event weighs the same")]
    found: dict[str, float | None] = {event: tastes.weight(event) for event in types["type"]}
    itemless = _itemless(events)
    if any(found[event] for event in found if event not in itemless):
        found |= dict.fromkeys((each for each in itemless if each in found), None)
    lifted = [] if any(found.values()) else _least_bad(found)
    found |= dict.fromkeys(lifted, 1.0)
    if None in found.values() and IGNORE in found:
        found[IGNORE] = None
    counts = dict(types.select("type", "count").iter_rows())
    lines = [_weight(event, weight, counts, lifted) for event, weight in found.items() if weight is not None]
    return [*lines, *_ignored([event for event, weight in found.items() if weight is None], counts, itemless)]


def counts(lines: Sequence[Line]) -> str:
    """In words, how many types there are of each kind."""
    ignored = [event for line in lines if line.key == IGNORE and isinstance(line.value, list) for event in line.value]
    weights_ = [line.value for line in lines if isinstance(line.value, float)]
    weighed, met = sum(each > 0 for each in weights_), sum(each == 0 for each in weights_)
    told = [f"{weighed} of {len(weights_) + len(ignored)} types have a weight"]
    told += [f"{met} met, not liked"] if met else []
    return "; ".join([*told, *([f"{len(ignored)} ignored"] if ignored else [])])


def _least_bad(found: dict[str, float | None]) -> list[str]:
    """Where no name says that anybody chose anything: the types that at least do not say the contrary."""
    return [event for event, weight in found.items() if weight is None] or list(found)


def _itemless(events: Table) -> list[str]:
    """The types of which hardly an event names an item, but for searches with what was searched for."""
    rows = events.source.rows.select(
        type=pl.col(events.column("event").name).str.strip_chars(),
        named=pl.col(events.column("item_id").name).str.strip_chars().fill_null("") != "",
    )
    shares = rows.drop_nulls("type").group_by("type").agg(pl.col("named").mean())
    bare = shares.filter(pl.col("named") <= 1 - _ITEMLESS)["type"].sort().to_list()
    return [event for event in bare if not (event == rules.SEARCH and "query" in events.chosen)]


def _weight(event: str, weight: float, counts: dict[str, int], lifted: Sequence[str]) -> Line:
    said = _share(counts[event], counts)
    if event in lifted:
        return Line(event, weight, f"{said}; its name tells of no liking, but without a weight nothing would be learnt")
    if not weight:
        return Line(event, weight, f"guessed by its name: met and not liked, so never listed again; {said}")
    return Line(event, weight, f"guessed by its name; {said}")


def _ignored(names: Sequence[str], counts: dict[str, int], itemless: Sequence[str]) -> list[Line]:
    """The line of what is kept out: what a person was shown, and what is about no item."""
    if not names:
        return []
    bare = [event for event in names if event in itemless]
    told = ["shown or sent, not chosen" if len(bare) < len(names) else "", "naming no item" if bare else ""]
    said = _share(sum(counts[event] for event in names), counts)
    return [Line(IGNORE, list(names), f"guessed: {' or '.join(filter(None, told))}, so kept out silently; {said}")]


def _share(count: int, counts: dict[str, int]) -> str:
    return f"{count:,} of {sum(counts.values()):,} events"
