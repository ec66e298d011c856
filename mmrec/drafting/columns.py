"""What one sampled column holds, in shares and counts. Not here: what it is for (`mmrec/drafting/roles.py`).

Nothing that this module gives repeats a value, except `pattern`, in which every letter is `a` and every digit `9`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from mmrec.ingest import numbers, times
from mmrec.settings import Calendar

_EARLIEST, _LATEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_UTC = Calendar(start=_EARLIEST.date())
# A script without spaces has a word a character, about.
_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\p{L}\p{M}]+"
OFFSET = r"(?:[Zz]|UTC|GMT|[+\-−]\d\d(?::?\d\d)?)$"  # of a time, from UTC
_DIGITS_OF_A_DATE = r"^(?:\d{8}|\d{14})$"
_HEXADECIMAL = r"\b[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*\b"
_YES_OR_NO = ("0", "1", "true", "false", "yes", "no", "y", "n", "t", "f", "on", "off", "granted", "denied")
_PROBED = 10_000  # values
_UNITS = ((1e11, "unix seconds"), (1e14, "unix milliseconds"), (float("inf"), "unix microseconds"))  # as the rules read


@dataclass(frozen=True)
class Column:
    """A column's name and its sampled values as text."""

    name: str
    delivered: pl.Series = field(repr=False, compare=False)

    @cached_property
    def values(self) -> pl.Series:
        """The values without the empty ones."""
        stripped = self.delivered.str.strip_chars().drop_nulls()
        return stripped.filter(stripped != "").alias("value")

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.values.len()

    @cached_property
    def filled(self) -> float:
        """The share of rows that have a value."""
        return self.count / max(self.delivered.len(), 1)

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return self.values.n_unique()

    @property
    def is_unique(self) -> bool:
        """Whether hardly a value stands twice (a catalogue may hold a few entries twice)."""
        return self.count > 0 and self.distinct >= 0.95 * self.count

    @cached_property
    def words(self) -> float:
        """Words a value, on average; digits and signs are none, nor are the letters of UUIDs and digests."""
        bare = self.values.head(1000).str.replace_all(_HEXADECIMAL, " ")
        return float(bare.str.count_matches(_WORD).mean() or 0)  # type: ignore[arg-type]

    @property
    def longest(self) -> int:
        """The characters of its longest value."""
        return int(self.values.str.len_chars().max() or 0)  # type: ignore[arg-type]

    def share(self, pattern: str) -> float:
        """The share of values that a regular expression finds."""
        return float(self.values.str.contains(pattern).mean() or 0)  # type: ignore[arg-type]

    @property
    def is_address(self) -> bool:
        """Whether most values are web addresses, mail addresses or paths of files."""
        return self.share(r"^\S+://|^www\.|^\S+@\S+\.\w+$|^\S*[^\s.]\.[A-Za-z]\w{1,4}$") > 0.5

    @property
    def is_code(self) -> bool:
        """Whether most values are long ids, such as ULIDs, in which letters make no words."""
        return self.share(r"^[!-~]{16,}$") > 0.5 and self.share(r"\d") > 0.5

    @property
    def is_short(self) -> bool:
        """Whether the values may be names of things: a few words, or an id."""
        return self.words <= 4 or self.is_code

    @property
    def is_prose(self) -> bool:
        """Whether the values are words for people: no numbers, times, addresses, ids, marks or objects of JSON."""
        marks = self.is_number or self.is_yes_or_no or self.is_address or self.is_code or self.share(r"^\{") > 0.5
        marks = marks or self.is_time
        return self.words >= 1 and not marks

    @cached_property
    def numbers(self) -> pl.Series:
        """The values that are finite numbers."""
        found = self.values.to_frame().select(numbers.number(pl.col("value"))).to_series().drop_nulls()
        return found.filter(found.is_finite())

    @property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest number."""
        return float(self.numbers.min()), float(self.numbers.max())  # type: ignore[arg-type]

    @property
    def is_number(self) -> bool:
        """Whether every value is a number."""
        return 0 < self.count == self.numbers.len()

    @property
    def is_yes_or_no(self) -> bool:
        """Whether every value says yes or no."""
        return self.count > 0 and self.values.str.to_lowercase().is_in(_YES_OR_NO).all()

    @cached_property
    def probe(self) -> pl.Series:
        """Some of the values, from all over, for what is dear to find out."""
        return self.values.gather_every(max(1, -(-self.count // _PROBED)))

    @cached_property
    def instants(self) -> pl.Series:
        """Those of the probe that the row rules read as a time from 1990 on, as UTC."""
        return instants(self.probe).drop_nulls()

    @property
    def is_time(self) -> bool:
        """Whether nearly every value is a time."""
        return self.count > 0 and self.instants.len() >= 0.9 * self.probe.len()

    @property
    def has_zone(self) -> bool:
        """Whether its times are instants, wherever they are read: unix times, or dates with an offset."""
        return "without" not in self.time_form

    @property
    def time_form(self) -> str:
        """How its times are written, in words."""
        if self.share(_DIGITS_OF_A_DATE) < 0.5 and self.numbers.len() > self.count / 2:
            typical = float(self.numbers.abs().median() or 0)  # type: ignore[arg-type]
            return next(unit for limit, unit in _UNITS if typical < limit)
        with_zone = self.share(rf"[Tt ]\S*{OFFSET}") == 1
        day_alone = self.longest <= len("2024-01-01")
        return f"{'days' if day_alone else 'dates and times'} {'with' if with_zone else 'without'} a time zone"

    @property
    def pattern(self) -> str:
        """How its first value is written, masked."""
        first = str(self.values[0])[:40] if self.count else ""
        return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", first))


def instants(values: pl.Series) -> pl.Series:
    """Texts as times in UTC; null where the row rules read none, or one before 1990."""
    read = values.to_frame("value").select(times.utc_time("value", _UTC)).to_series()
    return read.set(~((read >= _EARLIEST) & (read < _LATEST)).fill_null(value=False), None)
