"""JSON lines: one object a line.

Here: bytes → the wanted keys as text: strings as they are, numbers with the digits that were written, lists joined by
spaces, objects as JSON. A line that is no object becomes a row with a problem. Not here: which file, and which key is
what (`mmrec/sources.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

import polars as pl

from mmrec.delivered import PROBLEM, require, tell_broken_text

# Polars writes 1e5, 1.0 and -0 as 100000, 1 and 0, and a list between texts as JSON.
_ODD_NUMBER = rb"-?\d+[.eE]|-0(?![.\d])"
_PLAIN = (pl.String, pl.Int64, pl.Int128, pl.Boolean, pl.Null)
_LISTS = (pl.List(pl.String), pl.List(pl.Int64), pl.List(pl.Null))
_EXACT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)  # NaN is no value


def read(data: bytes, wanted: list[str], optional: Collection[str] = ()) -> pl.DataFrame:
    """The wanted keys and `_problem`. Raises `RefusedFile` when no line has a wanted key that is not optional."""
    frame = _read_at_once(data, wanted, optional)
    return tell_broken_text(_read_line_by_line(data, wanted, optional) if frame is None else frame, data)


def keys(data: bytes) -> list[str]:
    """Every key of any line, in the order in which they appear."""
    lines = (line for line in data.decode(errors="replace").split("\n") if line.strip())
    return list({name: None for line in lines for name in _object(line)[0]})


def _read_at_once(data: bytes, wanted: list[str], optional: Collection[str]) -> pl.DataFrame | None:
    """The fast way; None where it would fail, or write a value in another way than it was delivered."""
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    present = {name: frame.schema[name] for name in wanted if name in frame.columns}
    if any(_differs(data, name, dtype) for name, dtype in present.items()):
        return None
    if frame.height:
        require(wanted, frame.columns, optional)
    texts = [_text(name, present.get(name)) for name in wanted]
    return frame.select(*texts, pl.lit(None, dtype=pl.String).alias(PROBLEM))


def _differs(data: bytes, name: str, dtype: pl.DataType) -> bool:
    """Whether Polars may give a value of this key other than it was written."""
    if dtype not in (*_PLAIN, *_LISTS):
        return True
    forms = {re.escape(json.dumps(name, ensure_ascii=ascii)).encode() for ascii in (True, False)}
    odd = _ODD_NUMBER if dtype in _LISTS else _ODD_NUMBER + rb"|[\[{]"
    return any(re.search(rb"%b\s*:\s*(?:%b)" % (form, odd), data) for form in sorted(forms))


def _text(name: str, dtype: pl.DataType | None) -> pl.Expr:
    if dtype is None:
        return pl.lit(None, dtype=pl.String).alias(name)
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String)).list.join(" ")
    return pl.col(name).cast(pl.String)


def _read_line_by_line(data: bytes, wanted: list[str], optional: Collection[str]) -> pl.DataFrame:
    """The slow way, exact in every digit; broken lines become rows with a problem."""
    seen: dict[str, None] = {}
    rows: list[dict[str, str | None]] = []
    for line in data.decode(errors="replace").split("\n"):
        if not line.strip():
            continue
        row, problem = _object(line)
        seen |= dict.fromkeys(row)
        rows.append({**{name: as_text(row.get(name)) for name in wanted}, PROBLEM: problem})
    if rows:
        require(wanted, list(seen), optional)
    return pl.DataFrame(rows, schema=dict.fromkeys([*wanted, PROBLEM], pl.String))


def _object(line: str) -> tuple[dict[str, Any], str | None]:
    try:
        value = _EXACT.decode(line)
        if not isinstance(value, dict):
            return {}, "the line is not a JSON object"
        if "{" in line.lstrip()[1:]:  # numbers inside an inner object stay numbers
            value |= {name: inner for name, inner in json.loads(line).items() if isinstance(inner, dict | list)}
    except json.JSONDecodeError as error:
        return {}, f"the line is not JSON: {error.msg} at character {error.pos}"
    except (ValueError, RecursionError):
        return {}, "the line is not JSON that can be read: it holds a number too long or brackets nested too deep"
    return value, None


def as_text(value: Any) -> str | None:
    """A decoded value as text; null for none."""
    if value is None:
        return None
    if isinstance(value, list):
        value = " ".join(text for part in value if (text := as_text(part)) is not None)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # half a surrogate pair is no text
