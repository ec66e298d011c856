"""Video encoders that see motion: torchvision's networks of Kinetics-400, over short clips out of a film.

Here: `torchvision:r3d_18@<weights file>` and its kin. Not here: what of a film they see (`mmrec.encoders.recipes`), the
network without its classifier (`networks.headless`), opening and decoding files. Torch is imported by `build` only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmrec.encoders import EncoderIdentity, Prepared
from mmrec.encoders.image import torchvision_file
from mmrec.encoders.parts import PartsEncoder
from mmrec.encoders.recipes import KINETICS
from mmrec.encoders.weights import sha256_of
from mmrec.media.decoded import read_frames
from mmrec.media.opening import MediaRef
from mmrec.media.pool import require_film_decoder

if TYPE_CHECKING:
    from torch import Tensor

_NETWORKS = ("r3d_18", "mc3_18", "r2plus1d_18")
_WIDTH = 512


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


class ClipEncoder(PartsEncoder):
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of clips."""

    block_rows = 32  # of 3 clips of 16 frames of 112² are 58 MB
    cpu_parts, gpu_parts = 8, 32

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        import torch

        from mmrec.encoders.networks.headless import headless

        super().__init__(identity, device)
        name, path = torchvision_file(identity.name, _NETWORKS)
        network = headless(name, path, identity.fields["weights"], identity.width)
        self._network = network.to(self.device, self._dtype)
        self._mean, self._std = (
            torch.tensor(three, device=self.device).view(1, 3, 1, 1, 1) for three in (KINETICS.mean, KINETICS.std)
        )

    def _read(self, ref: MediaRef) -> Prepared:
        """Decode, scale and crop clips of a film."""
        clips = [self._clip(ref, fraction) for fraction in KINETICS.fractions()]
        return Prepared(np.stack(clips), len(clips))

    def _clip(self, ref: MediaRef, fraction: float) -> np.ndarray:
        """Give uint8 [frames, crop, crop, 3]; one a call, since frames are big and the clips of a short film meet."""
        frames = read_frames(self._decoders, ref, [fraction], KINETICS.frames, 1 / KINETICS.rate)
        return KINETICS.pixels(frames)

    def _forward(self, parts: Tensor) -> Tensor:
        pixels = (parts.permute(0, 4, 1, 2, 3).float() - self._mean) / self._std
        return self._network(pixels.to(self._dtype))
