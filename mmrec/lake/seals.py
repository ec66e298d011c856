"""What bytes a table is made of: beside each of its files a small one, its seal, that holds the size and the CRC-32.

Seals are written after every commit and held against the files before anything is read, so that a damaged byte is told
and never served. The seal of a part of the log is followed by a copy of it, which it is mended from. A file without a
seal is one whose writer was killed at it, and is taken as it is until the next commit seals it. Tables of vectors are
left out where rows are read: each row there has a checksum of its own. Here: sealing and checking one table. Not here:
mending (`mmrec/upkeep/repair.py`), object stores, which do all this themselves.
"""

from __future__ import annotations

import json
import os
import re
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mmrec.errors import MmrecError
from mmrec.lake import keyed as keys

LOG = "_delta_log"
_SEALS, _OF_LOG = "_seals", "_seals/log"
_NAME = re.compile(r"\d{20}\.(json|checkpoint\.parquet)")
_CHUNK = 2**20
Known = dict[str, tuple[int, ...]]  # file → its size, times and number when it was last found to be whole


class Damaged(MmrecError):
    """Stored bytes that differ from their checksum."""


@dataclass(frozen=True)
class Damage:
    """A file of a table that is not what was written. `kind`: log, data, or what is noted of it: its seal, its keys."""

    folder: Path
    path: str  # below the table's folder
    kind: str
    told: str

    def error(self, table: str) -> Damaged:
        """What a person is told who wanted to read the table."""
        return Damaged(f"the table {table} is damaged: {self.path} {self.told}; type `mmrec repair`")


def seal(folder: Path, version: int, *, keyed: bool = False) -> None:
    """Seals what the commits up to `version` have added, back to the newest one that is sealed; of a content-addressed
    table the files' keys are noted first.
    """
    if not (folder / LOG).is_dir():  # a lake that writes no files
        return
    (folder / _OF_LOG).mkdir(parents=True, exist_ok=True)
    while version >= 0 and not (folder / _OF_LOG / f"{version:020}.json").exists():
        entry = folder / LOG / f"{version:020}.json"
        if not entry.exists():  # cleaned away
            return
        for path in added(entry):
            if keyed:
                keys.note(folder / path)
            _write(folder / _SEALS / Path(path).name, _mark(folder / path))
        checkpoint = entry.with_name(f"{version:020}.checkpoint.parquet")
        if checkpoint.exists():
            _copy(folder, checkpoint)
            _forget_cleaned(folder)
        _copy(folder, entry)
        version -= 1


def check_log(folder: Path, known: Known, after: int = -1, upto: int | None = None) -> Damage | None:
    """The first damage to the log of a table between two versions; what lies before its checkpoint is not read."""
    for path in _log(folder, after, upto):
        damage = _unlike(folder, path, known)
        if damage is not None:
            return check_log(folder, known, after, upto) if _is_cleaned(folder, damage, after, upto) else damage
    return None


def check_files(folder: Path, paths: Iterable[str], known: Known) -> Damage | None:
    """The first damage to the named files of a table."""
    found = (_unlike(folder, path, known) for path in paths)
    return next((damage for damage in found if damage is not None), None)


def damages(folder: Path, paths: Iterable[str]) -> Iterator[Damage]:
    """Every damage to the log, whole, and to the named files of a table. Reads all of them.

    A seal that is not there is one: a writer that was killed before it has sealed leaves the same as a lost seal.
    """
    parts = names(folder / LOG) | names(folder / _OF_LOG)
    for path in (*(f"{LOG}/{name}" for name in sorted(parts)), *paths):
        damage = _unlike(folder, path, {})
        if damage is not None:
            yield damage
        elif not _mark_file(folder, path).exists() and (folder / path).exists():
            yield Damage(folder, path, "seal", "has no seal: it is lost, or its writer was killed")


def restore(folder: Path, damage: Damage) -> bool:
    """Writes a part of the log again from its copy, or what is noted of a file from it; whether it could."""
    mark = _mark_file(folder, damage.path)
    if damage.kind == "keys":
        keys.note(folder / damage.path)
        return True
    if damage.kind == "seal":
        if damage.path.startswith(LOG):
            _copy(folder, folder / damage.path)
        else:
            _write(mark, _mark(folder / damage.path))
        return True
    if damage.kind != "log":
        return False
    _write(folder / damage.path, mark.read_bytes().partition(b"\n")[2])
    return True


