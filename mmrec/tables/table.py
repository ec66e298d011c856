"""What a table and a column are. Not here: which tables there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

TIME = pl.Datetime("us", "UTC")
VECTOR = pl.List(pl.Float32)
FACTOR = pl.List(pl.Float64)


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means (with its unit), and what must hold."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    nullable: bool = False
    personal: bool = False  # a person's id or words: never shown in metadata, logs or messages
    provenance: bool = False  # where the row came from
    versioned: bool = True  # part of the data version; floats that were computed, and provenance behind raw, are not
    silent: bool = False  # where it is null the data version is as if there were no such column: it came later


@dataclass(frozen=True)
class Table:
    """One table: what one row is, who writes it, when a row is made again, its columns and its key."""

    name: str
    owner: str  # the asset that writes it, as `stage/name`
    row: str
    remade: str
    columns_: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    heavy: bool = False  # vectors: written without dictionary and compression
    dated: bool = True  # older versions stay readable, as snapshots and people need them; else only what is there now
    main: bool = False  # the asset's row is a row of it, where the asset writes several and none has its name
    pinned: bool = False  # a published snapshot names the version that it shows
    given: bool = False  # a rebuild takes it as it is, held against its own digests, instead of making it again

    @property
    def columns(self) -> list[str]:
        """Column names in their order."""
        return [column.name for column in self.columns_]

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Polars types by column name."""
        return {column.name: column.dtype for column in self.columns_}

    @property
    def checked(self) -> bool:
        """Whether each row has a checksum of its own vector, so that a reader of a few rows need not read all bytes."""
        return self.heavy and "checksum" in self.columns

    @property
    def keyed(self) -> bool:
        """Whether its rows are content-addressed: a key never changes what it stands for."""
        return self.heavy and self.key == ("key",)

    @property
    def content(self) -> list[str]:
        """The columns that a data version is a digest of."""
        return [column.name for column in self.columns_ if column.versioned]

    @property
    def silent(self) -> list[str]:
        """The columns that a data version is silent of where they are null."""
        return [column.name for column in self.columns_ if column.silent]

    @property
    def personal(self) -> list[str]:
        """The columns that hold a person's id or words."""
        return [column.name for column in self.columns_ if column.personal]

    def empty(self) -> pl.DataFrame:
        """No rows, with the right columns and types."""
        return self._empty

    @cached_property
    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)

    def conform(self, rows: pl.DataFrame, *, partial: bool = False) -> pl.DataFrame:
        """`rows` in this table's column order and types; `partial` fills absent columns with null."""
        if rows.schema == self._empty.schema:
            return rows
        if partial:
            rows = rows.with_columns(
                pl.lit(None, dtype=column.dtype).alias(column.name)
                for column in self.columns_
                if column.name not in rows.columns
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
