"""File names that differ in dates, numbers and ids alone, as one pattern. Not here: reading any file."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mmrec.errors import MmrecError
from mmrec.ingest import sources

# The parts of a path. What has a name here differs from file to file: the value in a folder such as country=DE, a UUID,
# a date or a time; so may any run of letters and digits.
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PART = re.compile(
    r"(?P<value>(?<=\w=)[^/]+(?=/))"
    rf"|(?P<uuid>{_UUID})"
    rf"|(?P<time>(?<![0-9A-Za-z])\d+(?:[-_.:T ](?!{_UUID})\d+)*Z?(?![0-9A-Za-z]))"
    r"|[0-9A-Za-z]+"
)
_MONTH = re.compile(
    r"(?i)jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?"
)
_WORD_AND_NUMBER = re.compile(r"[A-Za-z]{3,}\d+")  # feed2026 holds hexadecimal digits alone, and is a word
_WITHIN_A_WORD = re.compile(r"[A-Za-z](\[0-9])?\*[A-Za-z]")
_ID, _SHORT_ID = 16, 6  # characters from which on a mixture of letters and digits is an id
_MANY = 4  # more patterns than these are written as one, if one says it
_TRIED = 50  # kinds of names, of which each gets a pattern of its own


def series(names: Sequence[str]) -> dict[str, list[str]]:
    """Files by what is the same in their names: first what is plainly a number or an id; where a name is alone with
    that, also what may be one.
    """
    plain = {name: mask(name) for name in names}
    alone = Counter(plain.values())
    found: dict[str, list[str]] = {}
    for name, pattern in plain.items():
        found.setdefault(pattern if alone[pattern] > 1 else mask(name, may_be=True), []).append(name)
    return found


def mask(name: str, *, may_be: bool = False, narrow: bool = False) -> str:
    """A pattern of this file and those whose names differ from its in dates, numbers and ids alone.

    With `may_be`, short mixtures of letters and digits and the names of months count as well. If `narrow`, a number
    still begins with a digit, and an id still has as many characters; otherwise a star stands for each.
    """
    pieces, at = [], 0
    for found in _PART.finditer(name):
        pieces += [glob.escape(name[at : found.start()]), _masked(found[0], found.lastgroup, may_be, narrow)]
        at = found.end()
    return _joined("".join([*pieces, glob.escape(name[at:])]))


def _masked(part: str, kind: str | None, may_be: bool, narrow: bool) -> str:
    number = "[0-9]*" if narrow else "*"
    if kind == "time":
        return number
    if kind == "uuid" or _is_id(part, _ID):
        return "?" * len(part) if narrow else "*"
    if kind == "value" or (may_be and (_is_id(part, _SHORT_ID) or _MONTH.fullmatch(part))):
        return "*"
    return re.sub(r"\d+", number, part)


def _joined(pattern: str) -> str:
    """Stars with a mark between them, as in a date, as one."""
    return re.sub(r"\*(?:[-_.:+ ]?\*)+", "*", pattern)


def _is_id(part: str, length: int) -> bool:
    """Whether letters and digits are mixed as in no word: in many pieces, or as a hexadecimal number."""
    pieces = len(re.findall(r"\d+|\D+", part))
    is_hex = bool(re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", part)) and not _WORD_AND_NUMBER.fullmatch(part)
    return len(part) >= length and (pieces > 3 or (pieces > 1 and is_hex))


@dataclass(frozen=True)
class Files:
    """The patterns of a source's files, and in words whether later files will be found (empty where that is plain)."""

    patterns: list[str]
    later: str = ""


def event_files(folder: Path, files: Sequence[str]) -> Files:
    """Patterns of event files, which go on to come."""
    patterns, likely = globs(folder, files)
    if len(files) > 1:
        told = "" if likely else "; their names do not tell how a later one is called: see that the patterns match it"
        return Files(patterns, told)
    if likely:
        return Files(patterns, "; later files are found if their names differ where * and ? stand")
    wider = None if mask(files[0]) != glob.escape(files[0]) else _wider(folder, files[0])
    told = f'"{wider}" would find later files too' if wider else "a later file under another name is not found"
    return Files(patterns, f"; {told}")


