"""`mmrec init`: a commented `mmrec.toml` for a folder, drafted from the files that lie there.

Here: guesses, each with what it rests on. Nothing is invented: what is not found is said to be so. No person's id or
words leave this package: columns, counts and masked patterns do, and the types of events, which are settings.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrec.drafting import media, missing, parts, roles, sections, tally, trial
from mmrec.drafting.days import days
from mmrec.drafting.patterns import Files, event_files, other_files
from mmrec.drafting.samples import look
from mmrec.drafting.weights import counts, weights
from mmrec.drafting.writing import Line, Section, not_used, toml
from mmrec.errors import MmrecError
from mmrec.settings import FILE


@dataclass(frozen=True)
class Draft:
    """A drafted settings file: its text, its lines as (setting, value, why), and what was not found.

    `judged` says in words what becomes of the sampled rows with it; `warnings` what a person should see before a run;
    `unused` which columns have no part.
    """

    text: str
    guesses: list[tuple[str, object, str]]
    missing: list[str]
    judged: str
    warnings: list[str]
    unused: list[str]


def write(folder: Path, today: dt.date) -> Draft:
    """Writes `mmrec.toml` into a folder. `MmrecError` in one line where it is there already, or nothing fits."""
    if (folder / FILE).exists():
        raise MmrecError(f"{folder / FILE} is there already and stays as it is; move it away to draft another one")
    drafted = draft(folder, today)
    with (folder / FILE).open("x", encoding="utf-8") as file:
        file.write(drafted.text)
    return drafted


def draft(folder: Path, today: dt.date) -> Draft:
    """The settings that fit a folder's files, tried on them.

    `MmrecError` in one line where no events or no catalogue are found.
    """
    if not folder.is_dir():
        raise MmrecError(f"there is no folder {folder}; name the one that holds your event files and your catalogue")
    found = look(folder)
    assigned = parts.assign(found.sources)
    if assigned.events is None or assigned.catalogue is None:
        raise MmrecError(missing.told(folder, found, assigned))
    written = _sections(folder, found.folders, assigned, assigned.events, assigned.catalogue, today)
    text = toml(_title([source.files[0] for source in assigned.left] + found.unreadable), written)
    used = [part.source for part in (assigned.events, assigned.catalogue, assigned.people) if part]
    tried = trial.trial(text, folder, used)
    lines = list(_told(written))
    item = assigned.events.chosen["item_id"]
    return Draft(
        text,
        [(setting, line.value, line.why) for setting, line in lines if not line.is_off or line.why.startswith("found")],
        [setting for setting, line in lines if line.is_off and line.why.startswith("not found")],
        tried.judged,
        [*([f"interactions.columns.item_id: {item.why}"] if item.is_doubtful else []), *tried.warnings],
        [f"{section.header}: {not_used(section.unused)}" for section in written if section.unused],
    )


def _sections(
    folder: Path, folders: list[str], assigned: parts.Parts, events: parts.Table, catalogue: parts.Table, today: dt.date
) -> list[Section]:
    columns, ids, title = catalogue.source.columns, catalogue.column("item_id"), catalogue.column("title")
    shared = [each for each in catalogue.source.shared if each not in catalogue.taken]
    root, named = media.media(folder, folders, ids, shared)
    files = [each for each in columns if each.name in {one.column for one in named}]
    catalogue = replace(catalogue, text=(title, *roles.texts_of(catalogue.source.shared, [ids, title, *files])))
    attributes = roles.attributes_of(shared, [*catalogue.taken, *files])
    people = assigned.people
    counted, event_patterns = tally.tally(folder, events), event_files(folder, events.source.files)
    more_files = any("*" in each or "?" in each for each in event_patterns.patterns)
    fits = days(counted, events.source.row_count, today, more_files=more_files)
    weighed = weights(events, counted.types, sections.type_of(events))
    people_files = other_files(folder, people.source.files) if people else Files([])
    return [
        Section("", "", [Line("name", _name(folder), "what the data set is called: the folder's name")]),
        sections.calendar(fits, events, complete=counted.complete),
        *sections.interactions(events, event_patterns, people, weighed),
        *sections.items(catalogue, other_files(folder, catalogue.source.files), named, attributes),
        sections.media(root, named),
        *sections.users(people, people_files, events),
        *sections.embeddings(catalogue, named),
    ]


def _name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-") or "my-data"


def _title(unused: list[str]) -> str:
    told = f" Not used: {'; '.join(unused[:5])}{' and more' if len(unused) > 5 else ''}." if unused else ""
    return f"Drafted by `mmrec init` from the files that lie here. Read every line that says guessed.{told}"


def _told(written: Sequence[Section]) -> Iterator[tuple[str, Line]]:
    """Every line by its setting; the weights as one, since the types of events are for the file alone."""
    for section in written:
        if section.header == "events":
            yield "events", Line("", counts(section.lines), "guessed by their names")
        else:
            yield from ((f"{section.header}.{line.key}".lstrip("."), line) for line in section.lines)
