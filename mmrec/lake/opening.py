"""Opening a table: whether it is there, whole, of today's format, and what a person is told where it is not.

Not here: which version is asked for, and what is kept open (`store.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

import deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from mmrec import folders
from mmrec.errors import MmrecError
from mmrec.lake import seals, writing
from mmrec.lake.files import local_folder


def open_table(
    uri: str, root: str, version: int | None, form: str, memo: MutableMapping[Any, Any]
) -> deltalake.DeltaTable | None:
    """The table at a version, or as it is now; None where there is none now. `memo` keeps which files were whole."""
    _check(uri, root, -1, version, memo)
    try:
        delta = deltalake.DeltaTable(uri, version=version)
    except TableNotFoundError:
        if (folder := local_folder(uri)) is not None:
            folders.check_readable(folder, folders.lake_folder(root))
        if version is None:
            return None
        name = uri.removeprefix(f"{root.rstrip('/')}/")
        raise MmrecError(f"version {version} of {name} is no longer in the lake; type `mmrec run` again") from None
    except (DeltaError, OSError) as error:
        raise folders.problem(error, folders.lake_folder(root)) or error from None
    if delta.metadata().description != form:
        raise writing.other_format(uri, delta.metadata().description)
    return delta


def look_again(delta: deltalake.DeltaTable, uri: str, root: str, memo: MutableMapping[Any, Any]) -> None:
    """Brings an open table to its newest version."""
    _check(uri, root, delta.version(), None, memo)
    delta.update_incremental()


def check_files(uri: str, root: str, files: Iterable[str], memo: MutableMapping[Any, Any]) -> None:
    """Raises where one of a table's files, named whole, is not what was written."""
    if (folder := local_folder(uri)) is not None:
        below = [file.removeprefix(f"{uri}/") for file in files]
        _told(seals.check_files(folder, below, memo.setdefault(seals.LOG, {})), uri, root)


def _check(uri: str, root: str, after: int, upto: int | None, memo: MutableMapping[Any, Any]) -> None:
    if (folder := local_folder(uri)) is not None:
        _told(seals.check_log(folder, memo.setdefault(seals.LOG, {}), after, upto), uri, root)


def _told(damage: seals.Damage | None, uri: str, root: str) -> None:
    if damage is not None:
        raise damage.error(uri.removeprefix(f"{root.rstrip('/')}/"))
