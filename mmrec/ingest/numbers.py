"""Delivered numbers: what they are, whichever mark stands in front of their fraction.

Here: from text to a float. Not here: which column is a number, and which number is good (`mmrec/quality/rules.py`).
"""

from __future__ import annotations

import polars as pl

# 1.234,5 and 1 234,5: groups of three digits, and a comma in front of the fraction; 1,234.5 the other way round.
_COMMA_LAST = r"^[+-]?(?:[0-9]{1,3}(?:[. '\u00a0\u202f][0-9]{3})+|[0-9]*),[0-9]+$"
_POINT_LAST = r"^[+-]?[0-9]{1,3}(?:[, '\u00a0\u202f][0-9]{3})+\.[0-9]+$"
_EITHER = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"  # 1,234: a thousand and some, or one and a fraction


def number(text: pl.Expr) -> pl.Expr:
    """A delivered number; null where it is none, or could be two: 1,234 with nothing that says what its comma is."""
    stripped = text.str.strip_chars()
    bare = stripped.str.replace_all(r"[. '\u00a0\u202f]", "").str.replace(",", ".", literal=True)
    comma = stripped.str.contains(_COMMA_LAST) & ~stripped.str.contains(_EITHER)
    point = stripped.str.contains(_POINT_LAST)
    plain = pl.when(comma).then(bare).when(point).then(stripped.str.replace_all(r"[, '\u00a0\u202f]", ""))
    return plain.otherwise(stripped).cast(pl.Float64, strict=False)
