"""Which column of a source is what: a name proposes, the values decide, and the choice says on what it rests.

Here: one source at a time. Not here: which source is the events', the catalogue's or the people's
(`mmrec/drafting/parts.py`), and files of pictures, sound and film (`mmrec/drafting/media.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from mmrec.drafting.columns import Column
from mmrec.drafting.names import fit, words

_IDS = {"id", "ids", "key", "hash", "uuid", "guid", "index", "unnamed", "ean", "upc", "isbn", "gtin", "asin", "sku"}
_LONGEST = 200  # characters of an attribute
_TYPES = 30  # a column with more different values is no type of event
_WHOLE = (
    "event",
    "value",
    "amount",
    "query",
    "review",
)  # may be absent, so a word in a name (content_type) is no reason
_ALLOWS: Mapping[str, Callable[[Column], bool]] = {
    "user_id": lambda column: column.is_short and column.filled >= 0.5,
    "item_id": lambda column: column.is_short,
    "time": lambda column: column.is_time,
    "event": lambda column: column.distinct <= _TYPES and column.words <= 4,
    "value": lambda column: column.is_number,
    "amount": lambda column: column.is_number,
    "query": lambda column: column.is_prose,
    "review": lambda column: column.is_prose and column.words >= 3,
    "title": lambda column: column.is_prose,
    "categories": lambda column: column.is_prose and column.words <= 12,
    "consent": lambda column: column.is_yes_or_no,
    "about": lambda column: column.is_prose and column.words >= 2,
}


@dataclass(frozen=True)
class Choice:
    """A chosen column, in words why, and which other columns would do as well (empty for none)."""

    column: Column
    why: str
    equal: str = ""
    is_doubtful: bool = False  # its name speaks for it, its values do not


def propose(columns: Sequence[Column], role: str, taken: Collection[Column] = ()) -> Choice | None:
    """The column whose name says `role` best, of those whose values allow it; the others that would do are named."""
    least = 2 if role in _WHOLE else 1
    named = [column for column in columns if column not in taken and fit(column.name, role)[0] >= least]
    able = (column for column in named if column.count and _ALLOWS[role](column))
    ranked = sorted(able, key=lambda each: fit(each.name, role))
    if not ranked:
        return None
    best = ranked.pop()
    level = fit(best.name, role)[0]
    equal = [column.name for column in ranked if fit(column.name, role)[0] == level]
    return Choice(best, "by its name" if level == 2 else "by a word in its name", would_do(equal))


def catalogue_id(columns: Sequence[Column]) -> Choice | None:
    """The column that names each row once: by its name, or the one that is plainly called id."""
    unique = [column for column in columns if column.is_unique and column.filled >= 0.95]
    named = propose(unique, "item_id")
    plain = [column for column in unique if words(column.name) == ("id",)]
    if plain and (named is None or fit(named.column.name, "item_id")[0] < 2):
        return Choice(plain[0], "by its name")
    return named


def time_of(columns: Sequence[Column]) -> Choice | None:
    """When: by name, else the only column that holds times."""
    named = propose(columns, "time")
    times = [column for column in columns if column.is_time]
    return named or (Choice(times[0], "the only column of times") if len(times) == 1 else None)


def user_of(columns: Sequence[Column], taken: Collection[Column]) -> Choice | None:
    """Who: by name, else the only other column whose values stand in many rows and say nothing else."""
    others = [column for column in columns if column not in taken and is_bare(column) and not column.is_unique]
    named = propose(columns, "user_id", taken)
    return named or (Choice(others[0], "the only other column of repeated ids") if len(others) == 1 else None)


def title_of(columns: Sequence[Column], taken: Collection[Column]) -> Choice | None:
    """What people call it: by name, else the first column of words that are hardly ever the same."""
    words_ = [column for column in columns if column not in taken and column.is_prose and column.is_unique]
    named = propose(columns, "title", taken)
    return named or (Choice(words_[0], "the first column of words of their own") if words_ else None)


def is_bare(column: Column) -> bool:
    """Whether a column may hold ids, although its name says nothing: short marks that mean nothing else by name."""
    other = any(fit(column.name, role)[0] for role in ("time", "event", "value", "query", "review", "title", "text"))
    return column.distinct > 1 and column.is_short and not (other or column.is_yes_or_no)


def texts_of(columns: Sequence[Column], taken: Collection[Column]) -> list[Column]:
    """The other columns that are written for people to read about an item."""
    others = [column for column in columns if column not in taken and column.is_prose]
    return [each for each in others if each.words >= 3 or fit(each.name, "text")[0] or fit(each.name, "categories")[0]]


def attributes_of(columns: Sequence[Column], taken: Collection[Column]) -> list[str]:
    """The other columns of the catalogue that are worth keeping beside an item: words, numbers, days.

    Addresses, objects, lists of numbers and further ids are not.
    """
    others = [column for column in columns if column not in taken and column.count and not column.is_address]
    plain = [column for column in others if not column.share(r"^\s*[\[{]") and column.longest <= _LONGEST]
    return [column.name for column in plain if not (column.is_unique and _IDS & set(words(column.name)))]


def would_do(names: Sequence[str]) -> str:
    """Says of equally good columns that they are."""
    return f"; {' or '.join(names)} would do as well" if names else ""
