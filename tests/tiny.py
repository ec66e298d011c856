"""A tiny data set that several tests share: six days of views by twelve people, fifteen items, twelve pictures.

The people's ids cannot be mistaken for anything else, so that a test can search everything for them.
"""

import random
from pathlib import Path

from PIL import Image

from mmrec.settings import Settings, load

DAYS = [f"2024-01-0{day}" for day in range(1, 7)]
PEOPLE = [f"person-{index:02}-zebra" for index in range(12)]
ITEMS = [f"item-{index:02}" for index in range(15)]
_TOML = f"""
name = "tiny"
data = "data"

[lake]
root = "lake"

[calendar]
start = {DAYS[0]}
end = 2024-01-07

[interactions]
files = ["events-*.csv"]
event = "view"

[events]
view = 1.0

[items]
files = ["items.csv"]

[items.columns]
text = ["title", "about"]
image = "picture"

[media]
root = "pictures"

[embeddings.text]
encoder = "hash:8"

[embeddings.image]
encoder = "hash:4"

[model]
width = 4
sweeps = 2
min_events = 3
refit = 3

[recommendations]
k = 3
"""


def write(folder: Path) -> Settings:
    """Writes sources and `mmrec.toml` below `folder`; their settings. Encoders hash, so nothing needs weights."""
    (folder / "mmrec.toml").write_text(_TOML)
    draw = random.Random(7)
    data = folder / "data"
    (data / "pictures").mkdir(parents=True)
    catalogue = ["item_id,title,about,picture"]
    for index, item in enumerate(ITEMS):
        picture = f"{item}.png" if index < 12 else ""
        catalogue.append(f"{item},Title {index},A thing number {index},{picture}")
        if picture:
            Image.new("RGB", (8, 8), (index * 16, 40, 90)).save(data / "pictures" / picture)
    (data / "items.csv").write_text("\n".join(catalogue) + "\n")
    for day in DAYS:
        rows = [
            f"{person},{draw.choice(ITEMS[:13])},{day}T{hour:02}:00:00"
            for person in PEOPLE
            for hour in draw.sample(range(24), 3)
        ]
        (data / f"events-{day}.csv").write_text("\n".join(["user_id,item_id,time", *rows]) + "\n")
    return load(folder / "mmrec.toml", environment={})


def spoil(settings: Settings, day: str) -> int:
    """Takes the person out of most rows of a day, so that its contract fails; the number of spoilt rows."""
    path = settings.data / f"events-{day}.csv"
    header, *rows = path.read_text().splitlines()
    spoilt = [f",{row.partition(',')[2]}" for row in rows[:-3]]
    path.write_text("\n".join([header, *spoilt, *rows[-3:]]) + "\n")
    return len(spoilt)
