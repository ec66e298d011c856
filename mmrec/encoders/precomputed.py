"""Vectors that somebody else has computed, taken over as they are: `precomputed:<file>`.

Here: what identifies them, and which of them can be used. Not here: their files (`mmrec.media.vector_files`), and which
vector is whose item's (`mmrec.stages.raw.precomputed`). Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Input, Prepared
from mmrec.errors import MmrecError
from mmrec.media import vector_files

_BLOCK_ROWS = 4096


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `precomputed:<file>` or `precomputed:<name>@<file>`: declared name, width and dtype.

    The file's bytes are no part of it: each vector's own are its input.
    """
    if precision != "fp32":
        raise MmrecError(f"{name}: precomputed vectors are taken as they are; leave out precision = {precision!r}")
    file = vector_files.described(name)
    fields = {
        "modality": modality,
        "architecture": "precomputed",
        "name": file.name,
        "normalization": "none",
        "precision": precision,
        "width": file.width,
        "dtype": file.dtype,
        "recipe": {"name": "as delivered", "version": 1},
    }
    return EncoderIdentity(modality, name, file.width, fields)


def build(identity: EncoderIdentity, device: str) -> PrecomputedEncoder:
    """Give the encoder; whatever `device` says it runs on the CPU."""
    return PrecomputedEncoder(identity)


class PrecomputedEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are the bytes of vectors, or the `Failure` of one that is not there."""

    block_rows = piece_rows = _BLOCK_ROWS

    def __init__(self, identity: EncoderIdentity) -> None:
        self.identity = identity
        self.device = "cpu"
        self.device_reason = "vectors that were computed elsewhere need none"
        self._dtype = np.dtype(identity.fields["dtype"]).newbyteorder("<")

    def size_hint(self, item: Input) -> int:
        """Give the same for every vector."""
        return 1

    def prepare(self, inputs: Sequence[Input]) -> list[Prepared | Failure]:
        """Check each vector; one of another width, or with a number that is not finite, is a `Failure`."""
        return [self._prepare(item) for item in inputs]

    def _prepare(self, item: Input) -> Prepared | Failure:
        if isinstance(item, Failure):
            return item
        if not isinstance(item, bytes):
            return Failure("the vectors were computed elsewhere, so what is no item of the catalogue has none")
        numbers, width = np.frombuffer(item, self._dtype), self.identity.width
        if len(numbers) != width:
            return Failure(f"the vector has {len(numbers)} numbers, expected {width}")
        with np.errstate(over="ignore"):  # an infinity says as much
            vector = numbers.astype(np.float32)
        if not np.isfinite(vector).all():
            return Failure("the vector holds numbers that are not finite in float32")
        return Prepared(vector, width)

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Take all rows together."""
        return [list(range(len(prepared)))] if prepared else []

    def encode(self, batch: Sequence[Prepared]) -> np.ndarray:
        """Give the vectors."""
        return np.stack([row.data for row in batch])
