"""Opening files that somebody else wrote: regular files inside one folder only, and pictures only if they are whole.

Belongs here: the guard between untrusted bytes and everything behind it. Does not belong here: what an encoder makes
of a picture (`recipes`), and torch. Everything refused is a `BadMedia` whose text a person understands; it names no
folder of the machine.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_IMAGE_BYTES = 64 * 2**20
MAX_IMAGE_PIXELS = 50_000_000
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

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
# `warnings.catch_warnings` changes the whole process, so one thread at a time turns warnings into errors.
_WARNINGS_LOCK = threading.Lock()


class BadMedia(Exception):
    """A media file that is refused; the text is the reason, in words for a person."""


@dataclass(frozen=True)
class MediaRef:
    """A registered media file: where it is (`path`, absolute or below `root`) and the sha256 (hex) it had then."""

    path: Path
    root: Path
    sha256: str


def open_regular(path: Path, root: Path, max_bytes: int) -> BinaryIO:
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
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise BadMedia("the file changed since it was registered")
    return data


def read_image(data: bytes) -> Image.Image:
    """Decode one picture to RGB, upright (EXIF), transparent parts on white; of an animation the first frame.

    The format is told from the bytes, never from a name: JPEG, PNG, WEBP, GIF or BMP. At most 50 million pixels,
    checked before any pixel is decoded. A picture that is cut short or makes the decoder warn is refused: `BadMedia`.
    """
    with _WARNINGS_LOCK, warnings.catch_warnings():
        for about_the_file in (UserWarning, RuntimeWarning):  # deprecations are about code, not about the file
            warnings.simplefilter("error", about_the_file)
        try:
            return _decode(data)
        except (BadMedia, MemoryError):
            raise
        except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _unopened(error) from error
        except Exception as error:  # decoders raise anything on damaged bytes: OSError, SyntaxError, struct.error, …
            raise BadMedia(f"the picture is damaged: {_one_line(error)}") from error


def _decode(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data), formats=IMAGE_FORMATS) as image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise _too_many_pixels(f"{image.width} × {image.height} pixels")
        image.load()
        return _flatten(ImageOps.exif_transpose(image))


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a sample; Pillow's own conversion would clip instead of scale
        samples = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray((samples >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def _unopened(error: Exception) -> BadMedia:
    if isinstance(error, UnidentifiedImageError):
        return BadMedia(f"not a picture of a known kind ({', '.join(IMAGE_FORMATS)}), or its beginning is damaged")
    return _too_many_pixels("the picture")


def _too_many_pixels(what: str) -> BadMedia:
    return BadMedia(f"too many pixels: {what}, allowed {MAX_IMAGE_PIXELS:,} in all")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
