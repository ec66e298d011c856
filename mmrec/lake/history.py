"""What lies in a table's folder of earlier times: older versions, and files of rows that no version of now holds.

Here: finding and deleting it, by the names and times of files, of a lake on disk. Not here: which versions somebody
still needs (`mmrec/upkeep/vacuum.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmrec.lake import keyed, seals
from mmrec.lake.seals import LOG


def since(folder: Path, moment: float) -> int | None:
    """The version that a table had at a moment (seconds since 1970); the first one where it was made later.

    None where the log no longer reaches back that far.
    """
    entries = {_version(name): name for name in seals.names(folder / LOG) if name.endswith("json")}
    first = 0 if 0 in entries else min(_checkpoints(folder), default=None)
    if first is None:
        return None
    then = [v for v, name in entries.items() if v >= first and (folder / LOG / name).stat().st_mtime <= moment]
    return max(then) if then else 0 if first == 0 else None


def added(folder: Path, version: int) -> set[str]:
    """The files that the commits after a version have added, also those that are gone again."""
    later = (name for name in seals.names(folder / LOG) if name.endswith("json") and _version(name) > version)
    return {path for name in later for path in seals.added(folder / LOG / name)}


def files(folder: Path, before: float) -> list[str]:
    """The files of rows that were last written before a moment, below the folder; what a killed writer left, too."""
    own = (each for each in folder.rglob("*.parquet*") if not each.relative_to(folder).parts[0].startswith("_"))
    return sorted(str(each.relative_to(folder)) for each in own if each.stat().st_mtime <= before)


def parts_before(folder: Path, version: int) -> list[str]:
    """The parts of the log that nobody needs who opens this version or a later one: those before a checkpoint."""
    start = max((each for each in _checkpoints(folder) if each <= version), default=0)
    return sorted(f"{LOG}/{name}" for name in seals.names(folder / LOG) if _version(name) < start)


def delete(folder: Path, paths: Iterable[str]) -> None:
    """Deletes files of rows and parts of the log, and before each what is noted of it."""
    for path in paths:
        seals.forget(folder, path)
        keyed.forget(folder / path)
        (folder / path).unlink(missing_ok=True)


def _version(name: str) -> int:
    return int(name[:20])


def _checkpoints(folder: Path) -> list[int]:
    return [_version(name) for name in seals.names(folder / LOG) if name.endswith("parquet")]
