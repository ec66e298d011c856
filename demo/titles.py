"""A title as a poster carries it: the words it keeps, and the largest size at which they fit.

Not here: where a title stands and in which colour (`posters.py`).
"""

import unicodedata

from demo.films import article_first
from demo.pen import SCALE, typeface


def readable(title: str) -> str:
    """The title as a poster would carry it: its article in front, no second title, in the letters the font has."""
    main = article_first(title.split(" (", maxsplit=1)[0])
    plain = unicodedata.normalize("NFKD", main).encode("ascii", "ignore").decode()
    return plain or title


def fitted(title: str, width: float, height: float) -> tuple[float, list[str]]:
    """The largest size, in pixels, at which the wrapped title fits, and its lines."""
    for size in (34, 30, 27, 24, 21, 19, 17, 15, 13.5, 12, 11, 10):
        lines = _wrapped(title, size, width - 2)
        if len(lines) * size * 1.06 <= height and all(_length(line, size) <= width - 2 for line in lines):
            return size, lines
    return size, lines


def _wrapped(title: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    for word in title.split():
        if lines and _length(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _length(text: str, size: float) -> float:
    return typeface(size).getlength(text) / SCALE
