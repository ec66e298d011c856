"""Video encoders that see motion: torchvision's networks of Kinetics-400, over short clips out of a film.

Here: `torchvision:r3d_18@<weights file>` and its kin. Not here: what of a film they see (`mmrec.encoders.recipes`), the
network without its classifier (`networks.headless`), opening and decoding files. Torch is imported by `build` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Prepared, pooling
from mmrec.encoders.image import torchvision_file
from mmrec.encoders.pending import Pending
from mmrec.encoders.recipes import KINETICS
from mmrec.encoders.weights import sha256_of
from mmrec.media.decoded import read_frames
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders, require_film_decoder

if TYPE_CHECKING:
    from torch import Tensor

_NETWORKS = ("r3d_18", "mc3_18", "r2plus1d_18")
_WIDTH = 512
_CPU_BATCH_CLIPS, _GPU_TILE_CLIPS = 8, 32
_BLOCK_ROWS = 32  # of 3 clips of 16 frames of 112² are 58 MB


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `torchvision:<network>@<file>`; see `mmrec.encoders.identity`."""
    network, path = torchvision_file(name, _NETWORKS)
    fields = {
        "modality": modality,
        "architecture": f"torchvision {network}",
        "weights": sha256_of(path),
        "pooling": "what its last linear layer reads; mean over clips",
        "normalization": "l2",
        "precision": precision,
        "width": _WIDTH,
        "recipe": KINETICS.fields(),
    }
    return EncoderIdentity(modality, name, _WIDTH, fields, {"weights": path.absolute()})


def build(identity: EncoderIdentity, device: str) -> ClipEncoder:
    """Load the network of an identity; see `mmrec.encoders.load`."""
    require_film_decoder()
    return ClipEncoder(identity, device)


class ClipEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of clips."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        import torch

        from mmrec.encoders.device import DTYPES, Runner, choose
        from mmrec.encoders.networks.headless import headless

        self.identity = identity
        self.device, self.device_reason = choose(device)
        self._dtype = DTYPES[identity.fields["precision"]]
        name, path = torchvision_file(identity.name, _NETWORKS)
        network = headless(name, path, identity.fields["weights"], identity.width)
        self._network = network.to(self.device, self._dtype)
        self._mean, self._std = (
            torch.tensor(three, device=self.device).view(1, 3, 1, 1, 1) for three in (KINETICS.mean, KINETICS.std)
        )
        self._runner = Runner(self.device)
        self._decoders = Decoders()
        self.block_rows, self.piece_rows = _BLOCK_ROWS, 1

    def size_hint(self, item: MediaRef) -> int:
        """Give the number of clips, the same for every film."""
        return KINETICS.clips

    def prepare(self, inputs: Sequence[MediaRef]) -> list[Prepared | Failure]:
        """Read, check and decode clips of each film, and scale and crop them; what is refused is a `Failure`."""
        return [self._prepare(ref) for ref in inputs]

    def _prepare(self, ref: MediaRef) -> Prepared | Failure:
        try:
            clips = [self._clip(ref, fraction) for fraction in KINETICS.fractions()]
        except BadMedia as error:
            return Failure(str(error))
        return Prepared(np.stack(clips), len(clips))

    def _clip(self, ref: MediaRef, fraction: float) -> np.ndarray:
        """Give uint8 [frames, crop, crop, 3]; one a call, since frames are big and the clips of a short film meet."""
        frames = read_frames(self._decoders, ref, [fraction], KINETICS.frames, 1 / KINETICS.rate)
        return KINETICS.pixels(frames)

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows within a budget of clips."""
        cpu_clips = _CPU_BATCH_CLIPS * self._runner.threads
        return pooling.batches(prepared, cpu_clips if self.device == "cpu" else _GPU_TILE_CLIPS)

    def encode(self, batch: Sequence[Prepared]) -> Pending:
        """Give the mean of the features of each film's clips, scaled to unit length."""
        tile_rows = 1 if self.device == "cpu" else _GPU_TILE_CLIPS
        return pooling.encode(batch, lambda clips: self._runner.run(clips, tile_rows, self._forward))

    def _forward(self, samples: Tensor) -> Tensor:
        pixels = (samples.permute(0, 4, 1, 2, 3).float() - self._mean) / self._std
        return self._network(pixels.to(self._dtype))
