"""An account of who read test rows: a search must read none, an evaluation reads them once a model.

Here: the account. Not here: the rows (`problem.py`), which notes every read of its test part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

COUNTING = "how many people there are"  # the reader that asks for their number alone
EVERYTHING = "the fit of everything"  # of what is served, which no figure is made of


@dataclass
class Audit:
    """`reads` by reader, and the `rows` that all of them have seen."""

    reads: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    def note(self, reader: str, rows: int) -> None:
        """One read of so many test rows."""
        self.reads[reader] += 1
        self.rows += rows

    @property
    def models(self) -> dict[str, int]:
        """Reads by model."""
        return {reader: count for reader, count in self.reads.items() if reader not in (COUNTING, EVERYTHING)}
