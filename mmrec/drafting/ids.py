"""Whether the ids of events are ids of the catalogue, and if few are, how the two are written differently.

Here: two columns of ids. Not here: which columns they are (`mmrec/drafting/parts.py`). No id is repeated.
"""

from __future__ import annotations

import polars as pl

from mmrec.drafting.columns import Column

_FEW = 0.5  # of the different ids; with fewer in the catalogue something is likely to be wrong
# How one id is written in two ways, and what to replace by what to make them one.
_WAYS = (
    ("1.0", "1", r"\.0+$", ""),
    ("007", "7", r"^0+([0-9])", "$1"),
    ("item_7", "7", r"^(?:.*[/:#|]|[^0-9]+)", ""),
    ("978-3-16", "978316", r"""[-_ .,'"\[\]{}]""", ""),
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
    return f"{told}{_difference(ids, known, found, of)}", True


def _difference(ids: pl.Series, known: pl.Series, found: int, of: str) -> str:
    """How the two are written, if most of the ids are the catalogue's but for that; empty if nothing simple does."""
    enough = max(found, _FEW * ids.len())
    if _shared(ids.str.to_lowercase(), known.str.to_lowercase()) > enough:
        return ": upper and lower case differ; write them alike"
    for one, other, pattern, by in _WAYS:
        changed, changed_known = (each.str.replace_all(pattern, by).unique() for each in (ids, known))
        if _shared(changed, known) > enough:
            return f": they are written like {one} where {of} writes {other}; write them alike"
        if _shared(ids, changed_known) > enough:
            return f": they are written like {other} where {of} writes {one}; write them alike"
        if _shared(changed, changed_known) > enough:
            return f": one id is written in several ways, such as {one} and {other}; write them alike"
    return ""


def _shared(ids: pl.Series, known: pl.Series) -> int:
    return int(ids.is_in(known.implode()).sum())
