"""Text encoders: networks of transformers, encoders or decoders, whose token vectors become one of unit length.

Here: what identifies such an encoder, and running it. Not here: the network's files (`hub`), the tokens themselves
(`mmrec.encoders.recipes`), fetching the default (`weights`), devices (`device`). Torch and transformers are imported by
`build` only.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.encoders import EncoderIdentity, Failure, Prepared, hub
from mmrec.encoders.pending import Pending
from mmrec.encoders.recipes import TextRecipe, WindowRecipe
from mmrec.encoders.weights import fetched_folder, sha256_of
from mmrec.errors import MmrecError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from torch import Tensor

    from mmrec.encoders.device import Rows

_TOKENIZER, _SENTENCES = "tokenizer.json", "sentence_bert_config.json"
_POOLING, _PROMPTS = "1_Pooling/config.json", "config_sentence_transformers.json"
MEAN, _FIRST, _LAST = "mean of token vectors", "vector of the first token", "vector of the last token"
_MODES = {"mean_tokens": MEAN, "cls_token": _FIRST, "lasttoken": _LAST}
_ITEM_PROMPTS, _QUERY_PROMPTS = ("document", "passage"), ("query",)
_DEFAULT_MAX_TOKENS = 512
# 1,024 to 4,096 tokens are equally fast on a CPU thread (measured on MiniLM); a GPU wants more.
_CPU_TILE_TOKENS = 2048
_GPU_TILE_TOKENS = 65536
# The more rows are cut into batches together, the fewer batches are not full.
_CPU_BLOCK_ROWS, _GPU_BLOCK_ROWS = 512, 4096


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `minilm` or of `hf:<folder or hub id>`; see `mmrec.encoders.identity`."""
    family, colon, place = name.partition(":")
    also = [_TOKENIZER, _SENTENCES, _POOLING, _PROMPTS]
    folder = hub.folder_of(place, also) if colon else fetched_folder(family, weights_root)
    config = hub.read_json(folder / hub.CONFIG)
    width = hub.width_of(config)
    if width is None:
        raise MmrecError(f"{folder / hub.CONFIG} names no width of a token vector: not a text encoder")
    fields = {
        "modality": modality,
        **hub.network_fields(folder, config),
        "tokenizer": sha256_of(hub.present(folder / _TOKENIZER, "save the tokenizer as a fast tokenizer there")),
        "pooling": _pooling(folder),
        "normalization": "l2",
        "precision": precision,
        "width": width,
        "recipe": TextRecipe(_max_tokens(folder, config)).fields(),
        **_prefixes(folder),
    }
    return EncoderIdentity(modality, name, width, fields, {"folder": folder}, reads_sentences=True)


def _pooling(folder: Path) -> str:
    """Say what is taken of the token vectors: what the model's own settings say, else their mean."""
    if not (folder / _POOLING).is_file():
        return MEAN
    said = hub.read_json(folder / _POOLING)
    wanted = [mode.removeprefix("pooling_mode_") for mode, is_on in said.items() if is_on is True]
    wanted = [mode for mode in wanted if mode != "include_prompt"]
    if len(wanted) != 1 or wanted[0] not in _MODES:
        known = ", ".join(f"pooling_mode_{mode}" for mode in _MODES)
        raise MmrecError(f"{folder / _POOLING} asks for {' and '.join(wanted) or 'nothing'}; one of {known} is done")
    return _MODES[wanted[0]]


def _prefixes(folder: Path) -> dict[str, dict[str, str]]:
    """Give what stands before the text of an item, and of a query; nothing where the model names none."""
    if not (folder / _PROMPTS).is_file():
        return {}
    said = hub.read_json(folder / _PROMPTS)
    prompts = said.get("prompts") or {}
    default = said.get("default_prompt_name")
    item, query = (
        next((prompts[name] for name in (*names, default) if name in prompts), "")
        for names in (_ITEM_PROMPTS, _QUERY_PROMPTS)
    )
    return {"prefixes": {"item": item, "query": query}} if item or query else {}


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
    network = hub.load_network(identity)
    network = network.get_encoder() if network.config.is_encoder_decoder else network
    network.config.use_cache = False  # a decoder would keep keys and values for a next token that never comes
    return TextEncoder(identity, device, network, _load_tokenizer(identity))


