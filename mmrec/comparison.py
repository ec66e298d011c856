"""Two sets of rows of one table, held against each other to the last bit, and the first row in which they differ.

Here: what equal means, the digest that stands for the rows, and how a difference is told without naming a person. Not
here: where the two sets come from (`mmrec/verify.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.keys import canonical_digest, vector_checksums
from mmrec.lake import digest
from mmrec.tables import Table

HIDDEN = "not shown: it is a person's"


@dataclass(frozen=True)
class Difference:
    """The first row that differs: its key, each differing column as (expected, found), and how to see it.

    A person stands there as `person 1`. `columns` is empty where the row is on one side only, which `told` says.
    `command` prints the row from the lake; empty where the lake has no such row and nothing personal is in its key.
    """

    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]
    told: str
    command: str = ""


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
    first = _first(contract, keys.head(1), expected, found, where)
    return Compared(table, found.height, one, keys.height, _largest(keys, expected, found), first)


def bits(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the bits of each float as a number, of each list of floats as a hash, other lists as JSON."""
    return rows.with_columns(_bits(column) for column in rows if column.dtype.is_nested() or column.dtype.is_float())


def list_hashes(vectors: pl.Series) -> pl.Series:
    """`keys.vector_checksums` of every list of floats, whatever its length; null where there is none."""
    out = np.zeros(len(vectors), np.int64)
    lengths = vectors.list.len().fill_null(0).to_numpy()
    for length in np.unique(lengths[lengths > 0]).tolist():
        at = np.flatnonzero(lengths == length)
        matrix = vectors.gather(at).list.to_array(length).to_numpy()
        out[at] = vector_checksums(np.ascontiguousarray(matrix).view("<f4"))
    return pl.select(pl.when(vectors.is_not_null()).then(pl.Series(out))).to_series().alias(vectors.name)


def _bits(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        numbers = pl.Series(column.cast(pl.Float64).fill_null(0.0).to_numpy().view(np.int64))
        return pl.select(pl.when(column.is_not_null()).then(numbers)).to_series().alias(column.name)
    if _of_floats(column.dtype):
        return list_hashes(column)
    return column.to_frame("x").select(pl.struct("x").struct.json_encode()).to_series().alias(column.name)


def _of_floats(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.List) and dtype.inner in (pl.Float32, pl.Float64)


def _not_in(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The distinct rows that `others` has not, or not as often."""
    counted, other = (each.group_by(each.columns).len("_times") for each in (rows, others))
    return counted.join(other, on=counted.columns, how="anti", nulls_equal=True)


def _first(contract: Table, key: pl.DataFrame, expected: pl.DataFrame, found: pl.DataFrame, where: str) -> Difference:
    ours, theirs = (each.join(key, on=key.columns, how="semi", nulls_equal=True) for each in (expected, found))
    shown = {name: "person 1" if name == "user_id" else _shown(contract, name, key[name][0]) for name in key.columns}
    command = _command(contract, key, found, where)
    if ours.height != theirs.height:
        personal = set(contract.personal) & set(key.columns)
        told = f"expected {_times(ours.height)}, found {_times(theirs.height)}"
        told += "; it belongs before the one that this shows" if theirs.is_empty() and personal else ""
        return Difference(shown, {}, told, command if theirs.height or personal else "")
    differing = [name for name in ours.columns if not bits(ours.select(name)).equals(bits(theirs.select(name)))]
    pairs = {name: _pair(contract, name, ours[name][0], theirs[name][0]) for name in differing}
    return Difference(shown, pairs, f"differs in {', '.join(differing)}", command)


def _times(rows: int) -> str:
    return {0: "no such row", 1: "one row"}.get(rows, f"{rows} rows")


def _pair(contract: Table, name: str, expected: Any, found: Any) -> tuple[Any, Any]:
    """What a person is shown of two values: of vectors the first number that differs, of people's words nothing."""
    if isinstance(expected, pl.Series) and isinstance(found, pl.Series) and len(expected) == len(found):
        at = next((i for i, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b), 0)
        return f"[{at}] {expected[at]!r}", f"[{at}] {found[at]!r}"
    return _shown(contract, name, expected), _shown(contract, name, found)


def _shown(contract: Table, name: str, value: Any) -> Any:
    if name in contract.personal:
        return HIDDEN
    if isinstance(value, pl.Series):
        return f"{len(value)} values"
    return value if value is None or isinstance(value, int | float | str | bool) else str(value)


def _command(contract: Table, key: pl.DataFrame, found: pl.DataFrame, where: str) -> str:
    """The command that prints the row from the lake; a person's by its place in the order of keys."""
    view = f"SELECT * FROM {tables.view(contract.name)} AS t"
    if not set(contract.personal) & set(key.columns):
        equal = [f"t.{name} = {_literal(value)}" for name, value in key.row(0, named=True).items()]
        return _typed(f"{view} WHERE {' AND '.join(equal)}")
    names = key.columns
    order = pl.concat([found.select(names).with_columns(_after=1), key.with_columns(_after=0)])
    order = order.sort([*names, "_after"], nulls_last=True).with_row_index("_place")
    place = order.filter(pl.col("_after") == 0)["_place"].item()
    condition = f" WHERE {where}" if where else ""
    return _typed(f"{view}{condition} ORDER BY {', '.join(f't.{name}' for name in names)} LIMIT 1 OFFSET {place}")


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _typed(query: str) -> str:
    return f'mmrec sql "{query}"' if not set(query) & set('"$`\\') else f"mmrec sql {shlex.quote(query)}"


def _largest(keys: pl.DataFrame, expected: pl.DataFrame, found: pl.DataFrame) -> float:
    """The largest difference between two floats of one key, which tells rounding from anything else."""
    floats = [name for name, dtype in expected.schema.items() if dtype.is_float() or _of_floats(dtype)]
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
