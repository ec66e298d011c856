"""Where Dagster keeps runs and events: its own SQLite files, opened and written to less often.

For each statement Dagster makes an engine, which compiles it anew; for each event it has up to five transactions; for
each file it goes through all of its migrations. A run that finds nothing to do was mostly that. Files, tables and rows
are Dagster's own, so a DAGSTER_HOME works with either. Here: that, as `dagster.yaml` names it. Not here: what is kept,
nor any other database.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool, QueuePool

_ENGINES = 16  # that are kept: every run has a file of its own, and a page that is open for weeks sees many
_VERSION = "alembic_version"  # the table that Dagster makes last


class Storage(DagsterSqliteStorage):
    """Dagster's SQLite storage below a folder."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Makes what is not there yet, in the folders that Dagster itself would use."""
        super(DagsterSqliteStorage, self).__init__()
        self.base_dir, self._inst_data = base_dir, inst_data
        history, schedules = Path(base_dir, "history"), Path(base_dir, "schedules")
        # `from_local` goes through the migrations, also where there is nothing to make.
        runs = Runs(create_db_conn_string(str(history), "runs")) if _is_made(history, "runs") else None
        self._run_storage = runs or Runs.from_local(str(history))
        self._event_log_storage = Events(str(history / "runs"))
        there = _is_made(schedules, "schedules")
        ticks = SqliteScheduleStorage(create_db_conn_string(str(schedules), "schedules")) if there else None
        self._schedule_storage = ticks or SqliteScheduleStorage.from_local(str(schedules))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, str]) -> "Storage":  # type: ignore[override]
        """As `dagster.yaml` asks for it."""
        return cls.from_local(inst_data=inst_data, **config_value)


class Runs(SqliteRunStorage):
    """The runs, in one file that stays open."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """One transaction."""
        with _engine(self._conn_string, stays_open=True).begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Closes the file."""
        super().dispose()
        _engine(self._conn_string, stays_open=True).dispose()


class Events(SqliteEventLogStorage):
    """The events, in a file a run; and those of assets and checks over all runs in one more, which stays open.

    A run's file is closed after each event: the page watches the file itself, which is only then written to.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._lock = threading.RLock()
        self._begun: dict[str, Connection] | None = None  # the transactions of what is being stored, by file
        self._closing = ExitStack()
        self._there: set[str] = set()  # tables, columns and indexes that were found
        super().__init__(base_dir, inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """One transaction a file."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All of them or none, in one transaction a file."""
        with self._lock, ExitStack() as self._closing:
            self._begun = {}
            try:
                for event in events:
                    super().store_event(event)
            finally:
                self._begun = None

    def has_table(self, table_name: str) -> bool:
        """Whether the file over all runs has a table."""
        look = super().has_table
        return self._stays(table_name, lambda: look(table_name))

    def has_secondary_index(self, name: str) -> bool:
        """Whether it has an index."""
        look = super().has_secondary_index
        return self._stays(name, lambda: look(name))

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether its table of assets has a column."""
        look = super().has_asset_key_col
        return self._stays(column_name, lambda: look(column_name))

    def dispose(self) -> None:
        """Closes the file over all runs."""
        super().dispose()
        self._engine(INDEX_SHARD_NAME).dispose()

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        look = super()._has_asset_key_col_on_connection
        return self._stays(column_name, lambda: look(conn, column_name))

    def _stays(self, name: str, look: Callable[[], bool]) -> bool:
        """What was once found is not looked for again."""
        if name not in self._there and look():
            self._there.add(name)
        return name in self._there

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._lock:
            if shard not in self._initialized_dbs:
                self._initdb(self._engine(shard), for_index_shard=shard == INDEX_SHARD_NAME)
                self._initialized_dbs.add(shard)
            if self._begun is None:
                with self._engine(shard).begin() as connection:
                    yield connection
                return
            if shard not in self._begun:
                self._begun[shard] = self._closing.enter_context(self._engine(shard).begin())
            yield self._begun[shard]

    def _engine(self, shard: str) -> Engine:
        return _engine(self.conn_string_for_shard(shard), stays_open=shard == INDEX_SHARD_NAME)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Makes a file's tables where there are none; a run's are of the version of the file over all runs."""
        if inspect(engine).has_table(_VERSION):
            return
        if for_index_shard:
            super()._initdb(engine, for_index_shard)
            return
        try:
            with self._engine(INDEX_SHARD_NAME).begin() as connection:
                version = connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar_one()
            SqlEventLogStorageMetadata.create_all(engine)
            with engine.connect() as connection:
                connection.execute(text("PRAGMA journal_mode=WAL"))
                connection.execute(text(f"CREATE TABLE {_VERSION} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
                connection.execute(text(f"INSERT INTO {_VERSION} VALUES (:version)"), {"version": version})
                connection.commit()
        except DatabaseError:  # another process makes the same file: Dagster waits for it
            super()._initdb(engine, for_index_shard)


def _is_made(folder: Path, name: str) -> bool:
    """Whether a file is there with all of its tables."""
    there = (folder / f"{name}.db").exists()
    return there and inspect(_engine(create_db_conn_string(str(folder), name))).has_table(_VERSION)


def _engine(address: str, *, stays_open: bool = False) -> Engine:
    return _made(address, stays_open, os.getpid())  # a process that was forked opens files anew


@lru_cache(maxsize=_ENGINES)
def _made(address: str, stays_open: bool, process: int) -> Engine:
    pool = QueuePool if stays_open else NullPool
    return create_engine(address, poolclass=pool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
