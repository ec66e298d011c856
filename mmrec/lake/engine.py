"""DuckDB, closed in: it reads what it is given and no file, and no question can change that."""

from __future__ import annotations

import atexit
import os
import re
from functools import cache

import duckdb

from mmrec import folders


def locked() -> duckdb.DuckDBPyConnection:
    """A new in-memory DuckDB. It reads what it is given and no file or extension, and no question can change that."""
    connection = duckdb.connect()
    if (folder := folders.temporary()) is not None:  # else what fits no memory goes to the working folder
        connection.execute("SET temp_directory = $folder", {"folder": str(folder / f"mmrec-duckdb-{os.getpid()}")})
    connection.execute("SET GLOBAL TimeZone='UTC'; SET enable_external_access=false; SET lock_configuration=true")
    return connection


@cache
def shared() -> duckdb.DuckDBPyConnection:
    """The process's DuckDB: opening one costs 13 ms, a database in it .5 (2 cores)."""
    connection = locked()
    atexit.register(shared.cache_clear)
    return connection


def named_in(query: str) -> set[str]:
    """The views a query names, so that no other table is opened."""
    words = {re.sub(r'"', "", word).lower() for word in re.findall(r'"?\w+"?\s*\.\s*"?\w+"?', query)}
    return {re.sub(r"\s", "", word) for word in words}
