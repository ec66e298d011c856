"""What to say when a folder has no event file or no catalogue: one line with what was found and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmrec.drafting.names import WORDS, fit
from mmrec.drafting.parts import Parts
from mmrec.drafting.samples import Found, Source
from mmrec.ingest import sources

_EVENTS = "event file (one with columns of people, items and times)"
_CATALOGUE = "catalogue (one with a column that names each item once, and one of titles)"
_SHOWN = 5


def told(folder: Path, found: Found, assigned: Parts) -> str:
    """The line: what is missing, and what every file looks like."""
    parts = ((_EVENTS, assigned.events), (_CATALOGUE, assigned.catalogue))
    missing = " and no ".join(what for what, part in parts if part is None)
    seen = [_described(source) for source in found.sources] + found.unreadable
    more = f"; and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else ""
    nothing = f"no file that ends in {', '.join(sources.KINDS)} (or .gz)"
    return f"found no {missing} below {folder}; found {'; '.join(seen[:_SHOWN]) or nothing}{more}"


def _described(source: Source) -> str:
    """A source by its first file. Its header is repeated only where it reads like one: else it may name a person."""
    names = [column.name for column in source.columns]
    reads = sum(any(fit(name, role)[0] == 2 for role in WORDS) for name in names) >= 2
    header = f"({', '.join(names)[:200]})" if reads else f"with {len(names)} columns"
    rows = "" if source.rows.height else " without any row"
    if source.bad and not source.rows.height:
        rows = f", none of whose {source.bad:,} rows can be read: {source.problem}"
    return f"{source.files[0]} {header}{rows}{''.join(_unread_times(source))}"


def _unread_times(source: Source) -> Iterator[str]:
    for column in source.columns:
        if column.count and fit(column.name, "time")[0] == 2 and not column.is_time:
            yield f", whose {column.name} is written like '{column.pattern}', not ISO 8601 or unix time"
