"""Files of vectors that somebody else has computed: which they are, their width, and their rows part by part.

A file is Parquet with a column of ids and one of lists of floating-point numbers, or `.npy` [items, width] beside a
text file `<name>.ids.txt` with an id a line. Here: finding, describing and reading them. Not here: what an id means and
the hash of a vector (`mmrec.stages.raw.precomputed`), nor the encoder (`mmrec.encoders.precomputed`). PyArrow is
imported where rows are read; nothing that is read can run code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.errors import MmrecError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

FAMILY = "precomputed:"
_ID, _VECTOR = "item_id", "vector"
_DTYPES = ("float16", "float32", "float64")
_PART_ROWS = 4096  # of 1,024 float32 are 16 MB
_EXPECTED = f"a .parquet file with ids and lists of numbers ({', '.join(_DTYPES)}), or a .npy file beside an .ids.txt"


@dataclass(frozen=True)
class VectorFile:
    """One file: what its vectors are declared to be, the numbers that they are made of, and how many make one.

    Without a declared name it is that of the file. `width` is that of most vectors at the file's beginning.
    """

    path: Path
    name: str
    dtype: str
    width: int

    def parts(self) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Give ids as they are typed and vectors as bytes (little-endian; null where there is none), in their order.

        `MmrecError` in one line where the file is damaged.
        """
        yield from _npy_parts(self.path) if self.path.suffix == ".npy" else _parquet_parts(self.path)


def named(encoder: str) -> tuple[str, Path]:
    """Give the declared name and the file of `precomputed:<file>` or `precomputed:<name>@<file>`."""
    name, at, place = encoder.removeprefix(FAMILY).rpartition("@")
    path = Path(place).expanduser()
    return (name if at else path.stem), path


def files(encoder: str) -> list[Path]:
    """Give every file that is read for an encoder's name."""
    _, path = named(encoder)
    return [path, _ids_file(path)] if path.suffix == ".npy" else [path]


def described(encoder: str) -> VectorFile:
    """Say what the file of an encoder's name holds, from its beginning; remembered while it stays as it is.

    `MmrecError` in one line where there is no such file, and where it is not what it should be.
    """
    name, path = named(encoder)
    try:
        states = [(s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in map(Path.stat, files(encoder))]
    except OSError as error:
        raise MmrecError(f"vectors not found: no file {error.filename}; expected is {_EXPECTED}") from error
    return VectorFile(path, name, *_described(path, *states))


def _ids_file(path: Path) -> Path:
    return path.with_suffix(".ids.txt")


@lru_cache(maxsize=16)
def _described(path: Path, *_file_states: tuple[int, ...]) -> tuple[str, int]:
    """Give dtype and width."""
    if path.suffix == ".npy":
        matrix = _matrix(path)
        return matrix.dtype.name, matrix.shape[1]
    with _parquet(path) as opened:
        dtype = str(opened.schema_arrow.field(_columns(opened)[1]).type.value_type)
        lengths = next((_lengths(vectors.drop_null()) for _, vectors in _typed_parts(opened)), np.zeros(0, np.int64))
    if not lengths.any():
        raise MmrecError(
            f"{path} begins with no vector, so nothing says how wide they are; leave out items without one"
        )
    widths, counts = np.unique(lengths, return_counts=True)
    return {"halffloat": "float16", "float": "float32", "double": "float64"}[dtype], int(widths[counts.argmax()])


def _npy_parts(path: Path) -> Iterator[tuple[pa.Array, pa.Array]]:
    import pyarrow as pa

    matrix, ids = _matrix(path), _ids(_ids_file(path))
    if len(ids) != len(matrix):
        raise MmrecError(
            f"{_ids_file(path)} has {len(ids):,} lines and {path.name} {len(matrix):,} vectors; expected one each"
        )
    for start in range(0, len(matrix), _PART_ROWS):
        rows = np.ascontiguousarray(matrix[start : start + _PART_ROWS], matrix.dtype.newbyteorder("<"))
        kind = pa.binary(rows.itemsize * rows.shape[1])
        vectors = pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, pa.py_buffer(rows)])
        yield pa.array(ids[start : start + _PART_ROWS], pa.string()), vectors.cast(pa.large_binary())


def _matrix(path: Path) -> np.ndarray:
    """Give [items, width] as a map of the file."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error
    is_matrix = isinstance(matrix, np.ndarray) and matrix.ndim == 2
    if not is_matrix or matrix.dtype.name not in _DTYPES or not matrix.shape[1]:
        found = f"{matrix.dtype.name} {list(matrix.shape)}" if isinstance(matrix, np.ndarray) else "an archive"
        raise MmrecError(f"{path} holds {found}; expected is [items, width] of {', '.join(_DTYPES)}")
    return matrix


def _ids(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from error


@contextmanager
def _parquet(path: Path) -> Iterator[ParquetFile]:
    """Open a Parquet file; what Arrow says of a damaged one, here or while it is read, becomes one line."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as opened:
            yield opened
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _parquet_parts(path: Path) -> Iterator[tuple[pa.Array, pa.Array]]:
    with _parquet(path) as opened:
        for ids, vectors in _typed_parts(opened):
            yield ids, _bytes_of(vectors)


def _typed_parts(opened: ParquetFile) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Give the ids and the vectors, as large lists, of a Parquet file."""
    import pyarrow as pa

    id_column, vector_column = _columns(opened)
    for part in opened.iter_batches(_PART_ROWS, columns=[id_column, vector_column]):
        vectors = part.column(vector_column)
        yield part.column(id_column), vectors.cast(pa.large_list(vectors.type.value_type))


def _columns(opened: ParquetFile) -> tuple[str, str]:
    """Give the names of the columns of ids and of vectors."""
    schema = opened.schema_arrow
    lists = [field.name for field in schema if _is_vector(field.type)]
    vector = _VECTOR if _VECTOR in lists else lists[0] if len(lists) == 1 else None
    others = [name for name in schema.names if name not in lists]
    id_ = _ID if _ID in others else others[0] if len(others) == 1 else None
    if vector is None or id_ is None:
        found = ", ".join(f"{field.name} ({field.type})" for field in schema)
        told = f"expected is one column of ids, or one called {_ID}, and one of lists of {', '.join(_DTYPES)}"
        raise MmrecError(f"the file of vectors has the columns {found or 'none'}; {told}")
    return id_, vector


def _is_vector(kind: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return is_list and pa.types.is_floating(kind.value_type)


def _lengths(vectors: pa.Array) -> np.ndarray:
    from pyarrow import compute

    return compute.fill_null(compute.list_value_length(vectors), 0).to_numpy(zero_copy_only=False)


def _bytes_of(vectors: pa.Array) -> pa.Array:
    """Give each list as the bytes of its numbers, without copying them; a number that is null is no number."""
    import pyarrow as pa
    from pyarrow import compute

    numbers = compute.fill_null(vectors.flatten(), np.nan).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(_lengths(vectors))]) * numbers.itemsize
    buffers = [None, pa.py_buffer(ends.astype("<i8")), pa.py_buffer(np.ascontiguousarray(numbers))]
    joined = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(vectors), buffers)
    return compute.if_else(vectors.is_valid(), joined, pa.scalar(None, joined.type))


def _unreadable(path: Path, error: BaseException) -> MmrecError:
    return MmrecError(
        f"vectors cannot be read from {path}: {' '.join(str(error).split())[:200]}; expected is {_EXPECTED}"
    )
