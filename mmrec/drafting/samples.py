"""The data files below a folder, gathered into sources, and a sample of each.

A source is some files with the same columns; of a long list of files a few are read, so that a folder of any size
answers within seconds. Not here: how one file is read (`mmrec/drafting/ends.py`), and what a column holds
(`mmrec/drafting/columns.py`).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from mmrec.drafting.columns import Column
from mmrec.drafting.ends import UNREADABLE, Sample, sample
from mmrec.drafting.patterns import series
from mmrec.ingest import sources

_FILES = 8  # read of a source that has more
_FOLDERS = 200  # the nearest, in which named files are looked for
_NAMES = 50  # more kinds of names than these in one folder are taken for one


@dataclass(frozen=True)
class Source:
    """Files with the same columns; `rows` are a sample, as text, and all there are if `whole`.

    `sampled` are the files that were read; `lacking` the columns that some of them lack, `left_out` those that were not
    read; `bad` sampled rows have a problem, most of them `problem`.
    """

    files: tuple[str, ...]
    rows: pl.DataFrame = field(repr=False, compare=False)
    row_count: int  # estimated from the bytes where not `whole`
    whole: bool
    sampled: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    bad: int = 0
    problem: str | None = None

    @cached_property
    def columns(self) -> list[Column]:
        """Its columns in their order."""
        return [Column(name, self.rows[name]) for name in self.rows.columns]

    @cached_property
    def shared(self) -> list[Column]:
        """The columns that a file without them would not be refused for: all files have them, or may lack them."""
        return [column for column in self.columns if column.name not in self.lacking]


@dataclass(frozen=True)
class Found:
    """What lies below a folder: sources, folders (nearest first), and unreadable files, each with its reason."""

    sources: list[Source]
    folders: list[str]
    unreadable: list[str]


def look(folder: Path) -> Found:
    """Everything below `folder` that could be delivered data; hidden files and folders are left out."""
    files, folders = _walk(folder)
    reader = _Reader(folder, {})
    alike: dict[tuple[str, ...], list[Source]] = {}
    for source in (source for names in _groups(files) for source in reader.sources(names)):
        alike.setdefault(tuple(sorted(source.rows.columns)), []).append(source)
    unreadable = [f"{name} {reason}" for name, reason in reader.unreadable.items()]
    return Found([_joined(same) for same in alike.values()], folders, unreadable)


def _walk(folder: Path) -> tuple[list[str], list[str]]:
    files, folders = [], []
    for root, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        here = PurePosixPath(Path(root).relative_to(folder))
        folders.append(str(here))
        files += [str(here / name) for name in names if sources.kind(name) and not name.startswith(".")]
    return sorted(filter(_is_text, files)), sorted(filter(_is_text, folders), key=lambda name: name.count("/"))[
        :_FOLDERS
    ]


def _is_text(name: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", name)


def _groups(files: list[str]) -> list[list[str]]:
    """Files whose names differ in dates, numbers and ids alone are of one group."""
    masks = {name: pattern for pattern, names in series(files).items() for name in names}
    crowd = Counter((PurePosixPath(each).parent, sources.kind(each)) for each in set(masks.values()))
    groups: dict[Any, list[str]] = {}
    for name, each in masks.items():
        place = (PurePosixPath(each).parent, sources.kind(each))
        groups.setdefault(place if crowd[place] > _NAMES else each, []).append(name)
    return list(groups.values())


def _joined(alike: list[Source]) -> Source:
    return Source(
        tuple(sorted(file for source in alike for file in source.files)),
        pl.concat([source.rows for source in alike], how="diagonal"),
        sum(source.row_count for source in alike),
        all(source.whole for source in alike),
        tuple(sorted(file for source in alike for file in source.sampled)),
        frozenset().union(*(source.lacking for source in alike)),
        tuple(dict.fromkeys(name for source in alike for name in source.left_out)),
        sum(source.bad for source in alike),
        next((source.problem for source in alike if source.problem), None),
    )


@dataclass(frozen=True)
class _Reader:
    """Samples files below a folder, and remembers why some cannot be read."""

    folder: Path
    unreadable: dict[str, str]

    def sources(self, names: list[str]) -> list[Source]:
        """Files of one group as one source; as one each where their columns are not those of one table."""
        chosen = sorted({round(at * (len(names) - 1) / (_FILES - 1)) for at in range(_FILES)})
        read = {names[at]: part for at in chosen if (part := self._sample(names[at]))}
        if not read:
            return []
        if not _is_one_table([part.rows.columns for part in read.values()]):
            return [source for name in names for source in self.sources([name])]
        rows = pl.concat([part.rows for part in read.values()], how="diagonal")
        counted = sum(part.row_count for part in read.values())
        share = self._bytes(read) / max(self._bytes(names), 1) or 1.0
        whole = len(read) == len(names) and counted == rows.height
        return [Source(tuple(names), rows, round(counted / share), whole, tuple(read), *_besides(rows, read))]

    def _sample(self, name: str) -> Sample | None:
        try:
            return sample(self.folder / name)
        except UNREADABLE as error:
            self.unreadable[name] = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            return None

    def _bytes(self, names: Iterable[str]) -> int:
        return sum((self.folder / name).stat().st_size for name in names)


def _besides(rows: pl.DataFrame, read: Mapping[str, Sample]) -> tuple[frozenset[str], tuple[str, ...], int, str | None]:
    """What a source is told of besides its rows: `lacking`, `left_out`, `bad` and `problem`.

    A line of JSON may leave a key out, so a file of them lacks no column.
    """
    strict = [part for name, part in read.items() if sources.kind(name) not in (".jsonl", ".ndjson", ".json")]
    lacking = frozenset(name for part in strict for name in rows.columns if name not in part.rows.columns)
    left_out = tuple(dict.fromkeys(name for part in read.values() for name in part.left_out))
    worst = max(read.values(), key=lambda part: part.bad)
    return lacking, left_out, sum(part.bad for part in read.values()), worst.problem


def _is_one_table(headers: list[list[str]]) -> bool:
    """Whether all files share most columns with the first; some may lack one that was added later."""
    first = set(headers[0])
    return all(2 * len(first & set(header)) > len(first | set(header)) for header in headers)
