"""Opening files that somebody else wrote: regular files inside one folder only, with their registered bytes.

Belongs here: the guard between untrusted names and everything behind it. Does not belong here: what is in the files
(`pictures`, `decoding`), and torch. Everything refused is a `BadMedia` whose text a person understands; it names no
folder of the machine.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


class BadMedia(Exception):
    """A media file that is refused; the text is the reason, in words for a person."""


@dataclass(frozen=True)
class MediaRef:
    """A registered media file: where it is (`path`, absolute or below `root`) and the sha256 (hex) it had then."""

    path: Path
    root: Path
    sha256: str


def open_regular(path: Path, root: Path, max_bytes: int) -> BufferedReader:
    """Open a regular file of at most `max_bytes` that really lies below `root`, for reading; the caller closes it.

    A relative `path` counts from `root`. Symbolic links between folders inside `root` are followed; a link that
    leads out of it, a file that is itself a link, a folder, a FIFO, a device and a socket are refused (`BadMedia`).
    """
    try:
        descriptor = _open_below(path, Path(os.path.realpath(root)))
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
