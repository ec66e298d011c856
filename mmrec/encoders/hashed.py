"""A stand-in encoder for tests and benches of the engine: `hash:<width>` turns bytes into a pseudo-random unit vector.

Its vectors carry no meaning: equal inputs are equal, all others are unrelated. It needs no weights and no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Input, Prepared
from mmrec.errors import MmrecError
from mmrec.media.opening import MAX_VIDEO_BYTES, BadMedia, MediaRef, open_registered

if TYPE_CHECKING:
    from PIL import Image

_MAX_WIDTH = 8192
_BATCH_ROWS = 256


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `hash:<width>`; `MmrecError` for a width that is not a number from 1 to 8192."""
    text = name.partition(":")[2]
    width = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= width <= _MAX_WIDTH:
        raise MmrecError(f"{name!r}: the width must be a whole number from 1 to {_MAX_WIDTH}")
    fields = {
        "modality": modality,
        "architecture": "sha256 seeded shake-256",
        "normalization": "l2",
        "precision": precision,
        "width": width,
        "recipe": {"name": "raw bytes", "version": 1},
    }
    return EncoderIdentity(modality, name, width, fields, reads_sentences=modality == "text")


def build(identity: EncoderIdentity, device: str) -> HashEncoder:
    """Give the encoder; whatever `device` says it runs on the CPU."""
    return HashEncoder(identity)


class HashEncoder:
    """See `mmrec.encoders.Encoder`."""

    block_rows, piece_rows = 128, 128

    def __init__(self, identity: EncoderIdentity) -> None:
        self.identity = identity
        self.device = "cpu"
        self.device_reason = "hashing uses no GPU"

    def size_hint(self, item: Input) -> int:
        """Give the number of characters or bytes."""
        return len(item) if isinstance(item, str | bytes) else 1

    def prepare(self, inputs: Sequence[Input]) -> list[Prepared | Failure]:
        """Hash each input; a media file is read and compared with its registered sha256 first."""
        return [self._prepare(item) for item in inputs]

    def _prepare(self, item: Input) -> Prepared | Failure:
        if not isinstance(item, MediaRef):
            return _hashed(item.encode() if isinstance(item, str) else item)
        try:
            with open_registered(item, MAX_VIDEO_BYTES):
                return _prepared(bytes.fromhex(item.sha256))
        except BadMedia as error:
            return Failure(str(error))

    def prepare_picture(self, picture: Image.Image) -> Prepared:
        """Hash the samples of a picture."""
        return _hashed(picture.tobytes())

    def encode_query(self, text: str) -> np.ndarray:
        """See `mmrec.encoders.SentenceEncoder`: the vector of an item with this very text."""
        return self.encode([_hashed(text.encode())])[0]

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Cut into batches of 256 rows."""
        rows = range(len(prepared))
        return [list(rows[start : start + _BATCH_ROWS]) for start in range(0, len(rows), _BATCH_ROWS)]

    def encode(self, batch: Sequence[Prepared]) -> np.ndarray:
        """Stretch each digest to a unit vector."""
        width = self.identity.width
        stream = b"".join(hashlib.shake_256(row.data.tobytes()).digest(4 * width) for row in batch)
        # The middle of each step, so that a row is never all zeros and has a direction.
        samples = np.frombuffer(stream, dtype="<u4").reshape(len(batch), width).astype(np.float64) + 0.5 - 2**31
        return (samples / np.sqrt((samples**2).sum(axis=1, keepdims=True))).astype(np.float32)


def _hashed(data: bytes) -> Prepared:
    return _prepared(hashlib.sha256(data).digest())


def _prepared(digest: bytes) -> Prepared:
    return Prepared(np.frombuffer(digest, dtype=np.uint8), len(digest))
