"""SQL over a lake: a view a table in a DuckDB that is closed in. Not here: the DuckDB itself (`engine.py`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.engine import locked, named_in, shared

Scan = Callable[[str], pl.LazyFrame]  # a table's name → its rows
_NUMBERS = itertools.count()  # of questions, a name for each


def answer(scan: Scan, query: str, frames: Mapping[str, Any]) -> pl.DataFrame:
    """The answer to a question over the views that it names, `stage.table`, and the given frames by name."""
    with _asking(scan, named_in(query), frames) as connection:
        found = connection.sql(query)
        if found is None:
            raise MmrecError("nothing was asked; type a question such as SELECT * FROM validated.items")
        return found.pl()


def answers(scan: Scan, queries: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """The answers to several questions by their names, over one connection."""
    with _asking(scan, {view for query in queries.values() for view in named_in(query)}, {}) as connection:
        return {name: connection.sql(query).pl() for name, query in queries.items()}


def connect(scan: Scan, names: Iterable[str] | None, frames: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with a view a table (only those whose view is in `names`, when given)."""
    connection = locked()
    _show(connection, scan, names, frames)
    return connection


@contextmanager
def _asking(scan: Scan, names: Iterable[str], frames: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for one question, as a database of its own in the process's DuckDB."""
    own = f"question_{next(_NUMBERS)}"
    with shared().cursor() as connection:
        connection.execute(f"ATTACH ':memory:' AS {own}; USE {own}")
        try:
            _show(connection, scan, names, frames)
            yield connection
        finally:
            connection.execute(f"USE memory; DETACH {own}")


def _show(
    connection: duckdb.DuckDBPyConnection, scan: Scan, names: Iterable[str] | None, frames: Mapping[str, Any]
) -> None:
    names = None if names is None else set(names)
    wanted = None if names is None else {*names, *_behind(names)}
    for table in tables.ALL:
        view = tables.view(table.name)
        if wanted is not None and view not in wanted:
            continue
        schema, name = view.split(".")
        connection.register(f"_{schema}_{name}", scan(table.name))
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        connection.execute(f'CREATE VIEW "{schema}"."{name}" AS SELECT * FROM "_{schema}_{name}"')
    for view, (_, query) in tables.VIEWS.items():
        if wanted is None or view in wanted:
            schema, name = view.split(".")
            connection.execute(f'CREATE VIEW "{schema}"."{name}" AS {query}')
    for name, frame in frames.items():
        connection.register(name, frame)


def _behind(names: Iterable[str]) -> set[str]:
    """The views of the tables that these views are made of."""
    return {tables.view(table) for view in names if view in tables.VIEWS for table in tables.VIEWS[view][0]}
