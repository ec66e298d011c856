"""Opening files that somebody else wrote: regular files inside one folder only, with their registered bytes.

Here: the guard between untrusted names and everything behind it, and finding a file whose name is written in another
Unicode form. Not here: what is in the files (`pictures`, `decoding`), and torch. Everything refused is a `BadMedia`
whose text a person understands; it names no folder of the machine.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path

MAX_IMAGE_BYTES = 64 * 2**20
MAX_AUDIO_BYTES = 256 * 2**20
MAX_VIDEO_BYTES = 2**30

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO must not wait for its writer.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_REASONS = {
    errno.ENOENT: "the file does not exist",
    errno.ENOTDIR: "the file does not exist",
    errno.ELOOP: "the file is a symbolic link",
    errno.EACCES: "the file may not be read (permissions)",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.ENXIO: "not a regular file",
}
_CHANGED = "the file changed since it was registered"
_TWO_FORMS = "two files have this name in other Unicode forms (é as one character or as two); keep one of them"
# A folder listed so soon after it was touched may change again under the same time stamp.
_SETTLED_NS = 2_000_000_000


class BadMedia(Exception):
    """A media file that is refused; the text is the reason, in words for a person."""


@dataclass(frozen=True)
class MediaRef:
    """A registered media file: where it is (`path`, absolute or below `root`) and the sha256 (hex) it had then."""

    path: Path
    root: Path
    sha256: str


def register(path: Path, max_bytes: int) -> MediaRef:
    """Register a file that somebody names on their own, by the bytes it has now, under the rules of `open_regular`."""
    place = path.absolute()
    with open_regular(place, place.parent, max_bytes) as file:
        try:
            return MediaRef(place, place.parent, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise BadMedia(f"the file cannot be read ({error.strerror})") from error


def open_regular(path: Path, root: Path, max_bytes: int) -> BufferedReader:
    """Open a regular file of at most `max_bytes` that really lies below `root`, for reading; the caller closes it.

    A relative `path` counts from `root`. Symbolic links between folders inside `root` are followed; a link that
    leads out of it, a file that is itself a link, a folder, a FIFO, a device, a socket and an empty file are refused
    (`BadMedia`). Where no file has the very name, one whose name is equal in Unicode's form NFC is opened.
    """
    try:
        descriptor = _open_in_any_form(path, root)
    except OSError as error:
        raise BadMedia(_OPEN_REASONS.get(error.errno or 0, f"the file cannot be opened ({error.strerror})")) from error
    except ValueError as error:  # a NUL in the name
        raise BadMedia("the file name is not valid") from error
    try:
        _check_regular(os.fstat(descriptor), max_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def spelled_on_disk(path: Path, root: Path) -> Path | None:
    """Give a path as the names below `root` are really written; None where nothing is there.

    Of each part the very name comes first, else the one name that is equal in Unicode's form NFC: disks and catalogues
    write é as one character or as two. `BadMedia` where two names are. Folders outside `root` are not looked into.
    """
    if path.is_absolute():
        if not path.is_relative_to(root):
            return None
        path = path.relative_to(root)
    inside = current = Path(os.path.realpath(root))
    for part in path.parts:
        name = part if os.path.lexists(current / part) else _in_other_form(part, current, inside)
        if name is None:
            return None
        current /= name
    return current


def _in_other_form(name: str, folder: Path, inside: Path) -> str | None:
    if not Path(os.path.realpath(folder)).is_relative_to(inside):
        return None
    names = _other_forms(folder).get(unicodedata.normalize("NFC", name), ())
    if len(names) > 1:
        raise BadMedia(_TWO_FORMS)
    return names[0] if names else None


def _other_forms(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """The names of a folder that are not plain ASCII, by their NFC; listed once while the folder stays as it is."""
    try:
        status = folder.stat()
        settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
        listed = _listed if settled else _listed.__wrapped__
        return listed(folder, status.st_ino, status.st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=256)
def _listed(folder: Path, inode: int, mtime_ns: int) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in os.listdir(folder):  # noqa: PTH208 (names, not paths)
        if not name.isascii():
            form = unicodedata.normalize("NFC", name)
            found[form] = (*found.get(form, ()), name)
    return found


def _open_in_any_form(path: Path, root: Path) -> int:
    real_root = Path(os.path.realpath(root))
    try:
        return _open_below(path, real_root)
    except FileNotFoundError:
        spelled = None if str(path).isascii() else spelled_on_disk(path, root)
        if spelled is None:
            raise
    return _open_below(spelled, real_root)


def _open_below(path: Path, root: Path) -> int:
    """Walk from `root` down one folder at a time, so that a link put there meanwhile is met and refused."""
    folder = Path(os.path.realpath((root / path).parent))
    if not folder.is_relative_to(root):
        raise BadMedia("the file is outside the media folder")
    current = os.open(root, _OPEN_FOLDER)
    try:
        for part in folder.relative_to(root).parts:
            below = os.open(part, _OPEN_FOLDER, dir_fd=current)
            os.close(current)
            current = below
        return os.open(path.name, _OPEN_FILE, dir_fd=current)
    finally:
        os.close(current)


def _check_regular(status: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadMedia("not a regular file")
    if status.st_size == 0:
        raise BadMedia("the file is empty")
    if status.st_size > max_bytes:
        raise _too_big(status.st_size, max_bytes)


def _too_big(found_bytes: int, max_bytes: int) -> BadMedia:
    return BadMedia(f"the file is too big: {found_bytes:,} bytes, allowed {max_bytes:,}")


def read_regular(path: Path, root: Path, max_bytes: int) -> bytes:
    """Read a whole file under the rules of `open_regular`; also refuses one that grows past `max_bytes` meanwhile."""
    with open_regular(path, root, max_bytes) as file:
        try:
            data = file.read(max_bytes + 1)
        except OSError as error:
            raise BadMedia(f"the file cannot be read ({error.strerror})") from error
    if len(data) > max_bytes:
        raise _too_big(len(data), max_bytes)
    return data


def read_registered(ref: MediaRef, max_bytes: int = MAX_IMAGE_BYTES) -> bytes:
    """Read a registered file and refuse bytes that are no longer the registered ones: its key would lie."""
    data = read_regular(ref.path, ref.root, max_bytes)
    _check_digest(hashlib.sha256(data).hexdigest(), ref)
    return data


@contextmanager
def open_registered(ref: MediaRef, max_bytes: int) -> Iterator[BufferedReader]:
    """Open a registered file at its beginning, for what reads big files in parts, under the rules of `read_registered`.

    All of it is hashed first; when the caller is done, a file that was written to in the meantime is refused, so that
    every part was read from the registered bytes.
    """
    with open_regular(ref.path, ref.root, max_bytes) as file:
        before = _state(file)
        try:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadMedia(f"the file cannot be read ({error.strerror})") from error
        _check_digest(found, ref)
        file.seek(0)
        yield file
        if _state(file) != before:
            raise BadMedia(_CHANGED)


def _state(file: BufferedReader) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check_digest(found: str, ref: MediaRef) -> None:
    if found != ref.sha256:
        raise BadMedia(_CHANGED)
