"""A tiny shop for every combination of the settings matrix, and what must come of it, in plain Python.

Here: one list of events, items and profiles; how they are written in a combination's form; and what a lake should then
hold, by loops, dictionaries and `zoneinfo`. Nothing of `mmrec` is used but its settings. Not here: which combinations
there are (`tests/helpers/settings_table.py`), and running the pipeline.
"""

import datetime as dt
import gzip
import hashlib
import json
import math
import random
import wave
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl
from PIL import Image

from mmrec.settings import Settings
from tests.helpers.settings_table import ODD_DAYS

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


@dataclass(frozen=True)
class Row:
    """A delivered event as it should be judged."""

    file: str
    row: int
    period: str
    rule: str
    user: str | None
    item: str | None
    kind: str | None
    value: float | None
    time: dt.datetime | None
    query: str | None
    words: str | None

    @property
    def key(self):
        return self.user, self.item, self.kind, self.time, self.query


class PlainShop:
    """The shop under one combination of settings: its files in `folder`, and what should come of them.

    `turn` says which of the six files has which form, and which form of time.
    """

    def __init__(self, folder, row, turn):
        self.row, self.turn, self.folder = row, turn, folder
        self.zone = ZoneInfo(row["calendar.timezone"])
        self.odd = ODD_DAYS[row["calendar.timezone"]]
        self.settings = Settings.model_validate(self._config())

    def _config(self):
        config = {"name": "plain", "data": str(self.folder / "data"), "lake": {"root": str(self.folder / "lake")}}
        left_out = () if self.row["users.files"] else ("users",)
        encoders = {name for name in NAMES if self.row[f"embeddings.{name}.encoder"]}
        config["embeddings"] = {name: {} for name in encoders}
        for path, value in self.row.items():
            section, *names = path.split(".")
            if section in (*left_out, "delivered") or (section == "embeddings" and names[0] not in {*encoders, "*"}):
                continue
            for key in sorted(encoders) if names[0] == "*" else names[:1]:
                place = config.setdefault(section, {})
                for name in [key, *names[1:]][:-1]:
                    place = place.setdefault(name, {})
                place[names[-1]] = value
        config["calendar"]["start"] = self.start
        config["calendar"]["end"] = self.end
        return config

    # -- what is delivered ---------------------------------------------------------------------------------------------

    def form(self, file):
        return FORMS[(file + self.turn) % len(FORMS)]

    def time_form(self, file):
        return TIMES[(FORMS.index(self.form(file)) + self.turn) % len(TIMES)]  # five turns give each form each time

    def name(self, folder, file):
        return f"{folder}/{file}.{SUFFIXES[self.form(file)]}"

    def user(self, number):
        if number is None:
            return None
        return 9000 + number if self.row["delivered.ids"] == "number" else f"zq-person-{number:02}"

    def item(self, number):
        if number is None:
            return None
        return 100 + number if self.row["delivered.ids"] == "number" else f"item-{number:02}"

    def column(self, section, name):
        """The header of a column: what settings call it, else its own name, which nothing reads then."""
        return self.row.get(f"{section}.columns.{name}") or name

    def deliver(self):
        """Writes every file; the pictures and the like are where the settings say."""
        for folder, rows in (
            ("events", self._event_rows()),
            ("catalogue", self._item_rows()),
            ("people", self._people()),
        ):
            (self.folder / "data" / folder).mkdir(parents=True, exist_ok=True)
            for file in range(FILES[folder]):
                mine = [cells for of, cells in rows if of == file]
                _write(self.folder / "data" / self.name(folder, file), self.form(file), mine)
        media = self.settings.media_root
        media.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (200, 40, 90)).save(media / "red.png")
        Image.new("RGB", (4, 4), (20, 40, 90)).save(media / "blue.png")
        with wave.open(str(media / "tone.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(800))
        (media / "clip.mp4").write_bytes(b"not a clip, but no encoder here looks")

    def _event_rows(self):
        names = {name: self.column("interactions", name) for name in ("user_id", "item_id", "time", "event", "value")}
        names |= {name: self.column("interactions", name) for name in ("query", "review")}
        return [
            (
                event.file,
                {
                    names["user_id"]: self.user(event.user),
                    "unread": "nothing reads this",
                    names["item_id"]: self.item(event.item),
                    names["time"]: self._written(event),
                    names["event"]: event.kind,
                    names["value"]: event.value,
                    names["query"]: event.query,
                    names["review"]: event.review,
                },
            )
            for event in EVENTS
        ]

    def _item_rows(self):
        names = {
            name: self.column("items", name) for name in ("item_id", "title", "image", "audio", "video", "categories")
        }
        return [
            (
                item.number % FILES["catalogue"],
                {
                    names["item_id"]: self.item(item.number),
                    names["title"]: item.title,
                    "about": item.about,
                    "more": "and more" if item.about and item.number % 2 else None,
                    **{names[name]: _file_of(item, name) for name in NAMES[1:]},
                    names["categories"]: "a thing|another" if item.number % 2 else None,
                    "price": item.price,
                    "director": item.director,
                    "shelf": item.shelf,
                },
            )
            for item in ITEMS
        ]

    def _people(self):
        user_id, consent = self.column("users", "user_id"), self.column("users", "consent")
        return [
            (
                profile.user % FILES["people"],
                {
                    user_id: self.user(profile.user),
                    consent: profile.consent,
                    "bio": profile.bio,
                    "likes": profile.likes,
                },
            )
            for profile in PROFILES
        ]

    def _written(self, event):
        """The event's time as its file writes it."""
        form = self.time_form(event.file)
        if event.day is None:
            return None if self.form(event.file) == "parquet" else "some day"
        wall = self._wall(event)
        at = self._instant(wall)
        return {
            "offset": at.astimezone(self.zone),
            "naive": wall,
            "seconds": round(at.timestamp()),
            "milliseconds": round(at.timestamp() * 1000),
            "date": wall.date(),
        }[form]

    # -- what a clock says ---------------------------------------------------------------------------------------------

    @property
    def start(self):
        return self.odd + dt.timedelta(days=self.row["calendar.start"])

    @property
    def end(self):
        days = self.row["calendar.end"]
        return None if days is None else self.odd + dt.timedelta(days=days)

    @property
    def now(self):
        """An instant on the day on which an open calendar ends."""
        return self._instant(dt.datetime.combine(self.odd + dt.timedelta(days=NOW), dt.time(12)))

    @cached_property
    def calendar(self):
        """Every period of the calendar, by its first day."""
        step = 7 if self.row["calendar.period"] == "week" else 1
        last = self.end if self.end else self.now.astimezone(self.zone).date() + dt.timedelta(days=1)
        whole = (last - self.start).days
        count = whole // step if self.end else math.ceil(whole / step)
        return [str(self.start + dt.timedelta(days=step * at)) for at in range(count)]

    def _wall(self, event):
        return dt.datetime.combine(self.odd + dt.timedelta(days=event.day), dt.time(event.hour, event.minute))

    def _instant(self, wall):
        """A clock time that is skipped has the offset of before and so moves forward; the first of two is meant."""
        return wall.replace(tzinfo=self.zone).astimezone(dt.UTC)

    def _period(self, at):
        """The period of an instant, None outside the calendar."""
        day = at.astimezone(self.zone).date()
        step = 7 if self.row["calendar.period"] == "week" else 1
        first = str(self.start + dt.timedelta(days=(day - self.start).days // step * step))
        return first if first in self.calendar else None

    # -- what must come of it ------------------------------------------------------------------------------------------

    @cached_property
    def landed(self):
        """Every event, in the order of files and rows, with the rule it breaks."""
        rows = []
        for file in range(FILES["events"]):
            mine = [event for event in EVENTS if event.file == file]
            times = [self._time(event) for event in mine]
            periods = [at and self._period(at) for at in times]
            newest = max(period for period in periods if period)
            for number, (event, at, period) in enumerate(zip(mine, times, periods, strict=True), 1):
                read = self._read(event, self.name("events", file), number, at if period else None)
                rows.append(replace(read, period=period or newest, rule=self._rule(event, read)))
        return _without_duplicates(sorted(rows, key=lambda row: (row.file, row.row)))

    def _time(self, event):
        if event.day is None:
            return None
        wall = self._wall(event)
        whole_day = self.time_form(event.file) == "date"
        return self._instant(dt.datetime.combine(wall.date(), dt.time()) if whole_day else wall)

    def _read(self, event, file, number, at):
        columns = {name: self.row[f"interactions.columns.{name}"] for name in ("event", "value", "query", "review")}
        query = _clean(event.query) if columns["query"] else None
        review = _clean(event.review) if columns["review"] else None
        return Row(
            file,
            number,
            "",
            "",
            _text(self.user(event.user)),
            _text(self.item(event.item)),
            event.kind if columns["event"] else self.row["interactions.event"],
            event.value if columns["value"] and event.value != "n/a" else None,
            at,
            query,
            query or review,
        )

    def _rule(self, event, read):
        limits = self.row["interactions.value_range"]
        unusable = event.value == "n/a" and self.row["interactions.columns.value"]
        outside = limits and read.value is not None and not limits[0] <= read.value <= limits[1]
        broken = {
            "event_ignored": read.kind in self.row["events.ignore"],
            "event_unnamed": read.kind is not None and read.kind not in self.row["events.weights"],
            "event_missing": read.kind is None,
            "user_missing": read.user is None,
            "time_unusable": read.time is None,
            "item_missing": read.item is None and not (read.kind == "search" and read.query),
            "value_unusable": unusable,
            "value_out_of_range": outside,
        }
        return next((rule for rule, is_broken in broken.items() if is_broken), "ok")

    @cached_property
    def refused(self):
        """The periods whose share of rejected rows, or of events of unknown items, is too high."""
        found = set()
        for period, rows in grouped(self.landed, lambda row: row.period).items():
            rejected = sum(kind(row.rule) == "rejected" for row in rows)
            unknown = sum(row.rule == "ok" and row.item is not None and row.item not in self.items for row in rows)
            allowed = self.row["quality.max_unknown_item_share"]
            if rejected > self.row["quality.max_rejected_share"] * len(rows):
                found.add(period)
            if allowed is not None and unknown > allowed * len(rows):
                found.add(period)
        return found

    @cached_property
    def events(self):
        """Every good event of a period that was published."""
        return [row for row in self.landed if row.rule == "ok" and row.period not in self.refused]

    def weight(self, row):
        """What an event says that the person likes; 0 where it says nothing of the kind."""
        scale = {"none": lambda _: 1.0, "linear": lambda value: value, "log": lambda value: math.log(1 + value)}
        lowest = self.row["interactions.liked_from"] or 0
        if row.value is not None and (row.value <= 0 or row.value < lowest):
            return 0.0
        by_value = scale[self.row["interactions.value_scale"]](1.0 if row.value is None else row.value)
        return self.row["events.weights"][row.kind] * by_value

    @cached_property
    def last(self):
        """The newest period of which anything has landed."""
        return max(row.period for row in self.landed)

    @cached_property
    def met(self):
        """(person, item) → the weights of their events."""
        return grouped([row for row in self.events if row.item], lambda row: (row.user, row.item), self.weight)

    @cached_property
    def liked(self):
        """person → the items that they like."""
        return grouped([pair for pair, weights in self.met.items() if any(weights)], lambda it: it[0], lambda it: it[1])

    @cached_property
    def boundary(self):
        """The period up to whose end the served item factors were fitted."""
        filled = sorted({row.period for row in self.events})
        known = [period for period in self.calendar if filled[0] <= period <= filled[-1]]
        return known[(len(known) - 1) // self.row["model.refit"] * self.row["model.refit"]]

    @cached_property
    def warm(self):
        """item → how many people liked it up to the boundary."""
        early = [row for row in self.events if row.item and row.period <= self.boundary and self.weight(row)]
        return Counter(item for _, item in {(row.user, row.item) for row in early})

    def held_out(self):
        """How many people have something to validate on: at least, and at most (equal times have no order here).

        Of their liked items of the catalogue, those of the tenth before the last, that they had not met before.
        """
        mine = [row for row in self.events if row.item]
        if self.row["model.split"] == "global":
            times = sorted(row.time for row in mine if self.weight(row))
            first, last = times[int(len(times) * 0.8 + 1e-9)], times[int(len(times) * 0.9 + 1e-9)]
            before = {(row.user, row.item) for row in mine if row.time < first}
            held = [row for row in mine if first <= row.time < last and self.weight(row) and row.item in self.items]
            people = {row.user for row in held if (row.user, row.item) not in before}
            return len(people), len(people)
        enough = {user for user, items in self.liked.items() if len(items) >= self.row["model.min_events"]}
        mixed = {user for (user, item), weights in self.met.items() if not all(weights) or item not in self.items}
        return len(enough - mixed), len(enough)

    @cached_property
    def items(self):
        """item → its entry of the catalogue: the first of equal ids, with a title."""
        good = [item for item in ITEMS if item.title]
        order = {item: (self.name("catalogue", item.number % FILES["catalogue"]), ITEMS.index(item)) for item in good}
        return {_text(self.item(item.number)): item for item in sorted(good, key=order.get, reverse=True)}

    def text(self, item):
        """An item's text: its title, where no columns are named."""
        if not self.row["items.columns.text"]:
            return _clean(item.title)
        parts = (item.about, "and more" if item.about and item.number % 2 else None)
        return ". ".join(part for part in parts if part) or None

    def modalities(self, item):
        """What of an item is encoded."""
        has = {"text": self.text(item), **{name: _file_of(item, name) for name in NAMES[1:]}}
        return [
            name
            for name in NAMES
            if self.row[f"embeddings.{name}.encoder"] and self.row[f"items.columns.{name}"] != [] and has[name]
        ]

    def attributes(self, item):
        """The further columns of an item, those that are empty left out."""
        own = {"price": item.price, "director": item.director, "shelf": item.shelf}
        return {name: own[name] for name in self.row["items.attributes"] if own[name] is not None}

    @cached_property
    def consenting(self):
        """The people who say yes, and nowhere no, with the cleaned text of their first row."""
        if not self.row["users.files"]:
            return {}
        said = grouped(PROFILES, lambda profile: profile.user)
        yes = {user: rows for user, rows in said.items() if all(row.consent in YES for row in rows)}
        named = self.row["users.columns.text"]
        texts = {
            user: ". ".join(_clean(part) for part in (rows[0].bio, rows[0].likes) if part) for user, rows in yes.items()
        }
        return {_text(self.user(user)): text if named else None for user, text in texts.items()}

    @cached_property
    def words(self):
        """person → the sha256 of each of their texts that may be read."""
        found = defaultdict(set)
        for user, text in self.consenting.items():
            found[user] |= {text} - {None}
        for row in self.events:
            if row.words and row.user in self.consenting:
                found[row.user].add(row.words)
        return {
            user: {hashlib.sha256(text.encode()).hexdigest() for text in texts}
            for user, texts in found.items()
            if texts
        }


def kind(rule):
    """What becomes of a row by its rule."""
    kinds = {"ok": "valid", "duplicate": "duplicate", "event_ignored": "ignored", "event_unnamed": "ignored"}
    return kinds.get(rule, "rejected")


def grouped(rows, key, value=lambda row: row):
    """key → the values of its rows, in their order."""
    found = defaultdict(list)
    for row in rows:
        found[key(row)].append(value(row))
    return dict(found)


def _without_duplicates(rows):
    seen, found = set(), []
    for row in rows:
        again = row.rule == "ok" and row.key in seen
        seen |= {row.key} if row.rule == "ok" else set()
        found.append(replace(row, rule="duplicate") if again else row)
    return found


def _file_of(item, name):
    """The file that an item has of a modality."""
    files = {"image": "red.png" if item.number % 4 == 1 else "blue.png", "audio": "tone.wav", "video": "clip.mp4"}
    return files[name] if name in item.files else None


def _clean(text):
    return " ".join(text.split()) if text else None


def _text(value):
    return None if value is None else str(value)


def _write(path, form, rows):
    """Rows as a file of this form; a Parquet column has the type of its values, where all have one."""
    if form == "parquet":
        columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
        pl.DataFrame({name: _series(values) for name, values in columns.items()}).write_parquet(path)
        return
    if form == "jsonl":
        lines = [
            json.dumps({n: v for n, v in row.items() if v is not None}, default=_cell, ensure_ascii=False)
            for row in rows
        ]
    else:
        mark = {"tsv": "\t", "semicolon": ";"}.get(form, ",")
        head = list(rows[0])
        lines = [
            mark.join(_quoted(_cell(cell), mark) for cell in cells) for cells in (head, *(row.values() for row in rows))
        ]
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data, mtime=0) if form == "gzip" else data)


def _series(values):
    types = {type(value) for value in values} - {type(None)}
    if types == {int} and None in values:  # what most programs write where a whole number is missing
        return pl.Series(values, dtype=pl.Float64)
    return pl.Series(values) if len(types) == 1 else pl.Series([_text(value) for value in values], dtype=pl.String)


def _cell(value):
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _quoted(text, mark):
    return '"' + text.replace('"', '""') + '"' if mark in text or '"' in text or "\n" in text else text
