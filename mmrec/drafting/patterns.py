"""File names that differ in numbers alone, such as dates, as one pattern. Not here: reading any file."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mmrec import sources
from mmrec.errors import MmrecError

_VARYING = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+(?:[-_.T]\d+(?![0-9a-fA-F]))*")
_MANY = 4  # more patterns than these are written as one, if one says it


def mask(name: str, star: str = "*") -> str:
    """A pattern of this file and those whose names differ from its in numbers and UUIDs alone."""
    return star.join(glob.escape(piece) for piece in _VARYING.split(name))


def globs(folder: Path, files: tuple[str, ...]) -> list[str]:
    """Patterns that match these files below `folder` and no other, as few as can say it."""
    alike: dict[str, list[str]] = {}
    for name in files:
        alike.setdefault(mask(name), []).append(name)
    patterns = [pattern for names in alike.values() for pattern in _patterns(folder, names)]
    common = f"{glob.escape(_beginning(files))}*{glob.escape(_beginning([name[::-1] for name in files])[::-1])}"
    return [common] if len(patterns) > _MANY and _matches(folder, common, list(files)) else patterns


def _beginning(names: Sequence[str]) -> str:
    return os.path.commonprefix(names)  # noqa: RUF071 - a pattern is made of characters


def _patterns(folder: Path, names: list[str]) -> list[str]:
    if len(names) > 1:
        for star in ("*", "[0-9]*"):
            if _matches(folder, mask(names[0], star), names):
                return [mask(names[0], star)]
    return [glob.escape(name) for name in names]


def _matches(folder: Path, pattern: str, names: list[str]) -> bool:
    try:
        return sources.find(folder, [pattern], "files") == sorted(names)
    except MmrecError:  # it matches a file of another kind as well
        return False
