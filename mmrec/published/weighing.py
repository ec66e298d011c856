"""What one event says about a taste: the weight of its type, by its value, or nothing where the item was only met.

Here: the rule, from settings or as an item-factor version stored it, as a Polars expression. Does not belong here:
which events there are (`mmrec/published/events.py`), and how much more a newer one counts
(`mmrec/evaluation/split.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

import polars as pl

from mmrec.settings import Settings


@dataclass(frozen=True)
class Weighing:
    """The rule in force. A weight of 0 means met: the item is never listed again, and nothing is learnt from it."""

    events: Mapping[str, float]  # type of event → weight; a type that is not named weighs nothing
    liked_from: float | None = None  # a value below says that the item was not liked
    value_scale: str = "none"  # none, linear (weight · value) or log (weight · log(1 + value))

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say today."""
        of_events = settings.interactions
        return cls(dict(settings.events.weights), of_events.liked_from, of_events.value_scale)

    def to_json(self) -> str:
        """As an item-factor version stores it; the inverse of `from_json`."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The rule that `to_json` wrote."""
        return cls(**json.loads(text))

    def weight(self) -> pl.Expr:
        """Each event's weight, from the columns `event` and `value`. An event without a value counts as one of 1.

        A value of at most 0 (a returned article, a vote against) is met, whatever the settings.
        """
        by_type = pl.col("event").replace_strict(self.events, default=0.0, return_dtype=pl.Float64)
        value = pl.col("value").fill_null(1.0)
        scale = {"none": pl.lit(1.0), "linear": value, "log": (value + 1).log()}[self.value_scale]
        lowest = 0.0 if self.liked_from is None else max(self.liked_from, 0.0)
        unliked = (pl.col("value") <= 0) | (pl.col("value") < lowest)
        return pl.when(unliked.fill_null(value=False)).then(0.0).otherwise(by_type * scale)
