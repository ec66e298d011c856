"""Audio encoders: networks that see windows of a sound, whose vectors are averaged and scaled to unit length.

Here: finding a network's weights, what identifies it, and running it. Not here: the windows themselves
(`mmrec.encoders.recipes`), the layers of the default (`aisfx`), opening and decoding files (`mmrec.media.opening`,
`mmrec.media`), devices (`device`). Torch is imported by `build` only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.encoders import EncoderIdentity, Prepared
from mmrec.encoders.parts import PartsEncoder
from mmrec.encoders.recipes import AISFX
from mmrec.encoders.weights import fetched_folder, load_state, packages, sha256_of
from mmrec.errors import MmrecError
from mmrec.media.decoded import read_sound
from mmrec.media.opening import MediaRef

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAME, _FILE = "aisfx", "aisfx.pth"
_WIDTH = 512


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `aisfx`; see `mmrec.encoders.identity`."""
    path = fetched_folder(_NAME, weights_root) / _FILE
    fields = {
        "modality": modality,
        "architecture": _NAME,
        "weights": sha256_of(path),
        "pooling": "mean over windows",
        "normalization": "l2",
        "precision": precision,
        "width": _WIDTH,
        "recipe": AISFX.fields(),
    }
    return EncoderIdentity(modality, name, _WIDTH, fields, {"weights": path.absolute()})


def build(identity: EncoderIdentity, device: str) -> AudioEncoder:
    """Load the network of an identity; see `mmrec.encoders.load`."""
    return AudioEncoder(identity, device)


class AudioEncoder(PartsEncoder):
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of windows."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        import torch

        super().__init__(identity, device)
        network = _load_network(identity).to(self.device, self._dtype)
        self._network: Callable[[Tensor], Tensor] = network.to(memory_format=torch.channels_last)

    def _read(self, ref: MediaRef) -> Prepared:
        """Resample and cut a sound into log-mel windows."""
        windows = AISFX.windows(*read_sound(self._decoders, ref))
        return Prepared(windows, len(windows))

    def _forward(self, parts: Tensor) -> Tensor:
        return self._network(parts.to(self._dtype))


def _load_network(identity: EncoderIdentity) -> nn.Module:
    from mmrec.encoders.networks.aisfx import from_checkpoint

    path = identity.paths["weights"]
    # A pickle from elsewhere: only the very file named in weights.toml is opened.
    state = load_state(path, packages()[_NAME].sha256(_FILE), numpy_numbers=True)
    try:
        return from_checkpoint(state)
    except (KeyError, RuntimeError) as error:
        raise MmrecError(f"{path} does not hold the weights of {_NAME}: {str(error).splitlines()[0]}") from error
