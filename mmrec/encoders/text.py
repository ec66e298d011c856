"""Text encoders: transformers networks whose token vectors are averaged and scaled to unit length.

Belongs here: finding such a network's files, what identifies it, and running it. Does not belong here: the tokens
themselves (`mmrec.recipes`), fetching the default (`weights`), devices (`device`). Torch and transformers are
imported by `build` only.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Prepared
from mmrec.encoders.weights import fetched_folder, sha256_of
from mmrec.errors import MmrecError
from mmrec.recipes import TextRecipe

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mmrec.encoders.device import Rows

_CONFIG, _TOKENIZER, _SENTENCES = "config.json", "tokenizer.json", "sentence_bert_config.json"
_WEIGHTS = "model*.safetensors"
_HUB_FILES = [_CONFIG, _TOKENIZER, _SENTENCES, _WEIGHTS, "model.safetensors.index.json"]
_DEFAULT_MAX_TOKENS = 512
# The figures of one family or another for the width of a token vector.
_WIDTH_NAMES = ("hidden_size", "d_model", "dim", "n_embd")
# 1,024 to 4,096 tokens are equally fast on a CPU thread (measured on MiniLM); a GPU wants more.
_CPU_TILE_TOKENS = 2048
_GPU_TILE_TOKENS = 16384


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `minilm` or of `hf:<folder or hub id>`; see `mmrec.encoders.identity`."""
    family, colon, place = name.partition(":")
    folder = _hugging_face_folder(place) if colon else fetched_folder(family, weights_root)
    config = _read_json(folder / _CONFIG)
    width = next((config[key] for key in _WIDTH_NAMES if isinstance(config.get(key), int)), None)
    if width is None:
        raise MmrecError(f"{folder / _CONFIG} names no width ({', '.join(_WIDTH_NAMES)}): not a text encoder")
    fields = {
        "modality": modality,
        "architecture": (config.get("architectures") or [config.get("model_type")])[0],
        "config": sha256_of(folder / _CONFIG),
        "weights": {path.name: sha256_of(path) for path in _weight_files(folder)},
        "tokenizer": sha256_of(_present(folder / _TOKENIZER)),
        "pooling": "mean of token vectors",
        "normalization": "l2",
        "precision": precision,
        "width": width,
        "recipe": TextRecipe(_max_tokens(folder, config)).fields(),
    }
    return EncoderIdentity(modality, name, width, fields, {"folder": folder})


