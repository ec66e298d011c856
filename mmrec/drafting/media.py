"""Which columns of the catalogue name pictures, sounds or clips, and from which folder their names start.

A column counts for what its files are, told from their first bytes; where no file is found, for what its names end in.
Not here: reading such files (`mmrec/media/opening.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from mmrec.drafting.columns import Column
from mmrec.drafting.names import fit
from mmrec.drafting.roles import would_do
from mmrec.media.opening import BadMedia, open_regular, spelled_on_disk

_SUFFIXES = {
    "image": ("jpg", "png", "jpeg", "webp", "gif", "bmp"),
    "audio": ("wav", "mp3", "flac", "ogg", "m4a", "opus", "aiff"),
    "video": ("mp4", "webm", "mkv", "mov", "avi", "mpg"),
}
MODALITIES = tuple(_SUFFIXES)
_MAGIC = {
    "image": rb"\x89PNG|\xff\xd8\xff|GIF8|BM|RIFF....WEBP",
    "audio": rb"RIFF....WAVE|fLaC|OggS|ID3|\xff[\xe2-\xfb]|FORM....AIF|....ftypM4A",
    "video": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |\x00\x00\x01[\xb3\xba]",
}
_NAMES, _IDS = 50, 12  # of a column are looked for in every folder
_MAX_BYTES = 1 << 50  # only a file's first bytes are read


@dataclass(frozen=True)
class Named:
    """A column that names files of one modality: of `asked` names `found` lie below the media root."""

    modality: str
    column: str
    found: int
    asked: int
    is_web: bool = False  # its values are addresses on the web
    elsewhere: str | None = None  # the folder where more of its files lie, if that is not the root
    by_id: str | None = None  # no column names the files, but this pattern with an item's id does
    equal: tuple[str, ...] = ()  # columns that would do as well

    @property
    def why(self) -> str:
        """In words: on what the guess rests, or why the column cannot be used yet."""
        if self.found:
            return f"{self.found:,} of {self.asked:,} sampled names are {self.modality} files{would_do(self.equal)}"
        if self.by_id:
            return f"{self.asked:,} sampled ids are files {self.by_id}, but no column names them: add one that does"
        if self.is_web:
            return "it holds addresses on the web; files on this machine are needed"
        if self.elsewhere:
            return f"its files lie below {self.elsewhere}; one [media] root serves all, so name them from there"
        return f"none of {self.asked:,} sampled names is a file below this folder"


@dataclass(frozen=True)
class _Seen:
    """A column, and how many of its sampled names lie below each folder."""

    column: Column
    names: list[str]
    below: dict[str, int]


def media(
    folder: Path, folders: Sequence[str], ids: Column, columns: Sequence[Column]
) -> tuple[str | None, list[Named]]:
    """The media root (None where no named file is found) and the columns that name files, the best of each modality.

    One root serves all of them: the folder below which most named files lie. `ids` are the items'.
    """
    seen = [each for column in columns if (each := _seen(folder, folders, column))]
    totals = {name: sum(each.below[name] for each in seen) for name in folders}
    root = max(folders, key=lambda name: totals[name], default=".") if any(totals.values()) else None
    named = [found for each in seen if (found := _named(folder, root, each))]
    best = [_best([each for each in named if each.modality == modality]) for modality in MODALITIES]
    hints = {hint.modality: hint for hint in _by_id(folder, folders, ids)}
    found_or_hinted = (one or hints.get(modality) for one, modality in zip(best, MODALITIES, strict=True))
    return root, [one for one in found_or_hinted if one]


def _best(named: Sequence[Named]) -> Named | None:
    """The column with the most files; of these the one that is named best."""

    def likely(each: Named) -> tuple[int, int]:
        return each.found, fit(each.column, each.modality)[0]

    ranked = sorted(named, key=lambda each: (*likely(each), fit(each.column, each.modality)[1]))
    if not ranked:
        return None
    best = ranked.pop()
    return replace(best, equal=tuple(each.column for each in ranked if likely(each) == likely(best)))


def _seen(folder: Path, folders: Sequence[str], column: Column) -> _Seen | None:
    if not column.is_address and not any(fit(column.name, modality)[0] for modality in MODALITIES):
        return None
    names = column.values.unique(maintain_order=True).head(_NAMES).to_list()
    below = {name: sum(_is_file(folder / name, each) for each in names) for name in folders}
    return _Seen(column, names, below) if column.is_address or any(below.values()) else None


def _named(folder: Path, root: str | None, seen: _Seen) -> Named | None:
    best = max(seen.below, key=lambda name: seen.below[name])
    modality = _kind_of_files(folder / best, seen.names) or _kind_of_names(seen.column)
    if modality is None:
        return None
    found = seen.below[root] if root is not None else 0
    elsewhere = best if seen.below[best] > found else None
    return Named(modality, seen.column.name, found, len(seen.names), seen.column.share(r"^\w+://") > 0.5, elsewhere)


def _by_id(folder: Path, folders: Sequence[str], ids: Column) -> Iterator[Named]:
    """For each modality the place where files are called after the items' ids, if there is one."""
    names = ids.values.head(_IDS).to_list()
    for modality, suffixes in _SUFFIXES.items():
        for below, suffix in product(folders, suffixes):
            if names and all(_is_file(folder / below, f"{each}.{suffix}") for each in names):
                yield Named(modality, "", 0, len(names), by_id=f"{below}/<id>.{suffix}".removeprefix("./"))
                break


def _is_file(root: Path, name: str) -> bool:
    """Whether a file below `root` is called so, in whichever Unicode form the disk writes its name."""
    try:
        if (root / name).is_file():
            return True
        found = None if name.isascii() else spelled_on_disk(Path(name), root)
    except (BadMedia, OSError, ValueError):  # a name too long, or with a NUL in it
        return False
    return found is not None and found.is_file()


def _kind_of_files(root: Path, names: Collection[str]) -> str | None:
    kinds = [kind for name in names if (kind := _kind(root, name))]
    return Counter(kinds).most_common(1)[0][0] if kinds else None


def _kind(root: Path, name: str) -> str | None:
    """What a file's first bytes say that it is."""
    try:
        with open_regular(Path(name), root, _MAX_BYTES) as file:
            head = file.read(16)
    except (BadMedia, OSError):
        return None
    return next((kind for kind, magic in _MAGIC.items() if re.match(magic, head, re.DOTALL)), None)


def _kind_of_names(column: Column) -> str | None:
    endings = ((kind, rf"(?i)\.({'|'.join(suffixes)})$") for kind, suffixes in _SUFFIXES.items())
    return next((kind for kind, ending in endings if column.share(ending) > 0.5), None)
