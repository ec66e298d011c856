"""Folders that cannot be used: full, read-only, not allowed. What a person is told, whichever library found out.

Libraries raise what they like: Delta Lake an error of its own with the system's words in it, Polars an error of the
system without its number, DuckDB and SQLite others again. So a cause is known by the system's number, or else by words.
Here: causes, and looking whether there is room. Not here: who writes where.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmrec.errors import MmrecError

MARGIN_BYTES = 2**20  # kept free, so that a library does not meet the end of a disk in the midst of a file
# `_internal` is Delta Lake's; DuckDB and Polars quote an error of the other where one reads for the other.
_LIBRARIES = (
    "_internal",
    "deltalake",
    "duckdb",
    "_duckdb",
    "polars",
    "pyarrow",
    "safetensors",
    "sqlalchemy",
    "sqlite3",
)
_OF_A_FILE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO)
_PARQUET_FILE = re.compile(r"part-\d+-[\w.-]+parquet")  # of a table of the lake, however its path is shortened


class StorageError(MmrecError):
    """A folder that cannot be used as it is: names it, says why, and what to do."""


@dataclass(frozen=True)
class _Cause:
    found: str
    to_do: str
    numbers: frozenset[int]
    words: str  # a pattern


_CAUSES = (
    _Cause(
        "no space is left on its disk",
        "free some space there",
        frozenset({errno.ENOSPC}),
        r"no space left on device|storagefull|disk is full|max_temp_directory_size",
    ),
    _Cause("its disk quota is used up", "free some space there", frozenset({errno.EDQUOT}), "quota exceeded"),
    _Cause(
        "its file system is read-only",
        "make it writable",
        frozenset({errno.EROFS}),
        r"read-only file ?system|readonlyfilesystem|readonly database",
    ),
    _Cause(
        "this user may not read or write there",
        "change its permissions",
        frozenset({errno.EACCES, errno.EPERM}),
        r"permission ?denied|operation not permitted",
    ),
    _Cause("a part of its path is no folder", "correct the path", frozenset({errno.ENOTDIR}), r"not ?a ?directory"),
    _Cause(
        "too many files are open",
        "raise the limit (`ulimit -n`)",
        frozenset({errno.EMFILE, errno.ENFILE}),
        "too many open files",
    ),
    _Cause("its disk reports an error", "check the disk", frozenset({errno.EIO}), r"input/output error|disk i/o error"),
    _Cause(
        "its files cannot be opened or written",
        "see that it is there, writable and not full",
        frozenset(),
        r"unable to open database file|no usable temporary directory",
    ),
)


def problem(error: BaseException, folder: str) -> StorageError | None:
    """The error that a person is meant to read, about a `folder` as a sentence begins with it; None for any other."""
    cause = next((found for each in _chain(error) if (found := _cause_of(each)) is not None), None)
    return None if cause is None else _error(folder, cause)


def of_any(error: BaseException, folder: str) -> StorageError | None:
    """The same where nobody knows which folder it is: as the error names it, else `folder`."""
    if isinstance(error, StorageError):
        return error
    for each in _chain(error):
        if isinstance(each, OSError) and each.filename:
            return problem(error, _named(each))
        if isinstance(each, FileNotFoundError) or type(each).__module__ == "_duckdb":
            return problem(error, folder if _PARQUET_FILE.search(str(each)) else temporary_folder())
    return problem(error, folder)


@contextmanager
def told(folder: Path, called: str) -> Iterator[None]:
    """Within it a library's error about a folder is one that a person is meant to read; any other stays as it is."""
    try:
        yield
    except MmrecError:
        raise
    except Exception as error:
        unusable = of_any(error, called)
        if unusable is None or _PARQUET_FILE.search(str(error)):
            raise
        check_room(folder, called)  # SQLite calls a full disk an error of the disk
        raise unusable from None


def of_machine(error: Exception) -> StorageError | None:
    """The same of an error for which no input is to blame; a file that may not be read is to blame for that itself."""
    number = error.errno if isinstance(error, OSError) else None
    return None if number in _OF_A_FILE else of_any(error, "a folder that encoding needs")


def lake_folder(root: str) -> str:
    """How messages call the lake's folder."""
    return f"the lake's folder {root}"


def temporary_folder() -> str:
    """How messages call the folder of temporary files."""
    return f"the folder of temporary files {temporary() or '(TMPDIR)'}"


def check_room(folder: Path, called: str, size_bytes: int = 0) -> None:
    """Raises where a folder, or the one that it will be made in, cannot be written or has no room for so many bytes."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        raise _error(called, _by_number(errno.ENOTDIR))
    if not os.access(there, os.W_OK | os.X_OK):
        read_only = bool(os.statvfs(there).f_flag & os.ST_RDONLY)
        raise _error(called, _by_number(errno.EROFS if read_only else errno.EACCES))
    free = shutil.disk_usage(there).free
    if free < size_bytes + MARGIN_BYTES:
        needed = -(-(size_bytes + MARGIN_BYTES) // 10**6)
        full = _by_number(errno.ENOSPC)
        raise StorageError(
            f"{called} cannot be used: {full.found} ({free / 1e6:.1f} MB are free, up to {needed:,} MB are needed); "
            f"{full.to_do}, then try again"
        )


def check_readable(folder: Path, called: str) -> None:
    """Raises where a folder is there and cannot be read: to some libraries it then looks as if it were not there."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        return
    except OSError as error:
        if (told := problem(error, called)) is not None:
            raise told from None


def temporary() -> Path | None:
    """The folder of temporary files; None where there is none that can be used."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None


def _named(error: OSError) -> str:
    """What an error of the system is about: the file that it names, or the folder where the file was to be."""
    path = Path(os.fsdecode(error.filename))
    return str(path) if error.errno in _OF_A_FILE else f"the folder {path.parent}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cause_of(error: BaseException) -> _Cause | None:
    if isinstance(error, OSError) and error.errno is not None:
        return next((cause for cause in _CAUSES if error.errno in cause.numbers), None) or _by_words(error)
    return _by_words(error)


def _by_words(error: BaseException) -> _Cause | None:
    if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _LIBRARIES:
        return None  # its words may be anybody's
    text = str(error).lower()
    return next((cause for cause in _CAUSES if re.search(cause.words, text)), None)


def _by_number(number: int) -> _Cause:
    return next(cause for cause in _CAUSES if number in cause.numbers)


def _error(folder: str, cause: _Cause) -> StorageError:
    return StorageError(f"{folder} cannot be used: {cause.found}; {cause.to_do}, then try again")
