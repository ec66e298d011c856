"""Content-addressed tables: which keys their files hold, and the rows of some keys.

Beside each of their files lies a small one, the first 64 bits of its rows' keys in their order: a planner that looks
through a million keys reads 8 MB instead of 8,000 groups of rows. It is written before a commit is sealed and holds its
own CRC-32; where there is none, or a damaged one, the keys are read out of the file of rows. Here: writing and reading
these, and the places that they tell. Not here: which files are live (`store.py`), nor whether a vector is right
(`mmrec/published/vectors.py`).
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from mmrec import tables
from mmrec.lake.files import scan_files

FOLDER = "_keys"
_CRC_BYTES = 4
_MANY = 8  # where so many times the rows are more than there are, all keys are read faster than some


def prefix(key: pl.Expr) -> pl.Expr:
    """uint64: the first 64 bits of keys, which are hexadecimal digits; 0 for any other text."""
    return key.str.head(16).str.to_integer(base=16, dtype=pl.UInt64, strict=False).fill_null(0)


def note(file: Path) -> None:
    """Writes the prefixes of a file's keys beside it, whole or not at all."""
    data = _of_rows([str(file)]).astype("<u8").tobytes()
    noted = _noted(file)
    noted.parent.mkdir(exist_ok=True)
    made = noted.with_name(f".{noted.name}.{os.getpid()}.{threading.get_ident()}")
    made.write_bytes(data + zlib.crc32(data).to_bytes(_CRC_BYTES, "little"))
    made.replace(noted)


def forget(file: Path) -> None:
    """Removes what is noted of a file that is about to be deleted."""
    _noted(file).unlink(missing_ok=True)


def is_noted(file: Path) -> bool:
    """Whether something is noted of a file's keys."""
    return _noted(file).exists()


def is_damaged(file: Path) -> bool:
    """Whether what is noted of a file's keys is not what was written."""
    return is_noted(file) and _read(file) is None


@dataclass(frozen=True)
class Keyed:
    """The rows of some files of a content-addressed table; `files` are named whole."""

    files: Sequence[str]
    contract: tables.Table

    @cached_property
    def _parts(self) -> list[np.ndarray]:
        """The prefixes of the keys, uint64, file by file."""
        return [_prefixes(file) for file in self.files]

    @cached_property
    def prefixes(self) -> pl.Series:
        """uint64 [rows]: the prefix of every row's key, in the order of the files."""
        return pl.Series("prefix", np.concatenate([np.zeros(0, np.uint64), *self._parts]), dtype=pl.UInt64)

    def places(self, keys: pl.Series) -> np.ndarray:
        """int64, sorted: the numbers over all files of the rows that have one of these keys, or begin like one."""
        if keys.is_empty() or self.prefixes.is_empty():
            return np.zeros(0, np.int64)
        wanted = keys.to_frame("key").select(prefix(pl.col("key"))).to_series().unique()
        return self.prefixes.is_in(wanted.implode()).arg_true().to_numpy().astype(np.int64)

    def stored(self, keys: pl.Series) -> pl.Series:
        """Those of some keys that have a row."""
        places = self.places(keys)
        many = _MANY * len(places) > len(self.prefixes)
        held = scan_files(self.files, self.contract).select("key") if many else self.at(places, ["key"]).lazy()
        return held.join(keys.to_frame("key").lazy(), on="key", how="semi").unique().collect()["key"]

    def rows(self, keys: pl.Series) -> pl.DataFrame:
        """One row a key, in the order of the keys; none for a key that has none."""
        found = self.at(self.places(keys))
        wanted = keys.unique().to_frame("key")
        own = found.select("key").with_row_index("at").join(wanted, on="key", how="semi")
        return found[own.unique("key", keep="any").sort("key")["at"]]  # the vectors are moved once

    def at(self, places: np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows at some places, sorted. Of an object store's files whole ones are read, else groups of rows."""
        names = list(columns or self.contract.columns)
        sizes = np.array([len(part) for part in self._parts], dtype=np.int64)
        ends = np.cumsum(sizes)
        file = np.searchsorted(ends, places, side="right")
        own = places - (ends - sizes)[file] if len(sizes) else places
        parts = [_rows_of_file(self.files[each], own[file == each], self.contract, names) for each in np.unique(file)]
        return pl.concat(parts) if parts else self.contract.empty().select(names)


def _prefixes(file: str) -> np.ndarray:
    noted = _read(Path(file)) if "://" not in file and Path(file).exists() else None  # of a lost file nothing is told
    return _of_rows([file]) if noted is None else noted


def _of_rows(files: Sequence[str]) -> np.ndarray:
    return pl.scan_parquet(list(files)).select(prefix(pl.col("key"))).collect().to_series().to_numpy()


def _noted(file: Path) -> Path:
    return file.parent / FOLDER / file.name


def _read(file: Path) -> np.ndarray | None:
    """What is noted of a file's keys; None where nothing is, or it is damaged."""
    try:
        data = _noted(file).read_bytes()
    except FileNotFoundError:
        return None
    keys, crc = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    whole = len(keys) % 8 == 0 and zlib.crc32(keys).to_bytes(_CRC_BYTES, "little") == crc
    return np.frombuffer(keys, dtype="<u8").astype(np.uint64, copy=False) if whole else None


def _rows_of_file(name: str, own: np.ndarray, contract: tables.Table, names: list[str]) -> pl.DataFrame:
    """The rows at some places of a file."""
    if "://" in name:
        return scan_files([name], contract).select(names).collect()[own]
    with pq.ParquetFile(name, memory_map=True) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        group = np.searchsorted(ends, own, side="right")
        read, place = np.unique(group, return_inverse=True)
        begins = np.concatenate([[0], np.cumsum(np.array(sizes)[read])])[:-1]
        held = set(file.schema_arrow.names)
        some = pl.DataFrame(file.read_row_groups(read.tolist(), columns=[each for each in names if each in held]))
    some = some[begins[place] + own - (ends - sizes)[group]]
    return some.select((pl.col(n) if n in held else pl.lit(None)).cast(contract.schema[n]).alias(n) for n in names)
