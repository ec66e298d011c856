"""What a film is here: its catalogue entry as delivered, the bits that its id draws, and which modalities it lacks.

Not here: where films come from (`movielens.py`, `archive.py`) and what is made of them.
"""

import hashlib
import re
from typing import NamedTuple

# The share of films that have no such file, so that a missing modality is seen; each kind is drawn by itself.
MISSING = {"poster": 0.08, "sound": 0.5, "clip": 0.8}
_ARTICLE = re.compile(r"(.+), (A|An|The|La|Le|Les|L'|Der|Die|Das|Il|El|Un|Une)")


class Film(NamedTuple):
    """One catalogue entry as delivered: genres separated by spaces, the year a text that may not be a number."""

    item_id: str
    title: str
    genres: str
    year: str


def bits(purpose: str, item_id: str) -> int:
    """64 bits that depend on nothing but the purpose and the id."""
    return int.from_bytes(hashlib.sha256(f"{purpose}|{item_id}".encode()).digest()[:8], "big")


def has(kind: str, item_id: str) -> bool:
    """Whether the film gets a stand-in of this kind: poster, sound or clip."""
    return bits(f"has-{kind}", item_id) >= MISSING[kind] * 2**64


def article_first(title: str) -> str:
    """ "Usual Suspects, The" in the order in which it is spoken."""
    found = _ARTICLE.fullmatch(title)
    if found is None:
        return title
    name, article = found.groups()
    return f"{article}{name}" if article.endswith("'") else f"{article} {name}"
