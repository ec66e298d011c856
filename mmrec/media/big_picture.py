"""Decoding one picture whose decoder is a big C library. Runs in the worker; Pillow does the work."""

from __future__ import annotations

import io

import numpy as np
from PIL import AvifImagePlugin

from mmrec.media import pictures


def decode(file: io.RawIOBase) -> tuple[dict[str, int], list[np.ndarray]]:
    """Give {} and the RGB pixels (uint8 [height, width, 3]) of an AVIF, JPEG 2000 or TIFF picture, upright.

    `BadMedia` as in `mmrec.media.pictures.read_image`.
    """
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # every thread reserves address space, of which a worker has little
    return {}, [np.asarray(pictures.decode(file.read(), pictures.CONFINED_FORMATS))]
