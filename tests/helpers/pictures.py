"""Pictures whose parts are put together by hand."""

import struct

import numpy as np

from mmrec.media.pictures import read_image
from tests.helpers.clips import encoded, picture

PICTURE = picture()
JPEG, PNG, WEBP = (encoded(PICTURE, kind) for kind in ("JPEG", "PNG", "WEBP"))
UPRIGHT = (0x112, 3, 1, 6)  # the orientation of a camera held on its side


def pixels(data):
    return np.asarray(read_image(data))


def jpeg(*segments):
    """The picture with segments (marker, body) in front."""
    made = [b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments]
    return JPEG[:2] + b"".join(made) + JPEG[2:]
