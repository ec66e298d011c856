"""Image encoders: networks trained on ImageNet, without their classifier.

Here: finding a network's weights, what identifies it, and running it. Not here: the pixels themselves
(`mmrec.encoders.recipes`), the layers of the default (`efficientnet`), opening files (`mmrec.media.opening`), devices
(`device`). Torch and torchvision are imported by `build` only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.encoders import EncoderIdentity, Prepared
from mmrec.encoders.parts import PartsEncoder
from mmrec.encoders.pending import Vectors
from mmrec.encoders.recipes import EFFICIENTNET_LITE, IMAGENET
from mmrec.encoders.weights import fetched_folder, load_state, packages, sha256_of
from mmrec.errors import MmrecError
from mmrec.media.opening import MediaRef, read_registered
from mmrec.media.pictures import read_image

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

_LITE, _LITE_FILE = "efficientnet-lite0", "efficientnet-lite0.pth"
_RECIPES = {_LITE: EFFICIENTNET_LITE}
# Width of what the last linear layer of each torchvision network reads.
_TORCHVISION_WIDTHS = {
    **dict.fromkeys(("resnet18", "resnet34"), 512),
    **dict.fromkeys(("resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"), 2048),
    **dict.fromkeys(("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"), 2048),
    **dict.fromkeys(("efficientnet_b0", "efficientnet_b1", "efficientnet_v2_s", "efficientnet_v2_m"), 1280),
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v3_large"), 1280),
    **{"densenet121": 1024, "densenet169": 1664, "densenet201": 1920},
    **{"convnext_tiny": 768, "convnext_small": 768, "convnext_base": 1024, "convnext_large": 1536},
    **{"swin_t": 768, "swin_s": 768, "swin_b": 1024, "swin_v2_t": 768, "swin_v2_s": 768, "swin_v2_b": 1024},
    **{"vit_b_16": 768, "vit_b_32": 768, "vit_l_16": 1024, "vit_l_32": 1024},
}


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `efficientnet-lite0` or `torchvision:<network>@<file>`; see `mmrec.encoders.identity`."""
    if name == _LITE:
        width, path = 1280, fetched_folder(_LITE, weights_root) / _LITE_FILE
        architecture, pooling = _LITE, "mean over the picture"
    else:
        network, path = torchvision_file(name, _TORCHVISION_WIDTHS)
        width = _TORCHVISION_WIDTHS[network]
        architecture, pooling = f"torchvision {network}", "what its last linear layer reads"
    fields = {
        "modality": modality,
        "architecture": architecture,
        "weights": sha256_of(path),
        "pooling": pooling,
        "normalization": "none",
        "precision": precision,
        "width": width,
        "recipe": _RECIPES.get(architecture, IMAGENET).fields(),
    }
    return EncoderIdentity(modality, name, width, fields, {"weights": path.absolute()})


def torchvision_file(name: str, known: Collection[str]) -> tuple[str, Path]:
    """Give the network, one of `known`, and the weights file that `torchvision:<network>@<file>` names."""
    network, at, place = name.removeprefix("torchvision:").partition("@")
    if network not in known:
        raise MmrecError(f"unknown torchvision network {network!r}; known: {', '.join(known)}")
    if not at or not place:
        raise MmrecError(f"{name!r} names no weights file: write torchvision:{network}@/path/to/weights.pth")
    path = Path(place).expanduser()
    if not path.is_file():
        raise MmrecError(f"weights of {network} not found: no file {path}")
    return network, path


def build(identity: EncoderIdentity, device: str) -> ImageEncoder:
    """Load the network of an identity; see `mmrec.encoders.load`."""
    return ImageEncoder(identity, device)


class ImageEncoder(PartsEncoder):
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a picture is its one part."""

    block_rows, piece_rows = 128, 4  # of 224² are 19 MB

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        import torch

        super().__init__(identity, device)
        self._recipe = _RECIPES.get(identity.fields["architecture"], IMAGENET)
        network = _load_network(identity).to(self.device, self._dtype)
        self._network: Callable[[Tensor], Tensor] = network.to(memory_format=torch.channels_last)
        self._mean, self._std = (
            torch.tensor(three, device=self.device).view(1, 3, 1, 1) for three in (self._recipe.mean, self._recipe.std)
        )

    def _read(self, ref: MediaRef) -> Prepared:
        return self.prepare_picture(read_image(read_registered(ref)))

    def prepare_picture(self, picture: Image.Image) -> Prepared:
        """Scale and crop an RGB picture."""
        return Prepared(self._recipe.pixels(picture), 1)

    def encode(self, batch: Sequence[Prepared]) -> Vectors:
        """Give the features of each picture, as long as the network makes them."""
        return self._run([row.data for row in batch])

    def _forward(self, parts: Tensor) -> Tensor:
        # Seen as [n, 3, height, width], pixels in a row after the other are what torch calls channels_last.
        pixels = ((parts.permute(0, 3, 1, 2).float() - self._mean) / self._std).to(self._dtype)
        return self._network(pixels)


def _load_network(identity: EncoderIdentity) -> nn.Module:
    path, sha256 = identity.paths["weights"], identity.fields["weights"]
    if identity.name == _LITE:
        # The default is a pickle from elsewhere: only the very file named in weights.toml is opened.
        return _lite(load_state(path, packages()[_LITE].sha256(_LITE_FILE)), path)
    from mmrec.encoders.networks.headless import headless

    return headless(torchvision_file(identity.name, _TORCHVISION_WIDTHS)[0], path, sha256, identity.width)


def _lite(state: dict[str, Tensor], path: Path) -> nn.Module:
    from mmrec.encoders.networks.efficientnet import from_checkpoint

    try:
        return from_checkpoint(state)
    except (KeyError, RuntimeError) as error:
        raise MmrecError(f"{path} does not hold the weights of {_LITE}: {str(error).splitlines()[0]}") from error
