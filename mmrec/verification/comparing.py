"""Two sets of rows of one table, held against each other to the last bit.

Here: what equal means, and the digest that stands for the rows. Not here: how the first difference is told
(`mmrec/verification/differences.py`), and where the two sets come from (`mmrec/verification/oracle.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from mmrec import tables
from mmrec.keys import canonical_digest
from mmrec.lake.hashing import digest
from mmrec.verification.differences import Difference, bits, first_of, is_list_of_floats


@dataclass(frozen=True)
class Compared:
    """One table's outcome. `rows` and `digest` are the lake's; `differing` counts keys; `largest` is of floats."""

    table: str
    rows: int
    digest: str
    differing: int = 0
    largest: float = 0.0
    first: Difference | None = None
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether every row is there and holds what it should."""
        return self.differing == 0


def together(parts: Sequence[Compared], note: str = "") -> Compared:
    """One outcome of a table that was compared part by part, in their order."""
    first = next((part.first for part in parts if part.first), None)
    largest = max((part.largest for part in parts), default=0.0)
    sums = [sum(getattr(part, name) for part in parts) for name in ("rows", "differing")]
    one = parts[0].digest if len(parts) == 1 else canonical_digest([part.digest for part in parts])
    return Compared(parts[0].table, sums[0], one, sums[1], largest, first, note)


def compare(
    table: str,
    expected: pl.DataFrame,
    found: pl.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    key: Sequence[str] | None = None,
    where: str = "",
) -> Compared:
    """`found` (the lake's rows) held against `expected`, by these columns and a key; all columns and the table's key.

    `where` is the SQL condition that `found` was read with.
    """
    contract = tables.contract(table)
    contract = contract if key is None else replace(contract, key=tuple(key))
    chosen = [*dict.fromkeys((*contract.key, *(contract.columns if columns is None else columns)))]
    expected, found = expected.select(chosen), found.select(chosen)
    ours, theirs = bits(expected), bits(found)
    one = digest(theirs.with_columns(_one=pl.lit("")), "_one", chosen).get("", "empty")
    lacking, surplus = _not_in(ours, theirs), _not_in(theirs, ours)
    named = list(contract.key)
    keys = pl.concat([lacking.select(named), surplus.select(named)]).unique().sort(named, nulls_last=True)
    if keys.is_empty():
        return Compared(table, found.height, one)
    first = first_of(contract, keys.head(1), expected, found, where)
    return Compared(table, found.height, one, keys.height, _largest(keys, expected, found), first)


def _not_in(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The distinct rows that `others` has not, or not as often."""
    counted, other = (each.group_by(each.columns).len("_times") for each in (rows, others))
    return counted.join(other, on=counted.columns, how="anti", nulls_equal=True)


def _largest(keys: pl.DataFrame, expected: pl.DataFrame, found: pl.DataFrame) -> float:
    """The largest difference between two floats of one key, which tells rounding from anything else."""
    floats = [name for name, dtype in expected.schema.items() if dtype.is_float() or is_list_of_floats(dtype)]
    ours, theirs = (
        each.join(keys, on=keys.columns, how="semi", nulls_equal=True).unique(keys.columns, keep="any")
        for each in (expected.select(*keys.columns, *floats), found.select(*keys.columns, *floats))
    )
    both = ours.join(theirs, on=keys.columns, nulls_equal=True, suffix="_found")
    return max((_gap(both[name], both[f"{name}_found"]) for name in floats), default=0.0)


def _gap(ours: pl.Series, theirs: pl.Series) -> float:
    if ours.dtype.is_nested():
        alike = ours.list.len() == theirs.list.len()
        ours, theirs = (each.filter(alike).explode() for each in (ours, theirs))
    gap = (ours.cast(pl.Float64) - theirs.cast(pl.Float64)).abs().fill_nan(None).max()
    return float(gap) if isinstance(gap, int | float) else 0.0
