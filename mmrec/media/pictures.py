"""Decoding pictures that somebody else made: of a known kind, whole, and not too big.

Here: the guard between untrusted bytes and pixels. Not here: opening files (`media`), what the parts of a picture's
file say (`decoding.picture_parts`), and what an encoder makes of a picture (`recipes`).

Pillow's decoders of JPEG, PNG, WEBP, GIF and BMP have stood up to damaged files and run in this process. Those of
AVIF, JPEG 2000 and TIFF rest on bigger C libraries and run in a worker of its own (`decoding`).
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mmrec.errors import MmrecError
from mmrec.media import picture_parts
from mmrec.media.opening import BadMedia
from mmrec.media.pool import Decoders
from mmrec.media.shared import Shared

MAX_IMAGE_PIXELS = 50_000_000
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
CONFINED_FORMATS = ("AVIF", "JPEG2000", "TIFF")
KINDS = "JPEG, PNG, WEBP, GIF, BMP, AVIF, JPEG 2000, TIFF"

_CONFINED = re.compile(
    rb".{4}ftyp.{0,48}?avi[fs]|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51|II\x2a\0|MM\0\x2a|II\x2b\0|MM\0\x2b", re.DOTALL
)
# What is met in place of a picture often enough to be told by name.
_NOT_READ = {
    "a HEIC picture, which is not read; save it as PNG or JPEG": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "a JPEG XL picture, which is not read; save it as PNG or JPEG": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a Photoshop picture, which is not read; save it as PNG or JPEG": rb"8BPS",
    "an SVG drawing, which is not read; save it as PNG": rb"(\xef\xbb\xbf)?\s*(<[?!][^>]*>\s*)*<svg",
    "a PDF document, not a picture": rb"%PDF-",
    "a web page, not a picture": rb"(?i)(\xef\xbb\xbf)?\s*(<[?!][^>]*>\s*)*<html|(\xef\xbb\xbf)?\s*<!doctype html",
}
_HEAD_BYTES = 1024
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence Pillow: it warns about notes; what is missing of the pixels raises."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.|mmrec\.media\.")
        yield


# `warnings.catch_warnings` changes the whole process; threads decode side by side while they share it.
_SILENCE = Shared(_without_warnings)


def read_image(data: bytes) -> Image.Image:
    """Decode one picture to RGB, upright (EXIF), transparent parts on white; of several pictures the first.

    The format is told from the bytes, never from a name: JPEG, PNG, WEBP, GIF, BMP, AVIF, JPEG 2000 or TIFF. At most 50
    million pixels, checked before any pixel is decoded. `BadMedia` for a picture that is damaged or cut short; notes
    beside the pixels (EXIF, texts, colour profiles) may be damaged.
    """
    head = data[:_HEAD_BYTES]
    if _CONFINED.match(head):
        return _decode_in_worker(data)
    for found, magic in _NOT_READ.items():
        if re.match(magic, head, re.DOTALL):
            raise BadMedia(found)
    return decode(data, IMAGE_FORMATS)


def decode(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Decode a picture of one of Pillow's `formats` in this process; see `read_image`.

    What fails is tried again without the notes: Pillow warns of those that are damaged, but some make it give up.
    """
    try:
        with _SILENCE:
            return _decode(data, formats)
    except (BadMedia, MemoryError):
        raise
    except Exception as error:  # decoders raise anything on damaged bytes: OSError, SyntaxError, struct.error, …
        bare = picture_parts.without_notes(data)
        if bare == data:
            raise _refused(error, formats) from error
    return decode(bare, formats)


def _decode(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    with Image.open(BytesIO(data), formats=formats) as image:
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise _too_many_pixels(f"{image.width} × {image.height} pixels")
        if image.format == "TIFF" and image.mode in ("I", "F"):
            raise BadMedia("a picture with samples of 32 bits, which is not read; save it with 8 or 16 bits a sample")
        image.load()
        picture_parts.check_end(data, image.format)
        return _flatten(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF or XMP notes say, where that can be read."""
    side = None
    with suppress(Exception):  # notes that somebody else wrote
        side = image.getexif().get(ExifTags.Base.Orientation)
    if side is None:
        side = picture_parts.exif_orientation(image.info.get("exif") or b"")
    return image.transpose(_TURNS[side]) if side in _TURNS else image


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


def _decode_in_worker(data: bytes) -> Image.Image:
    with _handed_over(data) as file:
        _, found = _decoders().decode(file, "picture", 3 * MAX_IMAGE_PIXELS)
    if [(pixels.ndim, pixels.shape[-1], pixels.dtype) for pixels in found] != [(3, 3, np.uint8)]:
        raise BadMedia("the decoder gave no sensible answer")
    return Image.fromarray(found[0])


def _handed_over(data: bytes) -> BinaryIO:
    """Give an open file with these bytes, which has no name."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        file.write(data)
        file.flush()
    except OSError as error:
        told = f"{error.strerror} in {tempfile.gettempdir()}"
        raise MmrecError(f"a picture cannot be handed to its decoder: {told}; make room there or set TMPDIR") from error
    return file


@cache
def _decoders() -> Decoders:
    """The workers for pictures; started when the first such picture comes."""
    return Decoders()


def _refused(error: Exception, formats: tuple[str, ...]) -> BadMedia:
    if isinstance(error, Image.DecompressionBombError):
        return _too_many_pixels("the picture")
    if not isinstance(error, UnidentifiedImageError):
        return BadMedia(f"the picture is damaged: {_one_line(error)}")
    if formats == CONFINED_FORMATS:
        return BadMedia("the picture is damaged or cut short: its beginning cannot be read")
    return BadMedia(f"not a picture of a known kind ({KINDS}), or its beginning is damaged")


def _too_many_pixels(what: str) -> BadMedia:
    return BadMedia(f"too many pixels: {what}, allowed {MAX_IMAGE_PIXELS:,} in all")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
