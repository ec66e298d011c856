"""Files that look like a source and that no pattern matches: a next delivery under a name that nobody foresaw.

Here: names and headers in the folders of the sources and beside them, at a bounded cost. Not here: which pattern would
match them (`mmrec/drafting/patterns.py`), and what files hold (`mmrec/ingest/sources.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mmrec.ingest import sources
from mmrec.settings import Settings

_FOLDERS, _ENTRIES, _HEADERS = 1_000, 20_000, 64  # looked at: in all, of a folder, in all


class _Source(NamedTuple):
    """A setting that names files, the files, and the names in the headers of its first and its last one."""

    key: str
    files: list[str]
    kinds: set[str | None]
    headers: list[frozenset[str]]


def warnings(settings: Settings) -> list[str]:
    """One line a source that has the header of files which none of its patterns matches."""
    known = _sources(settings)
    matched = {file for source in known for file in source.files}
    kinds = {kind for source in known for kind in source.kinds}
    candidates = sorted(set(_beside(settings, matched, kinds)) - matched, reverse=True)
    alike: dict[str, list[str]] = {}
    for name in candidates[:_HEADERS]:
        header = _header(settings.data / name)
        if source := next((each for each in known if header in each.headers), None):
            alike.setdefault(source.key, []).append(name)
    return [_told(key, sorted(names), whole=len(candidates) <= _HEADERS) for key, names in alike.items()]


def _told(key: str, names: Sequence[str], *, whole: bool) -> str:
    if len(names) == 1:
        return f"{names[0]} has the columns of {key} and matches none of its patterns: add one, or move the file away"
    others = f"{'' if whole else 'at least '}{len(names) - 1} more"
    return (
        f"{names[-1]} and {others} have the columns of {key} and match none of its patterns: add one, or move them away"
    )


def _sources(settings: Settings) -> list[_Source]:
    sections = {"interactions": settings.interactions, "items": settings.items, "users": settings.users}
    found = []
    for name, section in sections.items():
        if section is not None:
            files = sources.find(settings.data, section.files, f"{name}.files")
            headers = [_header(settings.data / file) for file in dict.fromkeys((files[0], files[-1]))]
            kinds = {sources.kind(file) for file in files}
            found.append(_Source(f"{name}.files", files, kinds, [header for header in headers if header]))
    return found


def _beside(settings: Settings, matched: set[str], kinds: set[str | None]) -> Iterator[str]:
    """Files of these kinds in the folders of the sources, and in the folders beside those."""
    folders = {PurePosixPath(file).parent for file in matched}
    beside = {
        parent / name
        for parent in {folder.parent for folder in folders if folder.name}
        for name, is_folder in _entries(settings.data / parent)
        if is_folder
    }
    lake = Path(settings.lake_root)
    for folder in islice(sorted(folders | beside, reverse=True), _FOLDERS):
        if settings.data / folder != lake:
            for name, is_folder in _entries(settings.data / folder):
                if not is_folder and sources.kind(name) in kinds:
                    yield str(folder / name)


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """What lies in a folder and is not hidden, and whether it is a folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _ENTRIES):
                if not entry.name.startswith("."):
                    yield entry.name, entry.is_dir()
    except OSError:
        return


def _header(path: Path) -> frozenset[str] | None:
    """The names in a file's header; None where there is none to be read."""
    try:
        info = path.stat()
        return _names(path, info.st_size, info.st_mtime_ns) if path.is_file() else None
    except OSError:
        return None


@lru_cache(maxsize=4 * _HEADERS)
def _names(path: Path, size_bytes: int, mtime_ns: int) -> frozenset[str] | None:
    """Read once a process for each state of a file."""
    del size_bytes, mtime_ns
    try:
        return frozenset(sources.names(path)) or None
    except sources.RefusedFile:
        return None
