"""Whether the ids of events are ids of the catalogue, and if few are, how the two are written differently.

Here: two columns of ids. Not here: which columns they are (`mmrec/drafting/parts.py`). No id is repeated.
"""

from __future__ import annotations

import polars as pl

from mmrec.drafting.columns import Column

_FEW = 0.5  # of the different ids; with fewer in the catalogue something is likely to be wrong
# How one id is written in several ways: in words, and what to replace by what to make them one.
_WAYS = (
    ("a decimal point, such as 1.0 for 1", r"\.0+$", ""),
    ("leading zeros, such as 007 for 7", r"^0+([0-9])", "$1"),
    ("other letters for upper and lower case", None, ""),
    ("something before the id, such as item_7 for 7", r"^(?:.*[/:#|]|[^0-9]+)", ""),
    ("marks in the id, such as hyphens, spaces or quotes", r"""[-_ .,'"\[\]{}]""", ""),
)


def told(mine: Column, theirs: Column, of: str = "the catalogue") -> tuple[str, bool]:
    """In words, how many different ids of the events are among those of the catalogue, or of others; why, if few are;
    and whether few are.
    """
    ids, known = mine.values.unique(), theirs.values.unique()
    found = _shared(ids, known)
    if found > _FEW * ids.len():
        return f"{found:,} of {ids.len():,} different values are ids of {of}", False
    counted = f"only {found:,} of the {ids.len():,}" if found else f"none of the {ids.len():,}"
    told = f"{counted} different values {'are ids' if found else 'is an id'} of {of} ({theirs.name})"
    return f"{told}{_difference(ids, known, found)}", True


def _difference(ids: pl.Series, known: pl.Series, found: int) -> str:
    """What makes most of the ids the catalogue's, if anything simple does; empty if not."""
    enough = max(found, _FEW * ids.len())
    for way, pattern, by in _WAYS:
        changed, changed_known = _changed(ids, pattern, by), _changed(known, pattern, by)
        if _shared(changed, known) > enough:
            return f": the events write them with {way}; write them alike"
        if _shared(ids, changed_known) > enough:
            return f": the events write them without {way}; write them alike"
        if _shared(changed, changed_known) > enough:
            return f": the two do not write alike {way}"
    return ""


def _changed(ids: pl.Series, pattern: str | None, by: str) -> pl.Series:
    return (ids.str.to_lowercase() if pattern is None else ids.str.replace_all(pattern, by)).unique()


def _shared(ids: pl.Series, known: pl.Series) -> int:
    return int(ids.is_in(known.implode()).sum())
