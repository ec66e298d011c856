"""What events may say about a taste: the weight of each type, told from its name, and the scale of their values.

A start, which only the data's owner can judge. Not here: which column holds them (`mmrec/drafting/roles.py`).
"""

from __future__ import annotations

from mmrec.drafting.columns import Column
from mmrec.drafting.names import words
from mmrec.drafting.writing import Line

_STRONG = (
    "purchase",
    "buy",
    "bought",
    "order",
    "checkout",
    "transaction",
    "subscribe",
    "rent",
    "borrow",
    "paid",
    "pay",
)
_FIRM = ("cart", "basket", "like", "favo", "wish", "save", "share", "download", "follow", "finish", "complete")
_NO_TASTE = (
    *("impression", "exposure", "show", "skip", "dislike", "hide", "report", "return", "refund", "cancel"),
    *("remove", "delete", "unlike", "unfollow", "unsubscribe", "downvote"),
)
_SCALE_VALUES, _SCALE_END = 50, 100  # a scale has few different values, and none beyond


def weights(types: Column | None, name: str) -> list[Line]:
    """The lines of `[events]`: a weight for each type that was seen, or for `name` where there are no types.

    A type whose name says that it shows no taste for the item is commented out, unless there is no other.
    """
    if types is None:
        return [Line(name, 1.0, "every event weighs the same")]
    counted = types.values.value_counts(sort=False).sort("count", "value", descending=[True, False])
    lines = [_weight(value, count, types.count) for value, count in counted.iter_rows()]
    return lines if any(line.value for line in lines) else [Line(each.key, 1.0, each.why) for each in lines]


def value_range(values: Column) -> Line:
    """The seen range; commented out where it does not look like a scale, since a value outside would be rejected."""
    seen = [int(each) if each.is_integer() else each for each in values.value_range]
    why = f"{values.distinct:,} different values seen; a row outside is rejected"
    if values.distinct <= _SCALE_VALUES and max(abs(each) for each in seen) <= _SCALE_END:
        return Line("value_range", seen, f"guessed: {why}")
    return Line("value_range", None, f"not set, since this looks like no scale: {why}", seen)


def _weight(event: str, count: int, of: int) -> Line:
    said = f"{count:,} of {of:,} sampled events"
    if _starts(event, _NO_TASTE):
        return Line(event, None, f"{said}; shows no taste for the item: without a weight they are rejected", 1.0)
    strength = 3.0 if _starts(event, _STRONG) else 2.0 if _starts(event, _FIRM) else 1.0
    return Line(event, strength, f"guessed by its name; {said}")


def _starts(event: str, beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in words(event))
