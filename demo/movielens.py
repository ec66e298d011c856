"""MovieLens-100K as a published package holds it: ratings and films, checked by digest and parsed.

Not here: the layout of the makers' own archive (`archive.py`), and cleaning: misspellings, wrong years and duplicates
stay in, `validated` deals with them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from demo import packages
from demo.films import Film
from mmrec.errors import MmrecError

PACKAGE = "recbole==1.2.1"
FOLDER = "recbole/dataset_example/ml-100k"
INTER, ITEM = f"{FOLDER}/ml-100k.inter", f"{FOLDER}/ml-100k.item"
# The user file is checked as part of the delivery and then left alone: nothing here needs age, gender or post code.
SHA256 = {
    INTER: "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    ITEM: "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    f"{FOLDER}/ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}


class Rating(NamedTuple):
    """One event as delivered: who rated which film with how many stars (1 to 5), and when (unix seconds)."""

    user_id: str
    item_id: str
    rating: str
    timestamp: int


class Delivery(NamedTuple):
    """The data set: ratings ordered by time, then ids, and films in their delivered order."""

    ratings: list[Rating]
    films: list[Film]


def from_package(scratch: Path) -> Delivery:
    """Downloads the package by way of `scratch` and parses what it holds."""
    print(f"fetching {PACKAGE} (2 MB)", flush=True)
    found = packages.members(PACKAGE, SHA256, scratch)
    return Delivery(parse_ratings(found[INTER].decode()), parse_films(found[ITEM].decode()))


def parse_ratings(text: str) -> list[Rating]:
    """The ratings of the package's file, in order."""
    return ordered(Rating(user, item, stars, int(float(time))) for user, item, stars, time in _records(text, 4))


def parse_films(text: str) -> list[Film]:
    """The films of the package's file, which has cut the year off the title."""
    return [Film(item_id, title, genres, year) for item_id, title, year, genres in _records(text, 4)]


def ordered(ratings: Iterable[Rating]) -> list[Rating]:
    """By time, then ids: the delivered order says nothing."""
    return sorted(ratings, key=lambda row: (row.timestamp, _numeric(row.user_id), _numeric(row.item_id)))


def content_digest(ratings: Iterable[Rating]) -> str:
    """The sha256 of ordered ratings, whatever layout they came in."""
    return hashlib.sha256("".join("\t".join(map(str, row)) + "\n" for row in ratings).encode()).hexdigest()


def _records(text: str, width: int) -> Iterator[list[str]]:
    """The rows below the header of a tab-separated file, which has no quoting."""
    for number, line in enumerate(text.splitlines()[1:], start=2):
        row = line.split("\t")
        if len(row) != width:
            raise MmrecError(f"line {number} has {len(row)} fields, expected {width}")
        yield row


def _numeric(identifier: str) -> tuple[int, str]:
    """Orders "9" before "10"."""
    return len(identifier), identifier
