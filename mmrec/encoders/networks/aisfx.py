"""The layers of aiSFX, from a log-mel window to its 512 features.

The convolutional part ("EmbeddingNet", a nine-layer network after Kong et al. 2018, arXiv 1808.00773) of the model
X-Sequential-CE of Ma & Lerch 2022, "Representation Learning for the Automatic Indexing of Sound Effects Libraries". Its
classifiers are left out. Inference only: batch normalization is folded into the convolutions when the weights are
loaded. Key names of the checkpoint are those of the package named in `weights.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 512
_CHANNELS = (1, 64, 128, 256, WIDTH)
_NORM_EPSILON = 1e-5


class Block(nn.Module):
    """Two convolutions of 3 × 3, then the largest of each 2 × 2 places where `shrinks`."""

    def __init__(self, inputs: int, outputs: int, shrinks: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shrinks = shrinks

    def forward(self, x: Tensor) -> Tensor:
        """Filter feature maps [n, inputs, frames, bands]."""
        x = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        return functional.max_pool2d(x, 2) if self.shrinks else x


class EmbeddingNet(nn.Module):
    """Log-mel windows [n, frames, bands] → features [n, 512]: averaged over bands, then the most over time."""

    def __init__(self) -> None:
        super().__init__()
        shapes = list(pairwise(_CHANNELS))
        self.blocks = nn.Sequential(*(Block(*shape, shrinks=shape != shapes[-1]) for shape in shapes))

    def forward(self, x: Tensor) -> Tensor:
        """Give the features of each window, in fp32."""
        return self.blocks(x.unsqueeze(1)).float().mean(dim=3).amax(dim=2)


def from_checkpoint(state: Mapping[str, Tensor]) -> EmbeddingNet:
    """Build the network with the weights of a checkpoint; a `KeyError` or `RuntimeError` when it is another network."""
    with torch.device("meta"):  # never a random weight: what the checkpoint does not fill cannot run
        network = EmbeddingNet()
    network.load_state_dict(dict(_folded(state)), strict=True, assign=True)
    return network.eval()


def _folded(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Give weight and bias of each of our convolutions, with the normalization behind it multiplied in."""
    for block in range(len(_CHANNELS) - 1):
        for place in (1, 2):
            theirs, norm = (f"embedding_net.conv_block{block + 1}.{kind}{place}" for kind in ("conv", "bn"))
            scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _NORM_EPSILON)
            yield f"blocks.{block}.conv{place}.weight", state[f"{theirs}.weight"] * scale[:, None, None, None]
            yield f"blocks.{block}.conv{place}.bias", state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
