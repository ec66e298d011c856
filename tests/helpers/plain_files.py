"""The files of the shop of the settings matrix, in the form that a combination says, and its clock.

Not here: the rows (`plain_data.py`), nor what must come of them (`plain_shop.py`).
"""

import datetime as dt
import gzip
import json
import math
import wave
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl
from PIL import Image

from mmrec.settings import Settings
from tests.helpers.plain_data import EVENTS, FILES, FORMS, ITEMS, NAMES, NOW, PROFILES, SUFFIXES, TIMES
from tests.helpers.settings_table import ODD_DAYS


class PlainFiles:
    """The shop's settings and files in `folder`, under one combination of settings.

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
                    **{names[name]: file_of(item, name) for name in NAMES[1:]},
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


def file_of(item, name):
    """The file that an item has of a modality."""
    files = {"image": "red.png" if item.number % 4 == 1 else "blue.png", "audio": "tone.wav", "video": "clip.mp4"}
    return files[name] if name in item.files else None


def text_of(value):
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
    return pl.Series(values) if len(types) == 1 else pl.Series([text_of(value) for value in values], dtype=pl.String)


def _cell(value):
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _quoted(text, mark):
    return '"' + text.replace('"', '""') + '"' if mark in text or '"' in text or "\n" in text else text