class TextEncoder:
    """See `mmrec.encoders.Encoder`. Inputs are cleaned strings; a row's size is its padded length in tokens.

    `characters` (code point → text) is applied before a text is tokenized.
    """

    def __init__(
        self,
        identity: EncoderIdentity,
        device: str,
        network: Any,
        tokenizer: Tokenizer,
        characters: Mapping[int, str] | None = None,
    ) -> None:
        from mmrec.encoders.device import Runner, choose

        self.identity = identity
        self.device, self.device_reason = choose(device)
        self._recipe = TextRecipe(identity.fields["recipe"]["max_tokens"])
        self._recipe.set_up(tokenizer)
        self._tokenizer, self._characters = tokenizer, characters
        self._prefixes = identity.fields.get("prefixes", {"item": "", "query": ""})
        self._pooling = identity.fields["pooling"]
        self._network = network.to(self.device)
        self._pad = _pad_token(self._network.config)
        self._runner = Runner(self.device)
        self.block_rows = self.piece_rows = _CPU_BLOCK_ROWS if self.device == "cpu" else _GPU_BLOCK_ROWS

    def size_hint(self, item: str) -> int:
        """Give the number of characters: close enough to tokens for sorting."""
        return len(item) if isinstance(item, str) else 0

    def prepare(self, inputs: Sequence[str]) -> list[Prepared | Failure]:
        """Tokenize the texts of items."""
        return self._tokenized(self._prefixes["item"], inputs)

    def encode_query(self, text: str) -> np.ndarray:
        """See `mmrec.encoders.SentenceEncoder`; some networks were trained with another prefix before a query."""
        [prepared] = self._tokenized(self._prefixes["query"], [text])
        if isinstance(prepared, Failure):
            raise MmrecError(f"the sentence cannot be encoded: {prepared.reason}")
        return np.asarray(self.encode([prepared]))[0]

    def windows(self, texts: Sequence[str], recipe: WindowRecipe) -> list[list[str]]:
        """Cut each text into parts that fit the network with the prefix of an item; mostly that is the text itself."""
        if self._characters:
            texts = [text.translate(self._characters) for text in texts]
        room = self._recipe.max_tokens - len(self._tokenizer.encode(self._prefixes["item"]).ids)
        encodings = self._tokenizer.encode_batch(list(texts))
        return [recipe.cut(text, _spans(encoding), room) for text, encoding in zip(texts, encodings, strict=True)]

    def _tokenized(self, prefix: str, texts: Sequence[str]) -> list[Prepared | Failure]:
        texts = [prefix + text for text in texts] if prefix else texts
        texts = [text.translate(self._characters) for text in texts] if self._characters else texts
        rows = self._recipe.tokenize(self._tokenizer, texts)
        return [self.row(ids) if len(ids) else Failure("the text has no tokens") for ids in rows]

    def row(self, ids: np.ndarray) -> Prepared:
        """Make a row of token ids."""
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
        if self._pooling == MEAN:
            weights = mask.unsqueeze(-1).float()
            pooled = (tokens.float() * weights).sum(dim=1) / weights.sum(dim=1)
        else:  # padding is on the right, so that the last token is where the mask ends
            places = mask.sum(dim=1) - 1 if self._pooling == _LAST else mask.new_zeros(len(mask))
            pooled = tokens[torch.arange(len(tokens), device=tokens.device), places].float()
        return torch.nn.functional.normalize(pooled, dim=1)


def _spans(encoding: Encoding) -> np.ndarray:
    """Give where each token of a text is in it, int [tokens, 2], also of those that were cut off."""
    parts = [encoding, *encoding.overflowing]
    spans = np.concatenate([np.array(part.offsets, dtype=np.int64).reshape(-1, 2) for part in parts])
    return spans[np.concatenate([part.special_tokens_mask for part in parts]) == 0]


def _load_tokenizer(identity: EncoderIdentity) -> Tokenizer:
    from tokenizers import Tokenizer

    path = identity.paths["folder"] / _TOKENIZER
    hub.same_file(path, identity.fields["tokenizer"])
    return Tokenizer.from_file(str(path))


def _pad_token(config: Any) -> int:
    pad = getattr(config, "pad_token_id", None)
    return pad if isinstance(pad, int) and pad >= 0 else 0
