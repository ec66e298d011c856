"""Encoders of pictures, sounds and films in the format of transformers: `hf:<folder or hub id>`.

CLIP, SigLIP and CLAP give what they compare with a text; others (DINOv2, AST, Wav2Vec2, VideoMAE) the mean of their
token vectors. Here: what such a network is fed, and what is taken from it. Not here: its files (`hub`), its half for
sentences (`sentences`), text networks (`text`), opening and decoding files. Torch and transformers are imported by
`build` only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmrec.encoders import EncoderIdentity, Prepared, hub, sentences
from mmrec.encoders.parts import PartsEncoder
from mmrec.encoders.recipes import FrameRecipe, WaveRecipe
from mmrec.encoders.weights import sha256_of
from mmrec.errors import MmrecError
from mmrec.media.decoded import read_frames, read_sound
from mmrec.media.opening import MediaRef, read_registered
from mmrec.media.pictures import read_image
from mmrec.media.pool import require_film_decoder

if TYPE_CHECKING:
    from torch import Tensor

_PROCESSOR = "preprocessor_config.json"
# Published configs of this family leave out what is its default.
_UNSAID_WIDTHS = {"siglip_vision_model": 768, "siglip2_vision_model": 768}
_BLOCK_ROWS = {"image": 128, "audio": 32, "video": 16}  # a picture of 224² is .6 MB of floats, 16 frames are 10 MB


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `hf:<folder or hub id>`; see `mmrec.encoders.identity`."""
    folder = hub.folder_of(name.removeprefix("hf:"), [_PROCESSOR, *sentences.FILES])
    config = hub.read_json(folder / hub.CONFIG)
    processor = hub.read_json(folder / _PROCESSOR)
    width = _width(config)
    if width is None:
        raise MmrecError(f"{folder / hub.CONFIG} names no width of a vector: not an encoder of pictures or sounds")
    fields = {
        "modality": modality,
        **hub.network_fields(folder, config),
        "processor": sha256_of(folder / _PROCESSOR),
        "pooling": "what is compared with texts, else the mean of token vectors; mean over parts",
        "normalization": "l2",
        "precision": precision,
        "width": width,
        "recipe": _recipe(modality, config, processor),
    }
    return EncoderIdentity(modality, name, width, fields, {"folder": folder}, reads_sentences="text_config" in config)


def _width(config: dict[str, Any]) -> int | None:
    """Give the width of the space shared with texts, else of a token vector, else that of the tower for the medium."""
    towers = [config[tower] for tower in ("vision_config", "audio_config") if isinstance(config.get(tower), dict)]
    shared = config.get("projection_dim") if "text_config" in config else None
    found = [shared, hub.width_of(config), *map(hub.width_of, towers)]
    found += [_UNSAID_WIDTHS.get(tower.get("model_type")) for tower in towers]
    return next((width for width in found if isinstance(width, int)), None)


def _recipe(modality: str, config: dict[str, Any], processor: dict[str, Any]) -> dict[str, Any]:
    if modality == "audio":
        rate = processor.get("sampling_rate")
        if not isinstance(rate, int):
            raise MmrecError(f"{_PROCESSOR} names no sampling_rate: not an encoder of sounds")
        return WaveRecipe(rate).fields()
    if modality == "video":
        return FrameRecipe(config.get("num_frames", FrameRecipe().frames)).fields()
    return {"name": "picture", "version": 1}


def build(identity: EncoderIdentity, device: str) -> HubEncoder:
    """Load the network and processor of an identity; see `mmrec.encoders.load`."""
    if identity.modality == "video":
        require_film_decoder()
    return HubEncoder(identity, device)


class HubEncoder(PartsEncoder):
    """See `mmrec.encoders.Encoder`. Inputs are `MediaRef`s; a row's size is its number of parts."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        super().__init__(identity, device)
        self._processor = _load_processor(identity)
        self._network = hub.load_network(identity).to(self.device)
        self.block_rows = _BLOCK_ROWS[identity.modality]

    def _read(self, ref: MediaRef) -> Prepared:
        """Let the network's own processor make its input of a file."""
        return {"image": self._picture, "audio": self._windows, "video": self._film}[self.identity.modality](ref)

    def _picture(self, ref: MediaRef) -> Prepared:
        return self.prepare_picture(read_image(read_registered(ref)))

    def prepare_picture(self, picture: Image.Image) -> Prepared:
        """Let the network's own processor scale, crop and normalise an RGB picture."""
        return self._parts([self._processor(picture, return_tensors="np")])

    def _windows(self, ref: MediaRef) -> Prepared:
        recipe = WaveRecipe(**self.identity.fields["recipe"])
        windows = recipe.windows(*read_sound(self._decoders, ref))
        return self._parts(
            [self._processor(window, sampling_rate=recipe.rate, return_tensors="np") for window in windows]
        )

    def _film(self, ref: MediaRef) -> Prepared:
        fractions = FrameRecipe(**self.identity.fields["recipe"]).fractions()
        frames = read_frames(self._decoders, ref, fractions)
        return self._parts([self._processor([Image.fromarray(frame) for frame in frames], return_tensors="np")])

    def encode_query(self, text: str) -> np.ndarray:
        """See `mmrec.encoders.SentenceEncoder`; the tokenizer is loaded when it is first asked for."""
        return sentences.encode(self._network, self.identity, text)

    def _parts(self, processed: list[dict[str, np.ndarray]]) -> Prepared:
        name = self._processor.model_input_names[0]
        return Prepared(np.concatenate([one[name] for one in processed]).astype(np.float32), len(processed))

    def _forward(self, parts: Tensor) -> Tensor:
        vectors = self._features(parts.to(self._dtype))
        if vectors.shape[1:] != (self.identity.width,):
            found = " × ".join(map(str, vectors.shape[1:]))
            raise MmrecError(f"{self.identity.name} gave {found} numbers, its config says {self.identity.width}")
        return vectors

    def _features(self, parts: Tensor) -> Tensor:
        compared: Callable[..., Any] | None = getattr(self._network, f"get_{self.identity.modality}_features", None)
        if compared is None:
            return self._network(parts).last_hidden_state.float().mean(dim=1)
        fuses = self.identity.modality == "audio" and self._network.config.audio_config.enable_fusion
        # CLAP's processor marks a sound that comes alone as long, so that its four views are fused.
        marked = {"is_longer": parts.new_ones(len(parts), 1).bool()} if fuses else {}
        return compared(parts, **marked).pooler_output


def _load_processor(identity: EncoderIdentity) -> Any:
    from transformers import AutoFeatureExtractor, AutoImageProcessor

    folder = identity.paths["folder"]
    hub.same_file(folder / _PROCESSOR, identity.fields["processor"])
    kind = AutoFeatureExtractor if identity.modality == "audio" else AutoImageProcessor
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise MmrecError(f"no processor could be loaded from {folder}: {str(error).splitlines()[0]}") from error
