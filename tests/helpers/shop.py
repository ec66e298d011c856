"""A tiny shop whose stages run on a temporary lake without Dagster: four days, twelve people, fifteen items.

The people's ids cannot be mistaken for anything else, so that a test can search everything for them. Not here: the
fixtures that hand shops out (`tests/conftest.py`), nor shops of other shapes (`tests/helpers/plain_shop.py`).
"""

import json
import random
from pathlib import Path

import polars as pl
from PIL import Image

from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.settings import Settings, load

PERSON = "zq-person"
DAYS = [f"2024-01-0{day}" for day in range(1, 5)]
PEOPLE = [f"{PERSON}-{index:02}" for index in range(12)]
ITEMS = [f"item-{index:02}" for index in range(15)]
WITH_PICTURE, WITHOUT_TEXT = ITEMS[:10], ITEMS[13:]
RARE = ITEMS[13]  # bought on the second and the third day alone; the last item never
EVENT_HEADER = "user_id,item_id,time,event,rating,query"
ITEM_HEADER = "item_id,title,about,picture"
CONFIG = {
    "name": "tiny",
    "data": "data",
    "lake": {"root": "lake"},
    "calendar": {"start": "2024-01-01", "end": "2024-01-05"},
    "interactions": {
        "files": ["events-*.csv"],
        "value_range": [1, 5],
        "columns": {"event": "event", "value": "rating", "query": "query"},
    },
    "events": {"view": 1.0, "rating": 1.0, "purchase": 3.0, "search": 0.5},
    "items": {"files": ["items*.csv"], "columns": {"text": ["about"], "image": "picture"}},
    "media": {"root": "pictures"},
    "embeddings": {"text": {"encoder": "hash:8"}, "image": {"encoder": "hash:4"}},
    "model": {"width": 4, "sweeps": 2, "min_events": 3, "refit": 2},
    "recommendations": {"k": 3},
    "weights": "weights",
}


class Shop:
    """A data set in a folder of its own, and its lake. `run` makes assets by name and gives their reports."""

    days, people, items = DAYS, PEOPLE, ITEMS
    with_picture, without_text, rare = WITH_PICTURE, WITHOUT_TEXT, RARE
    event_header, item_header = EVENT_HEADER, ITEM_HEADER
    assets = tuple(node.asset for node in graph.nodes(Settings.model_validate(CONFIG)))
    events = ("raw/interactions", "validated/interactions")
    answers = assets[8:]
    content = tuple(asset for asset in assets[:8] if asset not in ("raw/interactions", "validated/interactions"))

    def __init__(self, folder):
        self.folder = folder
        self.settings = load(folder / "mmrec.toml", environment={})
        self.data = self.settings.data
        self._known, self._place = Lake(self.settings.lake_root), None

    @property
    def lake(self):
        """A reader that has seen nothing yet.

        Tables stay open from run to run, as in a process that lives long, until the lake or one of them is put away.
        """
        root = Path(self.settings.lake_root)
        place = (root, root.stat().st_ino if root.exists() else None)
        if place != self._place or not all((root / table).exists() for table in vars(self._known.opened)):
            self._known, self._place = Lake(self.settings.lake_root), place
        return self._known.acting_as("-", "-")

    def configure(self, **changes):
        """Changes settings as `mmrec.toml` would say them, section by section."""
        config = json.loads(json.dumps(self.settings.model_dump(), default=str))
        self.settings = Settings.model_validate(_merged(config, changes))
        return self

    def run(self, *assets, periods=None, strict=True):
        """The reports of these assets (all without any) for `periods`; a refusal is an error unless not `strict`."""
        reports = {}
        for asset in assets or self.assets:
            node = graph.node(self.settings, asset)
            reports[asset] = node.run(self.lake, self.settings, list(periods or DAYS), run_id="test-run")
            if strict:
                reports[asset].raise_if_refused()
        return reports[assets[0]] if len(assets) == 1 else reports

    def scan(self, table, /, **equal):
        """The rows of a table now."""
        return self.lake.scan(table).filter(*[pl.col(name) == value for name, value in equal.items()]).collect()

    def rows(self, table):
        return self.scan(table).height

    # -- what the sources deliver ----------------------------------------------------------------------------------

    def events_file(self, day):
        return self.data / f"events-{day}.csv"

    def lines(self, day):
        """The delivered lines of a day, without the header."""
        return self.events_file(day).read_text().splitlines()[1:]

    def write_events(self, day, lines, header=EVENT_HEADER):
        self.events_file(day).write_text("\n".join([header, *lines]) + "\n")

    def spoil(self, day, share=0.8):
        """Puts a share of a day's ratings out of range; how many."""
        lines = self.lines(day)
        count = round(len(lines) * share)
        self.write_events(day, [_replaced(line, 4, "9") for line in lines[:count]] + lines[count:])
        return count

    def catalogue(self):
        """The delivered lines of the catalogue, without the header."""
        return (self.data / "items.csv").read_text().splitlines()[1:]

    def write_catalogue(self, lines, header=ITEM_HEADER):
        (self.data / "items.csv").write_text("\n".join([header, *lines]) + "\n")

    def edit_item(self, item, **cells):
        """Changes cells of the first line of an item: title, about, picture."""
        lines = self.catalogue()
        at = next(at for at, line in enumerate(lines) if line.startswith(f"{item},"))
        for name, value in cells.items():
            lines[at] = _replaced(lines[at], ITEM_HEADER.split(",").index(name), value)
        self.write_catalogue(lines)

    def add_item(self, line):
        self.write_catalogue([*self.catalogue(), line])

    def remove_item(self, item):
        self.write_catalogue([line for line in self.catalogue() if not line.startswith(f"{item},")])