def added(entry: Path) -> list[str]:
    """The files that an entry of the log adds."""
    lines = entry.read_text(encoding="utf-8").splitlines()
    return [unquote(json.loads(line)["add"]["path"]) for line in lines if line.startswith('{"add"')]


def names(folder: Path) -> set[str]:
    """The parts of a log in a folder."""
    try:
        return {each.name for each in folder.iterdir() if _NAME.fullmatch(each.name)}
    except FileNotFoundError:
        return set()


def forget(folder: Path, path: str) -> None:
    """Removes the seal of a file that is about to be deleted."""
    _mark_file(folder, path).unlink(missing_ok=True)


def set_aside(folder: Path, path: str) -> Path | None:
    """Moves a damaged file out of the way; where it is now. None where it is gone."""
    there, aside = folder / path, folder / _SEALS / "damaged" / Path(path).name
    forget(folder, path)
    if not there.exists():
        return None
    aside.parent.mkdir(parents=True, exist_ok=True)
    return there.rename(aside)


def _log(folder: Path, after: int, upto: int | None) -> list[str]:
    """The sealed parts of the log that opening a table reads."""
    sealed = [(int(name[:20]), name) for name in names(folder / _OF_LOG)]
    wanted = [(version, name) for version, name in sealed if version > after and (upto is None or version <= upto)]
    checkpoints = [version for version, name in wanted if name.endswith("parquet")]
    start = max(checkpoints, default=-1)
    read = sorted((v, name) for v, name in wanted if v > start or (v == start and name.endswith("parquet")))
    return [f"{LOG}/{name}" for _, name in read]


def _is_cleaned(folder: Path, damage: Damage, after: int, upto: int | None) -> bool:
    """Whether a part of the log is gone because another process has made a checkpoint behind it meanwhile."""
    return not (folder / damage.path).exists() and damage.path not in _log(folder, after, upto)


def _unlike(folder: Path, path: str, known: Known) -> Damage | None:
    """The damage to a file; None where it is whole, or has no seal."""
    file = folder / path
    try:
        found = file.stat()
    except FileNotFoundError:
        return Damage(folder, path, _kind(path), "is gone") if _mark_file(folder, path).exists() else None
    state = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    if known.get(str(file)) == state:
        return None
    try:
        line, _, copy = _mark_file(folder, path).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    now = _mark(file)
    if now != line + b"\n":
        return _which(folder, path, now, line + b"\n", copy)
    if path.startswith(LOG) and _mark_of(copy) != now:
        return Damage(folder, path, "seal", "has a damaged copy")
    known[str(file)] = state
    return None


def _which(folder: Path, path: str, now: bytes, line: bytes, copy: bytes) -> Damage:
    """Which of the two it is that is damaged: a part of the log, or its seal. Of a file of rows the file is taken."""
    if path.startswith(LOG) and _mark_of(copy) != line:
        return Damage(folder, path, "seal", "has a damaged seal")
    return Damage(folder, path, _kind(path), "differs from what was written")


def _mark_file(folder: Path, path: str) -> Path:
    """The seal of a file of a table, which is named as it is."""
    return folder / (_OF_LOG if path.startswith(LOG) else _SEALS) / Path(path).name


def _kind(path: str) -> str:
    return "log" if path.startswith(LOG) else "data"


def _mark(file: Path) -> bytes:
    """The line of a seal: CRC-32 and size."""
    crc, size = 0, 0
    with file.open("rb") as data:
        while chunk := data.read(_CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return b"%08x %d\n" % (crc, size)


def _mark_of(data: bytes) -> bytes:
    return b"%08x %d\n" % (zlib.crc32(data), len(data))


def _copy(folder: Path, part: Path) -> None:
    data = part.read_bytes()
    _write(folder / _OF_LOG / part.name, _mark_of(data) + data)


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, whoever else writes it."""
    made = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    made.write_bytes(data)
    made.replace(file)


def _forget_cleaned(folder: Path) -> None:
    """Removes the copies of what Delta Lake has cleaned out of the log, which lies before a checkpoint."""
    there = names(folder / LOG)
    newest = max((name for name in there if name.endswith("parquet")), default="")
    for name in names(folder / _OF_LOG) - there:
        if name < newest:
            (folder / _OF_LOG / name).unlink(missing_ok=True)
