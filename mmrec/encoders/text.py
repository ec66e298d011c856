"""Text encoders: transformers networks whose token vectors are averaged and scaled to unit length.

Here: what identifies such an encoder, and running it. Not here: the network's files (`hub`), the tokens themselves
(`mmrec.encoders.recipes`), fetching the default (`weights`), devices (`device`). Torch and transformers are imported by
`build` only.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Prepared, hub
from mmrec.encoders.pending import Pending
from mmrec.encoders.recipes import TextRecipe
from mmrec.encoders.weights import fetched_folder, sha256_of
from mmrec.errors import MmrecError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from mmrec.encoders.device import Rows

_TOKENIZER, _SENTENCES = "tokenizer.json", "sentence_bert_config.json"
_DEFAULT_MAX_TOKENS = 512
# 1,024 to 4,096 tokens are equally fast on a CPU thread (measured on MiniLM); a GPU wants more.
_CPU_TILE_TOKENS = 2048
_GPU_TILE_TOKENS = 65536
# The more rows are cut into batches together, the fewer batches are not full.
_CPU_BLOCK_ROWS, _GPU_BLOCK_ROWS = 512, 4096


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `minilm` or of `hf:<folder or hub id>`; see `mmrec.encoders.identity`."""
    family, colon, place = name.partition(":")
    folder = hub.folder_of(place, [_TOKENIZER, _SENTENCES]) if colon else fetched_folder(family, weights_root)
    config = hub.read_json(folder / hub.CONFIG)
    width = hub.width_of(config)
    if width is None:
        raise MmrecError(f"{folder / hub.CONFIG} names no width of a token vector: not a text encoder")
    fields = {
        "modality": modality,
        **hub.network_fields(folder, config),
        "tokenizer": sha256_of(hub.present(folder / _TOKENIZER, "save the tokenizer as a fast tokenizer there")),
        "pooling": "mean of token vectors",
        "normalization": "l2",
        "precision": precision,
        "width": width,
        "recipe": TextRecipe(_max_tokens(folder, config)).fields(),
    }
    return EncoderIdentity(modality, name, width, fields, {"folder": folder})


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    """Give the length the network was made for: as its sentence settings say, else at most 512."""
    if (folder / _SENTENCES).is_file():
        said = hub.read_json(folder / _SENTENCES).get("max_seq_length")
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
        network = hub.load_network(identity)
        self._network = (network.get_encoder() if network.config.is_encoder_decoder else network).to(self.device)
        self._pad = _pad_token(self._network.config)
        self._runner = Runner(self.device)
        self.block_rows = self.piece_rows = _CPU_BLOCK_ROWS if self.device == "cpu" else _GPU_BLOCK_ROWS

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

    def encode(self, batch: Sequence[Prepared]) -> Pending:
        """Give the mean of each text's token vectors, scaled to unit length; rows must share one padded length."""
        size = batch[0].size
        tile_rows = self._batch_rows(size)
        if self.device == "cpu":  # an equal share a thread
            tile_rows = math.ceil(min(len(batch), tile_rows) / self._runner.threads)
        rows = [row.data for row in batch]
        return self._runner.run(rows, tile_rows, self._forward, lambda rows: self._padded(rows, size))

    def _padded(self, rows: Rows, size: int) -> tuple[Tensor, Tensor]:
        """Give int64 [n, size] token ids of rows one below the other, and 1 where a token is, else 0."""
        import torch

        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        is_token = np.arange(size) < lengths[:, None]
        ids = np.full(is_token.shape, self._pad)
        ids[is_token] = np.concatenate(rows)
        return torch.from_numpy(ids), torch.from_numpy(is_token.astype(np.int64))

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        import torch

        tokens = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).float()
        mean = (tokens.float() * weights).sum(dim=1) / weights.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1)


def _load_tokenizer(identity: EncoderIdentity) -> Tokenizer:
    from tokenizers import Tokenizer

    path = identity.paths["folder"] / _TOKENIZER
    hub.same_file(path, identity.fields["tokenizer"])
    tokenizer = Tokenizer.from_file(str(path))
    TextRecipe(identity.fields["recipe"]["max_tokens"]).set_up(tokenizer)
    return tokenizer


def _pad_token(config: Any) -> int:
    pad = getattr(config, "pad_token_id", None)
    return pad if isinstance(pad, int) and pad >= 0 else 0
