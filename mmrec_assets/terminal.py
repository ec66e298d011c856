"""What reaches a terminal: text in which every character can be seen.

Titles, ids, file names and reasons are other people's words, and a terminal obeys some characters instead of drawing
them. Whatever is printed for people goes through a `Console` of this module, which shows such characters as the escapes
that Python writes: controls (ESC, BEL, CR, C1, the end of a line too), marks that turn the direction of writing, what
has no width, surrogates, unassigned and private characters. A blank of any width is printed as a blank. What belongs to
a script stays: a joiner between letters that join (Persian, the scripts of India) or between two emoji, and a selector
behind the sign whose look it selects. No text is taken for markup.

Here: characters. Not here: what is printed (`mmrec_assets/cli/printed.py`, `mmrec_assets/cli/traced.py`), nor what
answers hold: JSON is exact for who reads it, since an escape of JSON is the character itself.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import rich.console
from rich.segment import Segment
from rich.text import Text

# Letters and marks of the commonest scripts, which are drawn for certain: only other characters are looked at.
_DRAWN = (
    "\x20-\x7e\xa1-\xac\xae-\u02ff\u0400-\u052f\u05d0-\u05ea\u0621-\u064a"
    "\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3"
)
_JOINING = "\u0600-\u1cff\ufb50-\ufdff\ufe70-\ufefc"  # Arabic, the scripts of India and their neighbours
_PICTURES = "\U0001f000-\U0001faff"  # also those that Python's tables do not know yet
_EMOJI = _PICTURES + "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299"
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_BELONGS = "|".join(
    (
        f"[{_PICTURES}]",
        f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])",
        f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])",
        f"(?<=[{_EMOJI}])[\ufe0e\ufe0f]",
        "(?<=[#*0-9])\ufe0f(?=\u20e3)",
        f"(?<=[{_HAN}])[{_SELECTORS}]",
        "(?<=[\u1820-\u18aa])[\u180b-\u180d\u180f]",
    )
)
_OTHER = re.compile(f"({_BELONGS})|[^{_DRAWN}]")
# Drawn as nothing, though Unicode counts them as letters, marks or symbols.
_EMPTY = re.compile(f"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0{_SELECTORS}]")


def visible(text: str) -> str:
    """The text as one line of characters that a terminal draws."""
    return _with_escapes(text, _shown)


def visible_json(value: object) -> str:
    """JSON of a value, exact, and without a character that a terminal obeys."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return _with_escapes(json.dumps(value, indent=2, default=str, ensure_ascii=not utf8), _shown_in_json)


def _with_escapes(text: str, shown: Callable[[str], str]) -> str:
    def one(found: re.Match[str]) -> str:
        drawn = found.group().isprintable() and not _EMPTY.match(found.group())
        return found.group() if drawn or found.group(1) is not None else shown(found.group())

    return _OTHER.sub(one, text)


def _shown(character: str) -> str:
    blank = unicodedata.category(character) == "Zs"
    return " " if blank else character.encode("unicode_escape").decode("ascii")


def _shown_in_json(character: str) -> str:
    kept = character == "\n" or unicodedata.category(character) == "Zs"  # the end of a line is of the layout
    return character if kept else json.dumps(character)[1:-1]


class Console(rich.console.Console):
    """A console that prints characters: no markup, and each text as one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, "soft_wrap": True, **options})

    def heading(self, title: str, more: str = "") -> None:
        """Prints a line that begins in bold."""
        self.print(Text.assemble((visible(title), "bold"), visible(more)))

    def render_str(self, text: str, **options: Any) -> Text:  # type: ignore[override]
        """Where every text of a print or of a table's cell is measured and drawn."""
        return super().render_str(visible(text), **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Where everything ends, also what was no plain text, such as a progress bar's columns."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else "\n".join(map(visible, text.split("\n"))), style, control)


def errors() -> Console:
    """A console for standard error, as it is now."""
    return Console(stderr=True)
