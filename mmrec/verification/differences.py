"""How the first difference between two sets of rows is told: its key, its values, and the command that shows it.

A person's id and words are never told: the row stands there as `person 1`, and the command finds it by its place. Here:
the bits that are compared, and telling. Not here: which rows differ (`mmrec/verification/comparing.py`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.keys import vector_checksums
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
    if is_list_of_floats(column.dtype):
        return list_hashes(column)
    return column.to_frame("x").select(pl.struct("x").struct.json_encode()).to_series().alias(column.name)


def is_list_of_floats(dtype: pl.DataType) -> bool:
    """Whether a column holds vectors."""
    return isinstance(dtype, pl.List) and dtype.inner in (pl.Float32, pl.Float64)


def first_of(contract: Table, key: pl.DataFrame, expected: pl.DataFrame, found: pl.DataFrame, where: str) -> Difference:
    """The difference of the row of a key (one row), which the two sets do not have alike."""
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
