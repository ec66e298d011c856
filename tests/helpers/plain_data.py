"""What people did, what is on sale and who has a profile in the shop of the settings matrix: one list of each.

Not here: how they are written to files (`plain_files.py`), nor what must come of them (`plain_shop.py`).
"""

import random
from dataclasses import dataclass

SUFFIXES = {"csv": "csv", "tsv": "tsv", "semicolon": "csv", "gzip": "csv.gz", "jsonl": "jsonl", "parquet": "parquet"}
FORMS = tuple(SUFFIXES)
TIMES = ("offset", "naive", "seconds", "milliseconds", "date")
FILES = {"events": 6, "catalogue": 3, "people": 2}  # each of another form
DAYS = (-6, -4, -2, -1, 0, 1, 3, 6, 9)  # after the odd day; the first lie before some calendars
BEYOND = (12, 14)  # behind the end of some calendars, in one file: such a file is read again by every run
NOW = 10  # the day on which an open calendar ends
PEOPLE = 22
NAMES = ("text", "image", "audio", "video")
YES = ("yes", "TRUE", "1", "on")


@dataclass(frozen=True)
class Event:
    """What somebody did, by the clock of the calendar's zone; `file` is the one it is delivered in."""

    file: int
    user: int | None
    item: int | None
    day: int | None
    hour: int = 12
    minute: int = 0
    kind: str | None = "view"
    value: float | str | None = None
    query: str | None = None
    review: str | None = None


@dataclass(frozen=True)
class Item:
    """An entry of the catalogue."""

    number: int
    title: str | None
    about: str | None
    files: tuple[str, ...]  # the modalities it has a file of
    price: float | None
    director: str | None
    shelf: str


@dataclass(frozen=True)
class Profile:
    """What somebody said of themselves."""

    user: int
    consent: str | None
    bio: str | None
    likes: str | None = None


def _events():
    draw = random.Random(3)
    kinds = ("view", "view", "rating", "rating", "rating", "purchase", "dislike", "impression")
    values = {"rating": (1.0, 2.0, 3.0, 4.0, 4.5, 5.0), "purchase": (None, 1.0, 2.0, -1.0, 0.0)}
    for user in range(PEOPLE):
        for at in range(6):
            kind = draw.choice(kinds)
            said = f"Nice, she said;\t“{user % 3}”" if kind == "rating" and draw.random() < 0.4 else None
            clock = (draw.randrange(24), draw.randrange(60))
            file = (user + at) % FILES["events"]
            day = draw.choice(DAYS if file else DAYS + BEYOND)
            value = draw.choice(values.get(kind, (None,)))
            yield Event(file, user, draw.randrange(11), day, *clock, kind, value, review=said)
    yield Event(0, 3, 1, 500)
    for file in range(FILES["events"]):
        again = Event(file, 2 + file, 3, 0, 9, 30, "rating", 4.0)
        yield from (again, again)
        for at, (hour, minute) in enumerate(((0, 0), (0, 10), (2, 30), (23, 59))):  # some clocks skip some of these
            yield Event(file, file, 2 + at, 0, hour, minute, "purchase", 2.0)
        yield Event(file, 5 + file, None, 1, 8, kind="search", query=f" a  thing, number {file % 4} ")
        yield Event(file, 1 + file, 90 + file % 2, 1, 18)  # no item of the catalogue
        yield from (Event(file, 3, 1, -400), Event(file, 3, 1, None))  # none of the calendar's
        yield (
            Event(file, None, 4, 3),
            Event(file, 4, None, 3),
            Event(file, 4, 4, 3, kind=None),
            Event(file, 4, 5, 6, kind="rating", value="n/a"),
            Event(file, 4, 6, 6, kind="rating", value=9.0),
            Event(file, 11, 3, 6, kind="showcase"),
        )[file]


def _items():
    for at in range(14):
        files = tuple(name for place, name in enumerate(NAMES[1:]) if (at >> place) & 1)
        title = None if at == 13 else f"Title {at}, the “{at % 4}”" + (" Ürsa" if at % 2 else "")
        about = None if at in (6, 7) else f"A thing; number {at}"
        yield Item(
            at, title, about, files, None if at % 3 == 1 else 2.5 * at, (at % 2 and f"Müller, {at}") or None, f"00{at}"
        )
    yield Item(2, "The same again", "another thing", (), 1.0, None, "009")


def _profiles():
    for user in range(9):
        yield Profile(user, (*YES, "no", "0", None, "perhaps")[user % 8], f" I like  things, {user % 5}")
    yield Profile(1, "yes", "A second row")
    yield Profile(2, "no", "I do not want this")
    yield Profile(30, "yes", "Only words are known of me", "and those")


EVENTS, ITEMS, PROFILES = tuple(_events()), tuple(_items()), tuple(_profiles())
