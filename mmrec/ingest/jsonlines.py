"""JSON lines: one object a line; and one array of objects, or objects spread over lines.

Here: bytes → the wanted keys as text: strings as they are, numbers with the digits that were written, lists joined by
spaces, objects as JSON. A line or element that is no object becomes a row with a problem. Not here: which file, and
which key is what (`mmrec/ingest/sources.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from mmrec.ingest.text import PROBLEM, Delivered, RefusedFile, require, tell_broken_text

# Polars writes 1e5, 1.0 and -0 as 100000, 1 and 0, and a list between texts as JSON.
_ODD_NUMBER = rb"-?\d+[.eE]|-0(?![.\d])"
_PLAIN = (pl.String, pl.Int64, pl.Int128, pl.Boolean, pl.Null)
_LISTS = (pl.List(pl.String), pl.List(pl.Int64), pl.List(pl.Null))
_EXACT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)  # NaN is no value
_ARRAY = re.compile(rb"\s*\[\s*(?:\{|\]\s*$)")
_BETWEEN = re.compile(r"[\s,]*")
_NAME = re.compile(r"\$?[A-Za-z_]+")


def read(data: bytes, wanted: list[str], optional: Collection[str] = ()) -> pl.DataFrame:
    """The wanted keys and `_problem`. Raises `RefusedFile` when no object has a wanted key that is not optional.

    Of an array that breaks off, as a sample does, what lies before.
    """
    return _read(data, wanted, optional, {}, whole=False).rows


def read_whole(
    data: bytes, wanted: list[str], optional: Collection[str] = (), ids: Mapping[str, str] | None = None
) -> Delivered:
    """The same of a whole file, with where its lines went (of an array: its elements).

    `ids`: what is an id → the key that holds it. An object there is a problem: nobody's id is written like that.
    """
    return _read(data, wanted, optional, ids or {}, whole=True)


def keys(data: bytes) -> list[str]:
    """Every key of any object, in the order in which they appear."""
    return list({name: None for text in _texts(data, whole=False) for name in _object(text)[0]})


def _read(
    data: bytes, wanted: list[str], optional: Collection[str], ids: Mapping[str, str], *, whole: bool
) -> Delivered:
    found = None if _is_spread(data) else _read_at_once(data, wanted, optional)
    found = found or _read_one_by_one(_texts(data, whole=whole), wanted, optional, ids)
    return Delivered(tell_broken_text(found.rows, data), found.lines)


def _read_at_once(data: bytes, wanted: list[str], optional: Collection[str]) -> Delivered | None:
    """The fast way; None where it would fail, or write a value in another way than it was delivered."""
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    present = {name: frame.schema[name] for name in wanted if name in frame.columns}
    if any(_differs(data, name, dtype) for name, dtype in present.items()):
        return None
    total = data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
    blank = 0 if total == frame.height else sum(not line.strip() for line in data.split(b"\n")) - data.endswith(b"\n")
    if total != frame.height + blank:
        return None
    if frame.height:
        _require(wanted, frame.columns, optional)
    texts = [_text(name, present.get(name)) for name in wanted]
    return Delivered.of(frame.select(*texts, pl.lit(None, dtype=pl.String).alias(PROBLEM)), total, blank=blank)


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


def _read_one_by_one(
    texts: Iterable[str], wanted: list[str], optional: Collection[str], ids: Mapping[str, str]
) -> Delivered:
    """The slow way, exact in every digit; what is no object becomes a row with a problem."""
    seen: dict[str, None] = {}
    rows: list[dict[str, str | None]] = []
    total = blank = 0
    for text in texts:
        total += 1
        if not text.strip():
            blank += 1
            continue
        row, problem = _object(text)
        seen |= dict.fromkeys(row)
        problem = problem or _problem(row, ids)
        rows.append({**{name: None if problem else as_text(row.get(name)) for name in wanted}, PROBLEM: problem})
    if rows:
        _require(wanted, list(seen), optional)
    frame = pl.DataFrame(rows, schema=dict.fromkeys([*wanted, PROBLEM], pl.String))
    return Delivered.of(frame, total, blank=blank)


def _require(wanted: list[str], present: list[str], optional: Collection[str]) -> None:
    """Refuses objects that lack a wanted key. Keys are shown unless they could be ids, where objects are kept by id."""
    missing = [name for name in wanted if name not in present and name not in optional]
    if missing and not set(wanted) & set(present):
        shown = ", ".join(name for name in present if _NAME.fullmatch(name))[:200] or f"{len(present)} others"
        raise RefusedFile(f"has no column {', '.join(missing)}; the keys of its objects are: {shown}")
    require(wanted, present, optional)


def _is_spread(data: bytes) -> bool:
    """Whether lines do not count: a first object or array of objects that goes on behind its line, or a file of one
    line that is such an array.
    """
    first, _, more = data.strip().partition(b"\n")
    if _ARRAY.match(data):
        return not more or _end(first.decode(errors="replace")) is None
    is_open = bool(more) and first.startswith(b"{") and _end(first.decode(errors="replace")) is None
    return is_open and _end(data.decode(errors="replace").lstrip()) is not None


def _end(text: str, at: int = 0) -> int | None:
    """Where the value that begins there ends; None where it is not JSON."""
    try:
        return _EXACT.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _texts(data: bytes, *, whole: bool) -> Iterator[str]:
    """The lines of a file or, where lines do not count, the text of each object."""
    text = data.decode(errors="replace")
    yield from _elements(text, whole=whole) if _is_spread(data) else text.removesuffix("\n").split("\n") if text else []


def _elements(text: str, *, whole: bool) -> Iterator[str]:
    """The values of an array, or one after another. Raises `RefusedFile` where one is broken, unless a part will do."""
    at = _BETWEEN.match(text, 0).end()  # type: ignore[union-attr]
    is_array = text.startswith("[", at)
    at = _BETWEEN.match(text, at + is_array).end()  # type: ignore[union-attr]
    while at < len(text) and not (is_array and text.startswith("]", at)):
        end = _end(text, at)
        if end is None:
            break
        yield text[at:end]
        at = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    if whole and text[at:].strip() != "]" * is_array:
        raise RefusedFile(f"is JSON that is broken, or breaks off, behind character {at}; it is not one a line either")


def _problem(row: Mapping[str, Any], ids: Mapping[str, str]) -> str | None:
    """Names an id that is an object, by the shape that it has and not by what it holds."""
    for target, name in ids.items():
        if isinstance(value := row.get(name), dict):
            first = next(iter(value), "")
            told = f'{{"{first}": …}}' if _NAME.fullmatch(first) else "{…}"
            return f"{target} is an object such as {told}; text or a number is expected"
    return None


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
