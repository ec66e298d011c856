"""The CPU half of encoding: from text to token ids, and from a picture to the pixels a network was trained on.

Belongs here: every choice that changes what a network sees, each as a recipe with a name and a version that goes into
the encoder's id; whoever changes what a recipe does raises its version. Does not belong here: networks, devices, and
reading files (`media`). Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SMALLEST_BUCKET_TOKENS = 16


@dataclass(frozen=True)
class TextRecipe:
    """How a text becomes token ids: cut to `max_tokens` (special tokens included), padded up to a length bucket."""

    max_tokens: int
    name: str = "tokens"
    version: int = 1

    def fields(self) -> dict[str, Any]:
        """Give what goes into the encoder's id."""
        return asdict(self) | {"buckets": "quarters of powers of two from 16"}

    def tokenize(self, tokenizer: Tokenizer, texts: Sequence[str]) -> list[np.ndarray]:
        """Turn each text into its int64 token ids, special tokens included, without padding."""
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)
        return [np.asarray(encoding.ids, dtype=np.int64) for encoding in tokenizer.encode_batch(list(texts))]

    def padded_tokens(self, tokens: int) -> int:
        """Give the length a row of `tokens` ids is padded to: 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, … `max_tokens`.

        A function of the row alone: padded to the longest of its batch, a vector would change with its batch mates
        (in the seventh digit, measured on MiniLM). Four steps to a doubling waste a tenth of the work on average.
        """
        octave = max(tokens - 1, _SMALLEST_BUCKET_TOKENS - 1).bit_length()
        step = max(1, 1 << octave >> 3)
        bucket = max(_SMALLEST_BUCKET_TOKENS, -(-tokens // step) * step)
        return max(min(bucket, self.max_tokens), tokens)


@dataclass(frozen=True)
class ImageRecipe:
    """How a picture becomes the input of a network, as published for its training.

    The shorter side is scaled to `resize` pixels and the middle `crop` × `crop` taken; then, on the device,
    (sample − mean) / std for samples of 0…255.
    """

    name: str
    version: int
    resize: int
    crop: int
    resampling: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def fields(self) -> dict[str, Any]:
        """Give what goes into the encoder's id."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Give the uint8 samples [crop, crop, 3] of an RGB picture.

        Scaling and cropping are one step: only the part that stays is resampled, so that a picture of 1 × 50,000,000
        pixels costs no more than a square one. Still uint8: a quarter of the memory of the floats.
        """
        side = min(image.size) * self.crop / self.resize
        left, top = (image.width - side) / 2, (image.height - side) / 2
        resampling = Image.Resampling[self.resampling.upper()]
        cropped = image.resize((self.crop, self.crop), resampling, box=(left, top, left + side, top + side))
        return np.asarray(cropped)


# The published preprocessing of EfficientNet-Lite (tensorflow/tpu, efficientnet/lite/efficientnet_lite_builder.py:
# MEAN_RGB 127, STDDEV_RGB 128, so that quantised networks start from round numbers) and of its evaluation
# (preprocessing.py: bicubic, crop padding 32). The ImageNet mean and deviation belong to the networks without "Lite".
EFFICIENTNET_LITE = ImageRecipe("efficientnet-lite", 1, 256, 224, "bicubic", (127.0,) * 3, (128.0,) * 3)

# torchvision.transforms.Normalize's usual ImageNet figures, for samples of 0…255.
IMAGENET = ImageRecipe("imagenet", 1, 256, 224, "bilinear", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