def other_files(folder: Path, files: Sequence[str]) -> Files:
    """Patterns of the catalogue's or the people's files: a later edition of a single one takes its place."""
    if len(files) > 1:
        return Files(globs(folder, files)[0])
    dated = mask(files[0]) != glob.escape(files[0])
    return Files([glob.escape(files[0])], "; a later edition has to come under the same name" if dated else "")


def globs(folder: Path, files: Sequence[str]) -> tuple[list[str], bool]:
    """Patterns that match these files below `folder` and no other, and whether they are likely to match later ones.

    They are likely to if those that are made of all files but the last would have matched the last; if not, one pattern
    of all that the names have in common is tried.
    """
    patterns = _of_series(folder, files)
    likely = _predict(folder, files) if len(files) > 1 else patterns != [glob.escape(files[0])]
    if len(files) > 1 and (len(patterns) > _MANY or not likely):
        common = _common(files)
        return ([common], True) if _fits(folder, common, files, files) else (patterns, likely)
    return patterns, likely


def _predict(folder: Path, files: Sequence[str]) -> bool:
    *earlier, last = sorted(files)
    made = _of_series(folder, earlier, files)
    if len(made) > _MANY and _fits(folder, common := _common(earlier), earlier, files):
        made = [common]
    return any(_matches(last, pattern) for pattern in made)


def _wider(folder: Path, file: str) -> str | None:
    """A pattern of this file and later ones that are called after it, if it matches no other file now."""
    path = PurePosixPath(file)
    stem, _, suffix = path.name.partition(".")
    pattern = str(path.with_name(f"{glob.escape(stem)}*.{glob.escape(suffix)}"))
    return pattern if _fits(folder, pattern, [file], [file]) else None


def _of_series(folder: Path, names: Sequence[str], source: Sequence[str] = ()) -> list[str]:
    """A pattern for each kind of name; those that match nothing more than the others are left out."""
    kinds = list(series(names).values())
    if len(kinds) > _TRIED:
        return [glob.escape(name) for name in names]
    patterns = [pattern for alike in kinds for pattern in _patterns(folder, alike, source or names)]
    if not 1 < len(patterns) <= _TRIED:
        return patterns
    kept: list[str] = []
    for pattern in sorted(dict.fromkeys(patterns), key=lambda each: sum(_matches(name, each) for name in names))[::-1]:
        if any(_matches(name, pattern) and not any(_matches(name, other) for other in kept) for name in names):
            kept.append(pattern)
    return sorted(kept, key=patterns.index)


def _patterns(folder: Path, alike: Sequence[str], source: Sequence[str]) -> list[str]:
    for pattern in _candidates(alike):
        if _fits(folder, pattern, alike, source):
            return [pattern]
    return [glob.escape(name) for name in alike]


def _candidates(alike: Sequence[str]) -> list[str]:
    """What is the same in these names, the widest first; the narrow one where the widest would begin with a star and
    so match files of any name. A number within a word says nothing of a file alone.
    """
    one_kind = len({mask(name) for name in alike}) == 1 < len(alike)
    wide = [mask(alike[0], may_be=may_be) for may_be in ((False,) if one_kind else (True, False))]
    narrow = mask(alike[0], narrow=True)
    found = [narrow, *wide] if wide[0].startswith("*") and "/" not in wide[0] else [*wide, narrow]
    if len(alike) == 1:
        found = [each for each in found if each != glob.escape(alike[0]) and not _WITHIN_A_WORD.search(each)]
    return list(dict.fromkeys(found))


def _common(names: Sequence[str]) -> str:
    """What all names begin and end with, in whole parts, and a star between."""
    begin = os.path.commonprefix(names)  # noqa: RUF071 - a pattern is made of characters
    end = os.path.commonprefix([name[::-1] for name in names])[::-1]  # noqa: RUF071
    begin, end = re.sub(r"[0-9A-Za-z]+$", "", begin), re.sub(r"^[0-9A-Za-z]+", "", end)
    return _joined(f"{mask(begin)}*{mask(end)}")


def _fits(folder: Path, pattern: str, names: Sequence[str], source: Sequence[str]) -> bool:
    """Whether a pattern matches all these files, and none below `folder` but those of their source."""
    try:
        found = set(sources.find(folder, [pattern], "files"))
    except MmrecError:  # it matches a file of another kind as well
        return False
    return set(names) <= found <= set(source)


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
