"""The keys of rows: what decides a vector, and nothing else.

    input_hash = sha256 of the canonical input (cleaned text; a media file's bytes)
    encoder_id = sha256 of the canonical JSON of everything that decides the encoder's numbers (`mmrec/encoders`)
    key        = sha256(modality | input_hash | encoder_id), length-delimited

Here: pure functions. Device, batch size and threads never enter a key.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

_CHUNK_BYTES = 1 << 20
_CHECKED_ROWS = 1024  # at once, so that the wide integers stay in the cache: a twentieth of the time (measured)


def canonical_digest(value: Any) -> str:
    """sha256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def text_hash(text: str) -> str:
    """The input hash of a cleaned text."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes, read once in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def row_key(modality: str, input_hash: str, encoder_id: str) -> str:
    """The key of one vector. Fields are length-delimited, so no two triples share a key by concatenation."""
    fields = (modality, input_hash, encoder_id)
    return hashlib.sha256("".join(f"{len(field)}:{field}" for field in fields).encode()).hexdigest()


def vector_checksums(vectors: np.ndarray) -> np.ndarray:
    """int64 [n]: a multilinear hash modulo 2⁶⁴ of each float32 row's bits; a flipped bit changes it.

    Vectorised over rows, since Parquet does not notice flipped bits and a cryptographic hash a row would be a loop.
    The coefficients are the odd outputs of SplitMix64 (Steele, Lea, Flood 2014), the same on every machine.
    """
    bits = np.ascontiguousarray(vectors, dtype="<f4").view("<u4")
    total = np.empty(len(bits), dtype=np.uint64)
    with np.errstate(over="ignore"):
        state = (np.arange(1, bits.shape[1] + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        coefficients = (state ^ (state >> np.uint64(31))) | np.uint64(1)
        for start in range(0, len(bits), _CHECKED_ROWS):
            block = slice(start, start + _CHECKED_ROWS)
            total[block] = bits[block].astype(np.uint64) @ coefficients
    return total.view(np.int64)
