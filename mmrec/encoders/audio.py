"""Audio encoders: networks that see windows of a sound, whose vectors are averaged and scaled to unit length.

Here: finding a network's weights, what identifies it, and running it. Not here: the windows themselves
(`mmrec.encoders.recipes`), the layers of the default (`aisfx`), opening and decoding files (`mmrec.media.opening`,
`mmrec.media`), devices (`device`). Torch is imported by `build` only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.encoders import EncoderIdentity, Failure, Prepared, pooling
from mmrec.encoders.pending import Pending
from mmrec.encoders.recipes import AISFX
from mmrec.encoders.weights import fetched_folder, load_state, packages, sha256_of
from mmrec.errors import MmrecError
from mmrec.media.decoded import read_sound
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAME, _FILE = "aisfx", "aisfx.pth"
_WIDTH = 512
# One window a tile: 25 windows/s a core, the same as with 8 (measured).
_CPU_TILE_ROWS, _CPU_BATCH_TILES = 1, 16
_GPU_TILE_ROWS = 64
_BLOCK_ROWS = 64  # of 16 windows are 39 MB


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


class AudioEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of windows."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        import torch

        from mmrec.encoders.device import DTYPES, Runner, choose

        self.identity = identity
        self.device, self.device_reason = choose(device)
        self._dtype = DTYPES[identity.fields["precision"]]
        network = _load_network(identity).to(self.device, self._dtype)
        self._network: Callable[[Tensor], Tensor] = network.to(memory_format=torch.channels_last)
        self._runner = Runner(self.device)
        self._decoders = Decoders()
        self.block_rows, self.piece_rows = _BLOCK_ROWS, 1

    def size_hint(self, item: MediaRef) -> int:
        """Give the same for every sound: its length is known only when it has been opened."""
        return 1

    def prepare(self, inputs: Sequence[MediaRef]) -> list[Prepared | Failure]:
        """Read, check, decode, resample and cut each sound into log-mel windows; what is refused is a `Failure`."""
        return [self._prepare(ref) for ref in inputs]

    def _prepare(self, ref: MediaRef) -> Prepared | Failure:
        try:
            windows = AISFX.windows(*read_sound(self._decoders, ref))
        except BadMedia as error:
            return Failure(str(error))
        return Prepared(windows, len(windows))

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows within a budget of windows."""
        cpu_windows = _CPU_TILE_ROWS * _CPU_BATCH_TILES * self._runner.threads
        return pooling.batches(prepared, cpu_windows if self.device == "cpu" else _GPU_TILE_ROWS)

    def encode(self, batch: Sequence[Prepared]) -> Pending:
        """Give the mean of the features of each sound's windows, scaled to unit length."""
        tile_rows = _CPU_TILE_ROWS if self.device == "cpu" else _GPU_TILE_ROWS
        return pooling.encode(batch, lambda windows: self._runner.run(windows, tile_rows, self._forward))

    def _forward(self, windows: Tensor) -> Tensor:
        return self._network(windows.to(self._dtype))


def _load_network(identity: EncoderIdentity) -> nn.Module:
    from mmrec.encoders.networks.aisfx import from_checkpoint

    path = identity.paths["weights"]
    # A pickle from elsewhere: only the very file named in weights.toml is opened.
    state = load_state(path, packages()[_NAME].sha256(_FILE), numpy_numbers=True)
    try:
        return from_checkpoint(state)
    except (KeyError, RuntimeError) as error:
        raise MmrecError(f"{path} does not hold the weights of {_NAME}: {str(error).splitlines()[0]}") from error
