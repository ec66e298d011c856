"""Hashes of columns and digests of rows, by DuckDB: the keys of `mmrec/keys.py`, a whole column at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mmrec.lake.engine import shared


def digest(
    frame: pl.DataFrame | pl.LazyFrame, by: str, columns: Sequence[str], silent: Sequence[str] = ()
) -> dict[str, str]:
    """A digest of the rows for each value of `by`, in any order: sha256 over the sorted md5 of each row as JSON.

    Where all columns of `silent` are null, a row is digested without them.
    """
    rows = frame.lazy().select([by, *[name for name in columns if name != by]]).collect()
    if rows.is_empty():
        return {}
    row = _as_json(columns)
    if there := [name for name in columns if name in silent]:
        without = _as_json([name for name in columns if name not in there])
        named = ", ".join(f'"{name}"' for name in there)
        row = f"CASE WHEN coalesce({named}) IS NULL THEN {without} ELSE {row} END"
    query = (
        f"SELECT \"{by}\", sha256(string_agg(h, '' ORDER BY h)) FROM "
        f'(SELECT "{by}", md5({row}) AS h FROM frame) GROUP BY 1'
    )
    return dict(ask(query, frame=rows).iter_rows())


def _as_json(columns: Sequence[str]) -> str:
    packed = ", ".join(f'"{name}"' for name in columns)
    return f"to_json(struct_pack({packed}))::VARCHAR"


def text_hashes(texts: pl.Series) -> pl.Series:
    """`text_hash` of every text, null where there is none."""
    return _over({"text": texts}, "sha256(text)", "text_hash")


def blob_hashes(blobs: pl.Series) -> pl.Series:
    """sha256 of every run of bytes, null where there is none."""
    return _over({"bytes": blobs}, "sha256(bytes)", "sha256")


def row_keys(modality: str, input_hashes: pl.Series, encoder_id: str) -> pl.Series:
    """`row_key` of every input hash under one encoder, null where there is none."""
    head, tail = f"{len(modality)}:{modality}", f"{len(encoder_id)}:{encoder_id}"
    return _over({"h": input_hashes}, f"sha256(concat('{head}', length(h), ':', h, '{tail}'))", "key", "h")


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
    with shared().cursor() as connection:
        for name, frame in frames.items():
            connection.register(name, frame)
        return connection.sql(query).pl()
