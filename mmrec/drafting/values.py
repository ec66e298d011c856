"""What the values of events say: a scale of ratings, an amount, or neither.

A guess never rejects a row, so a range is only proposed. Not here: which column holds the values
(`mmrec/drafting/roles.py`).
"""

from __future__ import annotations

import polars as pl

from mmrec.drafting.columns import Column
from mmrec.drafting.names import words
from mmrec.drafting.writing import Line

_SCALE_VALUES, _SCALE_END = 50, 100  # a scale has few different values, and none beyond
_ENDS = (1, 3, 5, 6, 7, 10, 20, 50, 100)  # where scales end
_RATINGS = {"rating", "ratings", "rate", "rated", "stars", "star", "score", "grade", "overall", "评分", "打分"}


def value_lines(values: Column) -> list[Line]:
    """The lines of `[interactions]` about the mapped values: from which on an item is liked, and what they weigh."""
    liked = _liked_from(values)
    scale, factor = ("log", "log(1 + value)") if liked.is_off else ("linear", "value")
    seen = [_number(each) for each in values.value_range]
    outside = f"not set: {values.distinct:,} different values seen; with it a row outside is rejected, a good one too"
    return [
        liked,
        Line("value_scale", None, f"not set: with it an event weighs its type's weight × {factor}", scale),
        Line("value_range", None, outside, seen),
    ]


def effect(values: Column) -> str:
    """In words, what the values do as the lines of `[interactions]` stand; empty where these say all."""
    none = int((values.numbers <= 0).sum())
    below = f"; {none:,} of {values.count:,} sampled values are 0 or below: met, not liked" if none else ""
    if _liked_from(values).is_off:
        return f"{below}; above 0 a value changes nothing in the lists"
    return f"{below}; if they stand for no rating, take this line out" if none else ""


def is_scale(values: Column) -> bool:
    """Whether a column reads like a scale of ratings: by its name, few different values, and a small range."""
    few = values.distinct <= _SCALE_VALUES and max(abs(each) for each in values.value_range) <= _SCALE_END
    return few and not _RATINGS.isdisjoint(words(values.name))


def _liked_from(values: Column) -> Line:
    """The middle of a scale of ratings, from which on an item is liked; only proposed for any other column."""
    low, high = _scale(values)
    middle = _number((low + high) / 2)
    liked = int((values.numbers >= middle).sum())
    if middle <= 0:
        return Line("liked_from", None, "not needed: a value of 0 or below is met, not liked", 1)
    if not liked or not is_scale(values):
        return Line("liked_from", None, "not set: from which value on an item is liked; below it is met", middle)
    why = f"guessed: the middle of a scale from {_number(low)} to {_number(high)}; from here on an item is liked"
    reach = f"{liked:,} of {values.count:,} sampled values reach it"
    return Line("liked_from", middle, f"{why}, below it is met and not liked; {reach}")


def _scale(values: Column) -> tuple[float, float]:
    """The ends of the scale that the seen values are of, perhaps not all: 3 to 5 are of a scale from 1 to 5.

    One from below 0 is about as long on either side; otherwise the values below 0 are no part of it.
    """
    low, high = values.value_range
    if low < 0:
        return (-max(-low, high), max(-low, high)) if high <= 2 * -low else _scale(_above(values, 0))
    return min(low, 1.0), next((end for end in _ENDS if end >= high), high)


def _above(values: Column, low: float) -> Column:
    return Column(values.name, values.numbers.filter(values.numbers > low).cast(pl.String))


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
