"""The keys of rows: what decides a vector, and nothing else.

    input_hash = sha256 of the canonical input (cleaned text; a media file's bytes)
    encoder_id = sha256 of the canonical JSON of everything that decides the encoder's numbers (`mmrec/encoders`)
    key        = sha256(modality | input_hash | encoder_id), length-delimited

Here: pure functions. Device, batch size and threads never enter a key.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

_CHUNK_BYTES = 1 << 20
_CHECKED_ROWS = 1024  # at once, so that the wide integers stay in the cache: a twentieth of the time (measured)


def canonical_digest(value: Any) -> str:
    """sha256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def text_hash(text: str) -> str:
    """The input hash of a cleaned text."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_hashes(texts: pl.Series) -> pl.Series:
    """`text_hash` of every text, null where there is none."""
    return _over({"text": texts}, "sha256(text)", "text_hash")


def row_keys(modality: str, input_hashes: pl.Series, encoder_id: str) -> pl.Series:
    """`row_key` of every input hash under one encoder, null where there is none."""
    head, tail = f"{len(modality)}:{modality}", f"{len(encoder_id)}:{encoder_id}"
    return _over({"h": input_hashes}, f"sha256(concat('{head}', length(h), ':', h, '{tail}'))", "key", "h")


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


def row_checksums(*fields: pl.Series) -> pl.Series:
    """int64 [n]: the upper 63 of the md5's last 64 bits, of each row of aligned texts `length:text`; null is empty."""
    columns = {f"f{at}": field.fill_null("") for at, field in enumerate(fields)}
    packed = ", ".join(f"length({name}), ':', {name}" for name in columns)
    return _over(columns, f"md5_number_lower(concat({packed})) >> 1", "checksum").cast(pl.Int64)


def _over(columns: dict[str, pl.Series], expression: str, name: str, required: str | None = None) -> pl.Series:
    """One SQL expression over aligned series, in their order."""
    rows = pl.DataFrame(columns).with_row_index("_at")
    if rows.is_empty():  # most often: nothing differs
        return pl.Series(name, [], dtype=pl.String)
    guarded = f"CASE WHEN {required} IS NOT NULL THEN {expression} END" if required else expression
    answer = ask(f"SELECT {guarded} AS value FROM rows ORDER BY _at", rows=rows)
    return answer["value"].cast(pl.String).alias(name)


def ask(query: str, **frames: pl.DataFrame) -> pl.DataFrame:
    """The answer of DuckDB over these frames and nothing else, with times in UTC."""
    with _engine().cursor() as connection:
        connection.execute("SET TimeZone='UTC'")
        for name, frame in frames.items():
            connection.register(name, frame)
        return connection.sql(query).pl()


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One in-memory DuckDB a process: opening one costs 12 ms, a cursor of it .1 (measured on 2 cores)."""
    return duckdb.connect()
