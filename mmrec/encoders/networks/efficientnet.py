"""The layers of EfficientNet-Lite0, from a picture to its 1,280 features.

Tan & Le 2019 (arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, as published for "Lite". Inference
only: batch normalization is folded into the convolutions when the weights are loaded. Key names of the checkpoint
are those of the PyTorch conversion named in `weights.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 1280
_NORM_EPSILON = 1e-3
_STEM_WIDTH = 32


class Stage(NamedTuple):
    """Blocks of one shape: the first has the stride, the others keep the size."""

    kernel: int
    stride: int
    expand: int
    width: int
    repeats: int


STAGES = (
    Stage(kernel=3, stride=1, expand=1, width=16, repeats=1),
    Stage(kernel=3, stride=2, expand=6, width=24, repeats=2),
    Stage(kernel=5, stride=2, expand=6, width=40, repeats=2),
    Stage(kernel=3, stride=2, expand=6, width=80, repeats=3),
    Stage(kernel=5, stride=1, expand=6, width=112, repeats=3),
    Stage(kernel=5, stride=2, expand=6, width=192, repeats=4),
    Stage(kernel=3, stride=1, expand=6, width=320, repeats=1),
)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": output = ⌈input / stride⌉, an odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=0 if stride > 1 else kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Filter pictures or feature maps [n, inputs, height, width]."""
        if self.stride[0] > 1:
            down, right = (self._missing(size) for size in x.shape[-2:])
            x = functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(x)

    def _missing(self, size: int) -> int:
        stride, kernel = self.stride[0], self.kernel_size[0]
        return max(0, (-(-size // stride) - 1) * stride + kernel - size)


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; add the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = inputs * expand
        self.expand = SameConv(inputs, inner) if expand > 1 else None
        self.depthwise = SameConv(inner, inner, kernel, stride, groups=inner)
        self.project = SameConv(inner, outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Give feature maps of `outputs` channels."""
        y = functional.relu6(self.expand(x)) if self.expand else x
        y = self.project(functional.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Pictures [n, 3, height, width] → features [n, 1280], averaged over the picture in fp32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, _STEM_WIDTH, kernel=3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.head = SameConv(STAGES[-1].width, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Give the features of normalised pictures."""
        x = functional.relu6(self.stem(x))
        x = functional.relu6(self.head(self.blocks(x)))
        return x.float().mean(dim=(2, 3))


def _blocks() -> Iterator[Block]:
    inputs = _STEM_WIDTH
    for stage in STAGES:
        for repeat in range(stage.repeats):
            yield Block(inputs, stage.width, stage.kernel, stage.stride if repeat == 0 else 1, stage.expand)
            inputs = stage.width


def from_checkpoint(state: Mapping[str, Tensor]) -> EfficientNetLite0:
    """Build the network with the weights of a checkpoint; a `KeyError` or `RuntimeError` when it is another network."""
    with torch.device("meta"):  # never a random weight: what the checkpoint does not fill cannot run
        network = EfficientNetLite0()
    network.load_state_dict(dict(_folded(state, network)), strict=True, assign=True)
    return network.eval()


def _folded(state: Mapping[str, Tensor], network: EfficientNetLite0) -> Iterator[tuple[str, Tensor]]:
    """Give weight and bias of each of our convolutions, with the normalization behind it multiplied in."""
    for ours, convolution, norm in _names(network):
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _NORM_EPSILON)
        yield f"{ours}.weight", state[f"{convolution}.weight"] * scale[:, None, None, None]
        yield f"{ours}.bias", state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale


def _names(network: EfficientNetLite0) -> Iterator[tuple[str, str, str]]:
    """Pair our names with the checkpoint's: (our convolution, its convolution, its normalization)."""
    yield "stem", "_conv_stem", "_bn0"
    for number, block in enumerate(network.blocks.children()):
        theirs = f"_blocks.{number}"
        if getattr(block, "expand", None) is not None:
            yield f"blocks.{number}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
        yield f"blocks.{number}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
        yield f"blocks.{number}.project", f"{theirs}._project_conv", f"{theirs}._bn2"
    yield "head", "_conv_head", "_bn1"
