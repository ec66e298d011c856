"""Video encoders: frames of a film through an image encoder, averaged over time and scaled to unit length.

Here: `frames:<image encoder>`, at fixed places, and `keyframes:<image encoder>`, out of the longest shots. Not here:
which frames these are (`mmrec.encoders.recipes`, `mmrec.media.shots`), opening and decoding files
(`mmrec.media.opening`, `mmrec.media`), what an image encoder is (`image`, `hf`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from mmrec import encoders
from mmrec.encoders import EncoderIdentity, Failure, ImageEncoder, Prepared, SentenceEncoder, pooling
from mmrec.encoders.pending import Pending, Vectors
from mmrec.encoders.recipes import FrameRecipe, KeyFrameRecipe
from mmrec.errors import MmrecError
from mmrec.media.decoded import read_frames, read_key_frames
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders, require_film_decoder

_RECIPES: dict[str, FrameRecipe | KeyFrameRecipe] = {"frames": FrameRecipe(), "keyframes": KeyFrameRecipe()}
_BATCH_FRAMES = 64
_BLOCK_ROWS = 64  # of 4 frames of 224² are 39 MB


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `frames:` or `keyframes:<image encoder>`, which holds that of the image encoder whole."""
    family, _, image_name = name.partition(":")
    image = encoders.identity("image", image_name, precision, weights_root)
    if image.fields["architecture"] == "precomputed":
        raise MmrecError(f"{image.name} sees no frames: `{family}:` takes a network of pictures")
    fields = {
        "modality": modality,
        "architecture": family,
        "image": image.fields,
        "pooling": "mean over frames",
        "normalization": "l2",
        "precision": precision,
        "width": image.width,
        "recipe": _RECIPES[family].fields(),
    }
    return EncoderIdentity(modality, name, image.width, fields, image.paths, image.reads_sentences)


def build(identity: EncoderIdentity, device: str) -> FramesEncoder:
    """Load the image encoder of an identity; see `mmrec.encoders.load`."""
    require_film_decoder()
    return FramesEncoder(identity, device)


class FramesEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of frames."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        self.identity = identity
        family, _, name = identity.name.partition(":")
        self._recipe, fields = _RECIPES[family], identity.fields["image"]
        image = EncoderIdentity("image", name, identity.width, fields, identity.paths)
        self._image = cast(ImageEncoder, encoders.load(image, device))
        self.device, self.device_reason = self._image.device, self._image.device_reason
        self._decoders = Decoders()
        self.block_rows, self.piece_rows = _BLOCK_ROWS, 1

    def size_hint(self, item: MediaRef) -> int:
        """Give the number of frames, the same for every film."""
        return self._recipe.frames

    def prepare(self, inputs: Sequence[MediaRef]) -> list[Prepared | Failure]:
        """Read, check and decode frames of each film, and prepare each as a picture; what is refused is a `Failure`."""
        return [self._prepare(ref) for ref in inputs]

    def _prepare(self, ref: MediaRef) -> Prepared | Failure:
        try:
            frames = self._frames(ref)
        except BadMedia as error:
            return Failure(str(error))
        pictures = [self._image.prepare_picture(Image.fromarray(frame)) for frame in frames]
        return Prepared(np.stack([picture.data for picture in pictures]), len(pictures))

    def _frames(self, ref: MediaRef) -> list[np.ndarray]:
        if isinstance(self._recipe, KeyFrameRecipe):
            return read_key_frames(self._decoders, ref, self._recipe.frames)
        return read_frames(self._decoders, ref, self._recipe.fractions())

    def encode_query(self, text: str) -> np.ndarray:
        """See `mmrec.encoders.SentenceEncoder`: where the image encoder places the sentence."""
        return cast(SentenceEncoder, self._image).encode_query(text)

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows within a budget of frames."""
        return pooling.batches(prepared, _BATCH_FRAMES)

    def encode(self, batch: Sequence[Prepared]) -> Pending:
        """Give the mean of the vectors of each film's frames, scaled to unit length."""
        return pooling.encode(batch, self._encode_frames)

    def _encode_frames(self, frames: Sequence[np.ndarray]) -> Vectors:
        return self._image.encode([Prepared(frame, frame.size) for frame in frames])
