"""The kinds of content an item can have, said once: every table, setting, rule and stage loops over this list.

Here: names, the words a person knows them by, and how big a file may be. Not here: how a kind is encoded
(`mmrec/encoders`). A further kind is one line here and one in the encoders' registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Modality:
    """One kind of content: `noun` is what a person calls one of it; `max_bytes` is 0 where it is no file."""

    name: str
    noun: str
    max_bytes: int = 0


# In the order of their blocks in a fused vector.
MODALITIES = (
    Modality("text", "text"),
    Modality("image", "picture", 64 * 2**20),
    Modality("audio", "sound", 256 * 2**20),
    Modality("video", "clip", 2**30),
)
NAMES = tuple(each.name for each in MODALITIES)
FILES = tuple(each for each in MODALITIES if each.max_bytes)
NOUNS = {each.name: each.noun for each in MODALITIES}


def stand_ins(names: Sequence[str]) -> str:
    """One line that says which media of a data set are drawn; `names` are modalities, at least one."""
    *first, last = [f"{NOUNS[name]}s" for name in names]
    kinds = f"{', '.join(first)} and {last}" if first else last
    return f"{kinds} in this data set are drawn stand-ins"
