"""MovieLens-100K out of its makers' own archive, instead of the published package.

Here: getting `ml-100k.zip`, its layout (`u.data`, `u.item`) and what is checked of it. Nothing is unpacked: two members
are read by their full names, so no name in the archive can become a path. Not here: what ratings and films are
(`movielens.py`, `films.py`).

Checked are the fields of every row, and that the ratings are the published ones, by the digest of their content: the
bytes of this layout differ from the package's, its 100,000 ratings do not.
"""

import hashlib
import io
import re
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from demo.films import Film
from demo.movielens import Delivery, Rating, content_digest, ordered
from mmrec.errors import MmrecError

RATINGS_SHA256 = "f4555b8e3a89b4068229ae5c8ca7eaa12c27fd3b0a38a2fbc0b58789d228438e"
FILMS = 1_682
_DATA, _ITEM = "ml-100k/u.data", "ml-100k/u.item"
_MAX_BYTES = 64 * 2**20  # of the archive, and of each member once inflated; the real ones have 5, 2 and 0.2 MB
_TIMEOUT_SECONDS = 60
_RATING = re.compile(r"([0-9]{1,9})\t([0-9]{1,9})\t([1-5])\t([0-9]{1,12})")
_FILM = re.compile(r"([0-9]{1,9})\|([^|]*)\|[^|]*\|[^|]*\|[^|]*((?:\|[01]){19})")
_TITLE = re.compile(r"(.*) \((.*)\)")
# fmt: off
_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)
# fmt: on


def from_archive(where: str) -> Delivery:
    """Reads the archive at a path or an https address."""
    data, item = _members(_bytes(where))
    ratings = ordered(parse_ratings(data))
    films = list(parse_films(item))
    if content_digest(ratings) != RATINGS_SHA256 or {len(films), len({film.item_id for film in films})} != {FILMS}:
        raise MmrecError(
            f"DEMO_ARCHIVE is not MovieLens-100K: found {len(ratings):,} ratings of other content or {len(films):,} "
            f"films, expected the published 100,000 ratings and {FILMS:,} films; take ml-100k.zip from GroupLens"
        )
    print(f"checked {len(ratings):,} ratings, whose content is the published one, and {len(films):,} films", flush=True)
    return Delivery(ratings, films)


def identity(where: str) -> str:
    """What tells one archive from another: the digest of the file, or of an address, which is not asked again."""
    return hashlib.sha256(where.encode() if _is_address(where) else _bytes(where)).hexdigest()


def parse_ratings(text: str) -> Iterator[Rating]:
    """The rows of `u.data`: user, item, stars and seconds, separated by tabs, without a header."""
    for row in _rows(text, _RATING, f"{_DATA} is not a user, an item, 1 to 5 stars and seconds, separated by tabs"):
        yield Rating(row[1], row[2], row[3], int(row[4]))


def parse_films(text: str) -> Iterator[Film]:
    """The rows of `u.item`: id, title with the year, two dates and an address that are left alone, a flag a genre."""
    expected = f"{_ITEM} is not an id, a title, two dates, an address and {len(_GENRES)} flags, separated by |"
    for item_id, title, flags in (row.groups() for row in _rows(text, _FILM, expected)):
        found = _TITLE.fullmatch(title.strip())
        name, year = found.groups() if found else (title.strip(), "")
        flagged = zip(_GENRES, flags[1:].split("|"), strict=True)
        yield Film(item_id, name, " ".join(genre for genre, flag in flagged if flag == "1"), year)


def _rows(text: str, pattern: re.Pattern[str], expected: str) -> Iterator[re.Match[str]]:
    for number, line in enumerate(text.replace("\r\n", "\n").rstrip("\n").split("\n"), start=1):
        row = pattern.fullmatch(line)
        if row is None:
            raise MmrecError(f"DEMO_ARCHIVE: line {number} of {expected}")
        yield row


def _members(archive: bytes) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            data, item = (_read(opened, name) for name in (_DATA, _ITEM))
    except KeyError:
        raise MmrecError(f"DEMO_ARCHIVE holds no {_DATA} or no {_ITEM}: expected MovieLens' ml-100k.zip") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise MmrecError(f"DEMO_ARCHIVE cannot be read as a zip archive: {error}") from error
    return data.decode("latin-1"), item.decode("latin-1")


def _read(opened: zipfile.ZipFile, name: str) -> bytes:
    with opened.open(name) as member:
        data = member.read(_MAX_BYTES + 1)
    return _within_limit(data, name)


def _bytes(where: str) -> bytes:
    try:
        if _is_address(where):
            data = _download(where)
        else:
            with Path(where).expanduser().open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # an address may hold a password, and so may the text of an error
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise MmrecError(f"DEMO_ARCHIVE cannot be read ({reason}): expected a file or an https address") from None
    return _within_limit(data, "DEMO_ARCHIVE")


def _is_address(where: str) -> bool:
    return "://" in where


def _download(address: str) -> bytes:
    if not address.startswith("https://"):
        raise ValueError("not https")
    print("fetching the archive from the given address", flush=True)
    with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - https only, see above
        if not response.url.startswith("https://"):
            raise ValueError("led away from https")
        return response.read(_MAX_BYTES + 1)


def _within_limit(data: bytes, name: str) -> bytes:
    if len(data) > _MAX_BYTES:
        raise MmrecError(f"{name} is larger than {_MAX_BYTES // 2**20} MiB: that is not MovieLens-100K")
    return data
