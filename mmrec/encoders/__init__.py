"""Encoders by name: what each one is (its identity, without torch) and the encoder itself (loaded on demand).

Here: the registry, one line an encoder, and the interface every encoder has. Not here: networks (`efficientnet`,
`aisfx`), what one modality needs (`text`, `image`, `audio`, `video`), devices (`device`) and weight files (`weights`,
`hub`).

Importing this package, and asking for an identity, never imports torch: a run in which nothing changed does not pay
for it. A further modality is one line in `_REGISTRY` and a module with two functions:
`identify(modality, name, precision, weights_root) → EncoderIdentity` and `build(identity, device) → Encoder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from mmrec.encoders.pending import Vectors
from mmrec.errors import MmrecError
from mmrec.keys import canonical_digest
from mmrec.modalities import NAMES

if TYPE_CHECKING:
    from PIL import Image

PRECISIONS = ("fp32", "bf16")

# A cleaned string, a `mmrec.media.opening.MediaRef`, or whatever else a modality takes; its encoder knows.
Input: TypeAlias = Any


@dataclass(frozen=True)
class EncoderIdentity:
    """What an encoder is: everything that decides its vectors, and where its files are.

    `fields` is JSON-able and is the key material: modality, architecture, digests of the weight and tokenizer files,
    pooling, normalization, maximum length, precision, width and recipe. `name` and `paths` are not part of the id:
    the same files elsewhere, or under another name, are the same encoder. Where it `reads_sentences`, a sentence has a
    place among its vectors: it encodes texts, or is one half of a joint model such as CLIP.
    """

    modality: str
    name: str
    width: int
    fields: dict[str, Any] = field(hash=False)
    paths: Mapping[str, Path] = field(default_factory=dict, compare=False, repr=False)
    reads_sentences: bool = field(default=False, compare=False)

    @property
    def id(self) -> str:
        """The sha256 (hex) of the canonical JSON of `fields`."""
        return canonical_digest(self.fields)


@dataclass(frozen=True)
class Prepared:
    """One input ready for the device: its row of data and its padded size (tokens, pixels or bytes)."""

    data: np.ndarray
    size: int


@dataclass(frozen=True)
class Failure:
    """One input that cannot be encoded, and why, in words for a person."""

    reason: str


class Encoder(Protocol):
    """Turns inputs into vectors in two steps: `prepare` (CPU) and `encode` (device).

    A text encoder takes cleaned strings, the others `mmrec.media.opening.MediaRef`s. On a CPU a vector depends on its
    own input only: the same bits whatever the batch, its order and the number of threads. On a GPU the last bits may
    differ with the company a row is in. `block_rows` inputs are prepared and cut into batches together, `piece_rows` of
    them by one thread at a time.
    """

    identity: EncoderIdentity
    device: str
    device_reason: str
    block_rows: int
    piece_rows: int

    def size_hint(self, item: Input) -> int:
        """Guess how much work an input is, without opening it; rows are sorted by it before they are prepared."""
        ...

    def prepare(self, inputs: Sequence[Input]) -> list[Prepared | Failure]:
        """Decode, crop, resample or tokenize; one answer an input, in order. A bad input is a `Failure`, no error.

        Called by several threads at once.
        """
        ...

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group row numbers so that a batch has one padded size and fits the budget of tokens or pixels."""
        ...

    def encode(self, batch: Sequence[Prepared]) -> Vectors:
        """Begin float32 [n, width] of rows of one padded size; of unit length if the identity says so.

        `np.asarray` waits for what is pending.
        """
        ...


class SentenceEncoder(Encoder, Protocol):
    """An encoder whose identity says that it reads sentences."""

    def encode_query(self, text: str) -> np.ndarray:
        """Give float32 [width] of a sentence that looks for items; a `MmrecError` where it has no tokens."""
        ...


class ImageEncoder(Encoder, Protocol):
    """An encoder of pictures, which also takes them decoded: frames of a film, for example."""

    def prepare_picture(self, picture: Image.Image) -> Prepared:
        """Crop and resample an RGB picture."""
        ...


@dataclass(frozen=True)
class _Entry:
    """One line of the registry: `pattern` is a whole name, or `family:<what follows>`."""

    pattern: str
    modalities: tuple[str, ...]
    module: str

    def matches(self, modality: str, name: str) -> bool:
        family, colon, _ = self.pattern.partition(":")
        named = name.startswith(family + colon) and len(name) > len(family + colon) if colon else name == family
        return named and modality in self.modalities


_REGISTRY = (
    _Entry("minilm", ("text",), "text"),
    _Entry("e5-small", ("text",), "e5"),
    _Entry("efficientnet-lite0", ("image",), "image"),
    _Entry("torchvision:<network>@<weights file>", ("image",), "image"),
    _Entry("aisfx", ("audio",), "audio"),
    _Entry("torchvision:<network>@<weights file>", ("video",), "clips"),
    _Entry("frames:<image encoder>", ("video",), "video"),
    _Entry("keyframes:<image encoder>", ("video",), "video"),
    _Entry("hf:<folder or hub id>", ("text",), "text"),
    _Entry("hf:<folder or hub id>", ("image", "audio", "video"), "hf"),
    _Entry("windows:<text encoder>", ("text",), "windows"),
    _Entry("precomputed:<file>", NAMES, "precomputed"),
    _Entry("hash:<width>", NAMES, "hashed"),
)


def identity(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Say what the encoder `name` is, by hashing its files; torch is not imported.

    `precision` is `fp32` or `bf16`; `weights_root` holds the fetched defaults. `MmrecError` in one line for an
    unknown modality, name or precision, and for weights that are not there.
    """
    _one_of("modality", modality, NAMES)
    _one_of("precision", precision, PRECISIONS)
    return _module(modality, name).identify(modality, name, precision, weights_root)


def load(identity: EncoderIdentity, device: str = "auto") -> Encoder:
    """Load the encoder onto `device`: auto, cpu, cuda, cuda:<n> or mps. Imports torch for the encoders that need it.

    With `auto`, `encoder.device_reason` says in one line why a GPU is not used. `MmrecError` when the device is not
    there, and when a weight file is no longer the one that was identified.
    """
    return _module(identity.modality, identity.name).build(identity, device)


def peak_device_bytes(device: str) -> int:
    """Give the most memory this process has held on a CUDA device so far; 0 for other devices."""
    if not device.startswith("cuda"):
        return 0
    import torch

    return torch.cuda.max_memory_allocated(device)


def _module(modality: str, name: str) -> ModuleType:
    for entry in _REGISTRY:
        if entry.matches(modality, name):
            return import_module(f"{__name__}.{entry.module}")
    known = ", ".join(entry.pattern for entry in _REGISTRY if modality in entry.modalities)
    raise MmrecError(f"unknown {modality} encoder {name!r}; known: {known}")


def _one_of(what: str, found: str, allowed: Sequence[str]) -> None:
    if found not in allowed:
        raise MmrecError(f"unknown {what} {found!r}; allowed: {', '.join(allowed)}")
