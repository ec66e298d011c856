"""What encoders of files share whose network sees one or several parts of each: windows of a sound, clips of a film.

Here: device, decoding under the guards, batches within a budget of parts, and the mean of the parts' vectors. Not here:
what a part is and what the network makes of it (`audio`, `clips`, `hf`, `image`), averaging itself (`pooling`). Torch
is imported when an encoder is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Prepared, pooling
from mmrec.encoders.pending import Vectors
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders

if TYPE_CHECKING:
    from torch import Tensor


class PartsEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of parts.

    An encoder says how many parts a batch has for each CPU thread (`cpu_parts`) and a tile has on a GPU (`gpu_parts`),
    reads a file (`_read`) and runs its network (`_forward`). A tile on a CPU is one part, which keeps the caches warm:
    60 pictures/s a core against 45 with 8, and 25 windows of a sound either way (measured on the defaults).
    """

    block_rows, piece_rows = 64, 1
    cpu_parts, gpu_parts = 16, 64

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        from mmrec.encoders.device import DTYPES, Runner, choose

        self.identity = identity
        self.device, self.device_reason = choose(device)
        self._dtype = DTYPES[identity.fields["precision"]]
        self._runner = Runner(self.device)
        self._decoders = Decoders()

    def size_hint(self, item: MediaRef) -> int:
        """Give the same for every file: what is in it is known only when it has been opened."""
        return 1

    def prepare(self, inputs: Sequence[MediaRef]) -> list[Prepared | Failure]:
        """Read, check and decode each file, and make the parts of it; what is refused is a `Failure`."""
        return [self._prepare(ref) for ref in inputs]

    def _prepare(self, ref: MediaRef) -> Prepared | Failure:
        try:
            return self._read(ref)
        except BadMedia as error:
            return Failure(str(error))

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows within a budget of parts."""
        return pooling.batches(
            prepared, self.cpu_parts * self._runner.threads if self.device == "cpu" else self.gpu_parts
        )

    def encode(self, batch: Sequence[Prepared]) -> Vectors:
        """Give the mean of the vectors of each file's parts, scaled to unit length."""
        return pooling.encode(batch, self._run)

    def _run(self, parts: Sequence[np.ndarray]) -> Vectors:
        """Begin the vectors of parts."""
        return self._runner.run(parts, 1 if self.device == "cpu" else self.gpu_parts, self._forward)

    def _read(self, ref: MediaRef) -> Prepared:
        """Give the parts of a file; `BadMedia` where it cannot be used."""
        raise NotImplementedError

    def _forward(self, parts: Tensor) -> Tensor:
        """Give float [parts, width]."""
        raise NotImplementedError
