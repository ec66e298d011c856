"""Storage: the only code that opens a table.

Polars writes every table, DuckDB answers every question, the files between are Delta Lake. Not here: what a table's
columns mean (`mmrec/tables`), nor which rows need work (`mmrec/stages/embeddings/rows.py`).

A `Lake` acts for one asset of one run: every commit carries that stamp, and every table it reads is pinned to the
version first seen and remembered in `reads`, so that a stage sees one state and can say which.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import deltalake
import duckdb
import polars as pl
from deltalake.exceptions import DeltaError

from mmrec import folders, tables
from mmrec.errors import MmrecError
from mmrec.lake import questions, seals, writing
from mmrec.lake.files import counts, local_folder, of_periods, period_of, scan_files, size
from mmrec.lake.keyed import Keyed
from mmrec.lake.opening import check_files, look_again, open_table

COMPACT_EVERY = 100  # appends; keeps an append at 11 ms instead of 5 ms + .085 ms a live file (2,000 appends, 2 cores)
_COMPACT_BYTES = 64 * 2**20  # files of this size are left alone, so that no compaction rewrites a whole big table
_SMALL_BYTES = 32 * 2**20  # up to here a table is written anew in a third of the time of a merge (2 cores)
_ALL = "true"  # a predicate, because an overwrite without one does not notice rows that another writer adds meanwhile
_TRIES = 20  # a conflicting commit has always gone through within 20 tries (measured with 4 writers)


@dataclass(frozen=True)
class Lake:
    """The tables below one root, seen and written on behalf of one asset of one run."""

    root: str
    asset: str = "-"
    run_id: str = "-"
    code_version: str = "-"
    reads: dict[str, int] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)  # of what was made of pinned tables
    shown: Mapping[str, pl.LazyFrame] = field(default_factory=dict, compare=False, repr=False)  # instead of a table
    format: str = writing.FORMAT  # of the tables below the root; another one is told, not read
    opened: threading.local = field(default_factory=threading.local, compare=False, repr=False)  # newest, by name

    def acting_as(self, asset: str, code_version: str, run_id: str | None = None) -> Lake:
        """The same lake with a stamp of its own and no reads yet."""
        return replace(self, asset=asset, code_version=code_version, run_id=run_id or self.run_id, reads={})

    def pinned(self, versions: dict[str, int]) -> Lake:
        """The same lake as a reader that sees the named tables at these Delta versions."""
        return replace(self, reads=dict(versions))  # what was made of a version is true of it whoever pins it

    def showing(self, some: Mapping[str, pl.LazyFrame]) -> Lake:
        """The same reader, whose scans of the named tables give these rows: for one who needs a few and has them."""
        return replace(self, shown={**self.shown, **some})

    def exists(self, table: str) -> bool:
        """Whether the table has ever been written."""
        return self._open(table) is not None

    def version(self, table: str) -> int | None:
        """The newest Delta version of a table; None where there is no table yet."""
        delta = self._open(table)
        return None if delta is None else delta.version()

    def pin(self, table: str) -> int | None:
        """The version of a table that this lake sees, from now on if not before; None where there is no table yet."""
        version = self.reads.get(table)
        if version is None and (version := self.version(table)) is not None:
            self.reads[table] = version
        return version

    def rows(self, table: str) -> int:
        """The number of rows of a table now, from its log alone."""
        return self.size(table)[1]

    def size(self, table: str) -> tuple[int, int]:
        """Bytes and rows of a table's live files; 0 and 0 without a table."""
        delta = self._open(table)
        return (0, 0) if delta is None else size(delta)

    def counts(self, table: str) -> dict[str, int]:
        """Rows by period, from a table's log; all of them under the empty one where the table has no periods."""
        delta = self._open(table)
        return {} if delta is None else counts(delta)

    def scan(self, table: str, version: int | None = None, *, periods: Collection[str] | None = None) -> pl.LazyFrame:
        """The rows of a table, at `version` or at the version this lake saw first; no rows where there is no table.

        `periods`: of these alone, for which no other file is looked at. Raises where a file is damaged.
        """
        contract = tables.contract(table)
        if version is None and table in self.shown:
            return of_periods(self.shown[table], periods)
        pin = version if version is not None else self.reads.get(table)
        pin, files = self._state(table, pin)
        if version is None and pin is not None:
            self.reads.setdefault(table, pin)
        if periods is not None and contract.partition_by:
            files = [file for file in files if period_of(file) in periods]
        if not contract.checked:
            check_files(self.uri(table), self.root, files, self.memo)
        return of_periods(scan_files(files, contract), periods)

    def rows_as(self, contract: tables.Table, version: int | None = None) -> pl.LazyFrame:
        """The rows of a table that is described by another contract than today's."""
        return scan_files(self._state(contract.name, version)[1], contract)

    def parts(self, contract: tables.Table) -> Iterator[pl.DataFrame]:
        """Its rows file by file, as they are now."""
        yield from (scan_files([file], contract).collect() for file in self._state(contract.name)[1])

    def sql(self, query: str, **frames: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """The answer of DuckDB (in memory) over a view per table, `stage.table`, and the given frames by name.

        Of the tables that it names, every byte is held against its seal.
        """
        return questions.answer(self._sealed, query, frames)

    def answers(self, queries: Mapping[str, str]) -> dict[str, pl.DataFrame]:
        """The answers to several questions by their names, over one connection."""
        return questions.answers(self.scan, queries)

    def connect(self, names: Iterable[str] | None = None, **frames: Any) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB with a view per table (only those whose view is in `names`, when given)."""
        return questions.connect(self.scan, names, frames)

    def vectors(self, table: str, keys: pl.DataFrame) -> pl.DataFrame:
        """One row a key of a content-addressed table, for `keys` (column `key`), in the order of their keys."""
        return self.keyed(table).rows(keys["key"])

    def keyed(self, table: str) -> Keyed:
        """The keys of a content-addressed table, and where their rows lie."""
        return Keyed(self._state(table, self.reads.get(table))[1], tables.contract(table))

    def files(self, table: str, version: int | None = None) -> list[str]:
        """The files of a table's version, now by default, below its folder."""
        return [file.removeprefix(f"{self.uri(table)}/") for file in self._state(table, version)[1]]

    def added(self, table: str, since: int | None) -> pl.LazyFrame:
        """The rows in files that are there now and were not at version `since` (None: all), whatever is pinned.

        Every row added since is among them; after a compaction older ones are too.
        """
        contract = tables.contract(table)
        known = set() if since is None else set(self._state(table, since)[1])
        return scan_files([file for file in self._state(table)[1] if file not in known], contract)

    def append(self, table: str, rows: pl.DataFrame) -> int:
        """Adds rows; the table's new version. Appends never conflict with each other or with a compaction."""
        contract = tables.contract(table)
        frame = contract.conform(rows)
        # No look at what others have written: an append needs none, and each look lists the whole log.
        version = self._commit(
            table, lambda: self._write(table, frame, vars(self.opened).get(table) or self._open(table))
        )
        if version % COMPACT_EVERY == COMPACT_EVERY - 1:
            self.compact(table)
        return version

    def replace(self, table: str, rows: pl.DataFrame, where: Mapping[str, Sequence[str]] | None = None) -> int:
        """Puts `rows` in place of the rows whose columns hold one of the named values (of all without `where`).

        The log keeps what they are named by, so no column of a person's may name them.
        """
        contract = tables.contract(table)
        if named := set(where or {}) & set(contract.personal):
            raise ValueError(f"rows of {table} may not be named by {', '.join(sorted(named))}: the log would keep it")
        frame = contract.conform(rows)
        predicate = _ALL if where is None else " AND ".join(writing.named(*each) for each in sorted(where.items()))
        self._make(table)
        return self._commit(table, lambda: self._write(table, frame, self._must_open(table), predicate))

    def merge(self, table: str, rows: pl.DataFrame, on: Sequence[str], removed: pl.DataFrame | None = None) -> int:
        """Updates or inserts `rows` by the columns `on`, and deletes those named in `removed`; one commit."""
        contract = tables.contract(table)
        frame = contract.conform(rows)
        gone = contract.empty() if removed is None else contract.conform(removed, partial=True)
        source = pl.concat([frame.with_columns(_gone=pl.lit(False)), gone.with_columns(_gone=pl.lit(True))])
        self._make(table)

        def attempt() -> None:
            delta = self._must_open(table)
            if size(delta)[0] <= _SMALL_BYTES:
                rows = scan_files(self._files(table, delta), contract).collect()
                kept = rows.join(pl.concat([frame, gone]).select(on), on=on, how="anti", maintain_order="left")
                self._write(table, pl.concat([kept, frame]), delta, _ALL)
                return
            writing.merged(delta, contract, source, on, self._stamp())

        return self._commit(table, attempt)

    def compact(self, table: str) -> int | None:
        """Fewer, larger files with the same rows; the new version, None without a table."""
        if self._open(table) is None:
            return None

        def attempt() -> None:
            self._must_open(table).optimize.compact(
                target_size=_COMPACT_BYTES,
                writer_properties=writing.properties(tables.contract(table)),
                commit_properties=self._stamp(),
            )

        return self._commit(table, attempt)

    def drop_lost(self, table: str) -> int:
        """Takes files that are no longer there out of a table, with their rows; the new version."""
        return self._commit(table, lambda: self._must_open(table).repair(commit_properties=self._stamp()))

    def uri(self, table: str) -> str:
        """Where a table's files lie."""
        return f"{self.root.rstrip('/')}/{table}"

    def _open(self, table: str, version: int | None = None) -> deltalake.DeltaTable | None:
        """The table as it is now, or at a version; None where there is none. A new look at an open one costs .3 ms."""
        opened = vars(self.opened)
        if version is None and table in opened:
            look_again(opened[table], self.uri(table), self.root, self.memo)
            return opened[table]
        delta = open_table(self.uri(table), self.root, version, self.format, self.memo)
        if version is None and delta is not None:
            opened[table] = delta
        return delta

    def _state(self, table: str, version: int | None = None) -> tuple[int | None, list[str]]:
        """A version, the newest without one, and its files; None and none where there is no table.

        Not `file_uris` or `scan_delta`: both fail below a folder with a space in it.
        """
        if (table, version) in self.memo:  # a version never changes
            return version, self.memo[table, version]
        held = vars(self.opened).get(table)  # of the version that is asked for, most often: it was pinned, or written
        delta = held if held is not None and held.version() == version else self._open(table, version)
        if delta is None:
            return None, []
        return delta.version(), self.memo.setdefault((table, delta.version()), self._files(table, delta))

    def _sealed(self, table: str) -> pl.LazyFrame:
        check_files(self.uri(table), self.root, self._state(table, self.reads.get(table))[1], self.memo)
        return self.scan(table)

    def _files(self, table: str, delta: deltalake.DeltaTable) -> list[str]:
        paths = pl.DataFrame(delta.get_add_actions(flatten=True))["path"]
        return [f"{self.uri(table)}/{path}" for path in paths]

    def _make(self, table: str) -> None:
        """An empty table where there is none: writers that make it together would overwrite each other's rows."""
        if self._open(table) is None:
            self.append(table, tables.contract(table).empty())

    def _must_open(self, table: str) -> deltalake.DeltaTable:
        delta = self._open(table)
        if delta is None:
            raise MmrecError(f"the table {table} vanished while it was written")
        return delta

    def _write(
        self, table: str, frame: pl.DataFrame, delta: deltalake.DeltaTable | None, predicate: str | None = None
    ) -> None:
        """Adds rows, or puts them in place of a predicate's, to the table as it was when `delta` was looked at."""
        contract = tables.contract(table)
        if (folder := local_folder(self.uri(table))) is not None:
            folders.check_room(folder, folders.lake_folder(self.root), int(frame.estimated_size()))
        options = writing.options(contract, exists=delta is not None, predicate=predicate)
        deltalake.write_deltalake(
            delta or self.uri(table), frame.to_arrow(), commit_properties=self._stamp(), **options
        )

    def _stamp(self) -> deltalake.CommitProperties:
        return deltalake.CommitProperties(
            custom_metadata={"run_id": self.run_id, "asset": self.asset, "code_version": self.code_version}
        )

    def _commit(self, table: str, attempt: Callable[[], Any]) -> int:
        """Runs one mutation, again after a conflict with another writer: each further try opens the table anew."""
        for count in range(_TRIES):
            try:
                attempt()
                break
            except (DeltaError, OSError) as error:
                if count == _TRIES - 1 or not writing.is_conflict(error):
                    raise folders.problem(error, folders.lake_folder(self.root)) or error from None
                vars(self.opened).pop(table, None)
                time.sleep(random.uniform(0.01, 0.05 * (count + 1)))
        written = vars(self.opened).get(table)  # knows the version that it has written itself
        version = self.version(table) if written is None else written.version()
        assert version is not None
        if (folder := local_folder(self.uri(table))) is not None:
            seals.seal(folder, version, keyed=tables.contract(table).keyed)
        if table in self.reads:
            self.reads[table] = version
        return version
