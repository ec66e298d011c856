"""Decoding pictures that somebody else made: of a known kind, whole, and not too big.

Belongs here: the guard between untrusted bytes and pixels. Does not belong here: opening files (`media`), and what an
encoder makes of a picture (`recipes`). Pillow has stood up to damaged files, so it runs in this process; sounds and
films are decoded elsewhere (`decoding`).
"""

from __future__ import annotations

import threading
import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mmrec.media import BadMedia

MAX_IMAGE_PIXELS = 50_000_000
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

# `warnings.catch_warnings` changes the whole process, so one thread at a time turns warnings into errors.
_WARNINGS_LOCK = threading.Lock()


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
