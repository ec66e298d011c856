"""Lines and sections of a drafted `mmrec.toml`, and how they are written. Not here: what they say."""

from __future__ import annotations

import datetime as dt
import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH, _COMMENT_AT = 120, 31
_SHOWN = 20  # names of columns in one sentence


@dataclass(frozen=True)
class Line:
    """One setting with the reason for it. Without a value it is written as a comment, with an `example`."""

    key: str
    value: Any
    why: str
    example: Any = None

    @property
    def is_off(self) -> bool:
        """Whether it is written as a comment."""
        return self.value is None


@dataclass(frozen=True)
class Section:
    """A table of the file; `header` is its dotted name, empty for what stands before the first.

    `unused` are the columns of its files that no line names.
    """

    header: str
    about: str
    lines: Sequence[Line]
    unused: Sequence[str] = ()


def toml(title: str, sections: Sequence[Section]) -> str:
    """The file. A section without any value is a comment as a whole."""
    return "\n".join([*_comment(title), *(_section(section) for section in sections)]) + "\n"


def _section(section: Section) -> str:
    off = all(line.is_off for line in section.lines)
    header = [f"{'# ' if off else ''}[{section.header}]"] if section.header else []
    about = " ".join(filter(None, [section.about, not_used(section.unused)]))
    return "\n".join(["", *_comment(about), *header, *(part for line in section.lines for part in _line(line))])


def not_used(columns: Sequence[str]) -> str:
    """A sentence that names columns; empty for none."""
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return f"Columns not used: {', '.join(columns[:_SHOWN])}{more}." if columns else ""


def _line(line: Line) -> list[str]:
    """A line with its reason behind it, or before it where both do not fit."""
    setting = f"{'# ' if line.is_off else ''}{_key(line.key)} = {_value(line.example if line.is_off else line.value)}"
    whole = f"{setting:<{_COMMENT_AT - 1}} # {_plain(line.why)}"
    return [whole] if len(whole) <= _WIDTH else [*_comment(line.why), setting]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(_plain(text), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _plain(text: str) -> str:
    """One line without control characters, which TOML allows in no comment."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