def _hugging_face_folder(place: str) -> Path:
    """Find a model: a folder on this machine, else the local cache of the hub, else the hub itself."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if place.startswith((".", "/", "~")):
        raise MmrecError(f"no folder {folder}: `hf:` takes a folder with {_CONFIG}, {_TOKENIZER} and model.safetensors")
    return _hub_folder(place)


def _hub_folder(place: str) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = place.partition("@")
    wanted: dict[str, Any] = {"revision": revision or None, "allow_patterns": _HUB_FILES}
    trouble: Exception | None = None
    for only_local in (True, False):  # what was downloaded once stays the encoder until a revision is named
        try:
            folder = Path(snapshot_download(repository, local_files_only=only_local, **wanted))
        except Exception as error:  # many kinds: no such model, no network, not allowed, not a valid name
            trouble = error
            continue
        if not only_local or any(folder.glob(_WEIGHTS)):  # the cache may hold a model's config alone
            return folder
    raise MmrecError(
        f"text encoder {place!r} not found: no such folder, not in the local hub cache, and the hub did not give it "
        f"({type(trouble).__name__})"
    ) from trouble


def _weight_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob(_WEIGHTS))
    if not files:
        raise MmrecError(f"no {_WEIGHTS} in {folder}; pickled weights of text encoders are not read")
    return files


def _present(path: Path) -> Path:
    if not path.is_file():
        raise MmrecError(f"no {path.name} in {path.parent}; save the tokenizer as a fast tokenizer there")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise MmrecError(f"no {path.name} in {path.parent}") from error
    except ValueError as error:
        raise MmrecError(f"{path} is not JSON: {error}") from error


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    """Give the length the network was made for: as its sentence settings say, else at most 512."""
    if (folder / _SENTENCES).is_file():
        said = _read_json(folder / _SENTENCES).get("max_seq_length")
        if isinstance(said, int):
            return said
    positions = config.get("max_position_embeddings")
    return min(_DEFAULT_MAX_TOKENS, positions) if isinstance(positions, int) else _DEFAULT_MAX_TOKENS


def build(identity: EncoderIdentity, device: str) -> TextEncoder:
    """Load the network and tokenizer of an identity; see `mmrec.encoders.load`."""
    return TextEncoder(identity, device)


class TextEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are cleaned strings; a row's size is its padded length in tokens."""

    def __init__(self, identity: EncoderIdentity, device: str) -> None:
        from mmrec.encoders.device import Runner, choose

        self.identity = identity
        self.device, self.device_reason = choose(device)
        self._recipe = TextRecipe(identity.fields["recipe"]["max_tokens"])
        self._tokenizer = _load_tokenizer(identity)
        self._network = _load_network(identity).to(self.device)
        self._pad = _pad_token(self._network.config)
        self._runner = Runner(self.device)

    def size_hint(self, item: str) -> int:
        """Give the number of characters: close enough to tokens for sorting."""
        return len(item) if isinstance(item, str) else 0

    def prepare(self, inputs: Sequence[str]) -> list[Prepared | Failure]:
        """Tokenize."""
        rows = self._recipe.tokenize(self._tokenizer, inputs)
        return [self._prepared(ids) if len(ids) else Failure("the text has no tokens") for ids in rows]

    def _prepared(self, ids: np.ndarray) -> Prepared:
        return Prepared(ids, self._recipe.padded_tokens(len(ids)))

    def batches(self, prepared: Sequence[Prepared]) -> list[list[int]]:
        """Group rows by padded length, each batch within the budget of tokens."""
        by_size: dict[int, list[int]] = defaultdict(list)
        for row, item in enumerate(prepared):
            by_size[item.size].append(row)
        return [
            rows[start : start + step]
            for size, rows in sorted(by_size.items())
            for step in (self._batch_rows(size),)
            for start in range(0, len(rows), step)
        ]

    def _batch_rows(self, size: int) -> int:
        if self.device == "cpu":
            return max(1, _CPU_TILE_TOKENS // size) * self._runner.threads
        return max(1, _GPU_TILE_TOKENS // size)

    def encode(self, batch: Sequence[Prepared]) -> np.ndarray:
        """Give the mean of each text's token vectors, scaled to unit length; rows must share one padded length."""
        size = batch[0].size
        tile_rows = self._batch_rows(size)
        if self.device == "cpu":  # an equal share a thread
            tile_rows = math.ceil(min(len(batch), tile_rows) / self._runner.threads)
        return self._runner.run([row.data for row in batch], tile_rows, lambda rows: self._forward(rows, size))

    def _forward(self, rows: Rows, size: int) -> np.ndarray:
        import torch

        ids = torch.full((len(rows), size), self._pad)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.from_numpy(row)
            mask[number, : len(row)] = 1
        mask = mask.to(self.device)
        tokens = self._network(input_ids=ids.to(self.device), attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).float()
        mean = (tokens.float() * weights).sum(dim=1) / weights.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1).cpu().numpy()


def _load_tokenizer(identity: EncoderIdentity) -> Tokenizer:
    from tokenizers import Tokenizer

    path = identity.paths["folder"] / _TOKENIZER
    _same_file(path, identity.fields["tokenizer"])
    return Tokenizer.from_file(str(path))


def _load_network(identity: EncoderIdentity) -> Any:
    """Read the network from its safetensors files, in the identity's precision, with every weight from the files."""
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    from mmrec.encoders.device import DTYPES

    folder = identity.paths["folder"]
    for name, sha256 in {_CONFIG: identity.fields["config"], **identity.fields["weights"]}.items():
        _same_file(folder / name, sha256)
    dtype = DTYPES[identity.fields["precision"]]
    options = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        network, report = AutoModel.from_pretrained(folder, dtype=dtype, output_loading_info=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise MmrecError(f"no text encoder could be loaded from {folder}: {str(error).splitlines()[0]}") from error
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    _whole(report, folder)
    network = network.get_encoder() if network.config.is_encoder_decoder else network
    return network.eval()


def _whole(report: dict[str, Any], folder: Path) -> None:
    """Refuse a network in which a weight was drawn at random; the pooler is not used, so it may be absent."""
    random = [name for name in (*report["missing_keys"], *report["mismatched_keys"]) if "pooler" not in str(name)]
    if random:
        raise MmrecError(f"the weights in {folder} do not fill the network: {len(random)} lack, {random[0]} first")


def _same_file(path: Path, sha256: str) -> None:
    if sha256_of(path) != sha256:
        raise MmrecError(f"{path} changed after the encoder was identified; start again")


def _pad_token(config: Any) -> int:
    pad = getattr(config, "pad_token_id", None)
    return pad if isinstance(pad, int) and pad >= 0 else 0