def _replaced(line, at, value):
    cells = line.split(",")
    cells[at] = value
    return ",".join(cells)


def _merged(config, changes):
    for name, value in changes.items():
        config[name] = _merged(config[name], value) if isinstance(config.get(name), dict) else value
    return config


def _toml(config, prefix=""):
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items() if not isinstance(value, dict)]
    text = "\n".join(line.replace('"2024-01-01"', "2024-01-01").replace('"2024-01-05"', "2024-01-05") for line in lines)
    for key, value in config.items():
        if isinstance(value, dict):
            text += f"\n\n[{prefix}{key}]\n" + _toml(value, f"{prefix}{key}.")
    return text


def write_shop(folder):
    """Four days of events by twelve people on fifteen items: ten have a picture, two neither text nor picture."""
    draw = random.Random(7)
    pictures = folder / "data" / "pictures"
    pictures.mkdir(parents=True)
    (folder / "mmrec.toml").write_text(_toml(CONFIG) + "\n")
    lines = [ITEM_HEADER]
    for index, item in enumerate(ITEMS):
        about = "" if item in WITHOUT_TEXT else f"A thing number {index}"
        picture = f"{item}.png" if item in WITH_PICTURE else ""
        lines.append(f"{item},Title {index},{about},{picture}")
        if picture:
            Image.new("RGB", (8, 8), (index * 16, 40, 90)).save(pictures / picture)
    (folder / "data" / "items.csv").write_text("\n".join(lines) + "\n")
    for day in DAYS:
        events = [
            f"{person},{draw.choice(ITEMS[:13])},{day}T{hour:02}:00:00,rating,{draw.randint(1, 5)},"
            for person in PEOPLE
            for hour in draw.sample(range(24), 3)
        ]
        events.append(f"{PEOPLE[0]},,{day}T12:30:00,search,,words of {PEOPLE[0]}")
        if day in DAYS[1:3]:
            events.append(f"{PEOPLE[1]},{RARE},{day}T13:30:00,purchase,,")
        (folder / "data" / f"events-{day}.csv").write_text("\n".join([EVENT_HEADER, *events]) + "\n")
    return folder
