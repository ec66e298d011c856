"""Small folders of events and a catalogue for the tests of `mmrec init`, and what is drafted from them."""

import datetime as dt
import gzip
import json
import re
import tomllib
import wave
from functools import cache

import polars as pl
from PIL import Image

from mmrec import drafting, periods
from mmrec.drafting import columns
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.quality import contracts
from mmrec.settings import load

TODAY = dt.date(2024, 3, 1)
START = dt.datetime(2024, 1, 1, 9, tzinfo=dt.UTC)
PERSON = "zq-person"
TITLES = ["Red mug", "Blue bowl", "Green lamp", "Gold spoon", "Grey sofa", "Pink rug", "White vase", "Black desk"]


def events(count=60, hours=7.0, **columns):
    """Rows of events of six people and eight items, in the order of time; more columns by functions of the row."""
    for at in range(count):
        row = {"user_id": f"{PERSON}-{at % 6}", "item_id": f"i{at * 3 % 8}", "time": when(at, hours).isoformat()}
        yield row | {name: value(at) for name, value in columns.items()}


def when(at, hours=7.0):
    return START + dt.timedelta(hours=hours * at)


def catalogue(**columns):
    """Eight items; more columns by functions of the row."""
    for at, title in enumerate(TITLES):
        yield {"item_id": f"i{at}", "title": title} | {name: value(at) for name, value in columns.items()}


def renamed(rows, **names):
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]


def write(path, rows, separator=","):
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif ".jsonl" in path.name:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    else:
        path.write_text(frame.write_csv(separator="\t" if ".tsv" in path.name else separator))


def media(folder, name, data=None):
    """A file of a picture or a sound, or of these bytes."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if data is not None:
        path.write_bytes(data)
    elif path.suffix == ".wav":
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(b"\0\0" * 80)
    else:
        Image.new("RGB", (4, 4)).save(path)


def text(folder, today=TODAY):
    """The draft's text, made once for all that is asked of the same files."""
    return _text(folder, today, tuple(sorted((p, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*"))))


@cache
def _text(folder, today, files):
    return drafting.draft(folder, today).text


def draft(folder, today=TODAY):
    """The drafted settings, as TOML reads them."""
    return tomllib.loads(text(folder, today))


def told(folder, setting, today=TODAY):
    """What the draft says of a setting (`section.key`): its line, and the comment before it."""
    section, _, key = setting.rpartition(".")
    at, comment = "", ""
    for line in text(folder, today).splitlines():
        at = line.strip("# []") if re.match(r"(# )?\[", line) else at
        if at == section and re.match(rf"(# )?{key} = ", line):
            return f"{comment}{line}"
        comment = f"{comment}{line[2:]} " if line.startswith("# ") and " = " not in line else ""
    raise AssertionError(f"nothing is said of {setting}")


def judge(folder, today=TODAY):
    """Writes the draft, loads it, lands and judges everything; people and items of the published events, and titles."""
    drafting.write(folder, today)
    settings = load(folder / "mmrec.toml", environment={})
    lake = Lake(settings.lake_root)
    for node in graph.nodes(settings):
        if node.stage in ("raw", "validated"):
            node.run(lake, settings, periods.keys(settings.calendar)).raise_if_refused()
    kinds = lake.scan("validated/rejected").select(contracts.kind(pl.col("rule"))).collect().to_series()
    assert contracts.REJECTED not in kinds
    found = lake.scan("validated/interactions").collect()
    return found, dict(lake.scan("validated/items").select("item_id", "text").collect().iter_rows())


def uncommented(text):
    """Every setting that is commented out, and the file with it and its section's header taken out of their comments.

    A line of prose may hold a setting as well, but does not begin with one.
    """
    lines, header = text.splitlines(), None
    for at, line in enumerate(lines):
        if re.fullmatch(r"(# )?\[[\w.]+\]", line):
            header = at
        if re.match(r"# \S+ = ", line):
            changed = {each: lines[each].removeprefix("# ") for each in (header, at)}
            yield line, "\n".join(changed.get(each, other) for each, other in enumerate(lines))


def rich_folder(folder):
    words = "I liked this very much indeed"
    write(folder / "events.csv", events(review_text=lambda at: f"{words} {at}", stars=lambda at: 1 + at % 5))
    people = [
        {"user_id": f"{PERSON}-{at}", "name": f"zq-name-{at}", "bio": f"I like zq-words {at}", "consent": at % 2 == 0}
        for at in range(6)
    ]
    write(folder / "people.csv", people)
    named = catalogue(
        cover=lambda at: f"img/{at}.png", sample=lambda at: f"snd/{at}.wav", trailer=lambda at: f"vid/{at}.mp4"
    )
    write(folder / "items.csv", named)
    for at in range(8):
        media(folder / "files" / "img", f"{at}.png")
        media(folder / "files" / "snd", f"{at}.wav")
        media(folder / "files" / "vid", f"{at}.mp4", b"\0\0\0\x20ftypisom" + b"\0" * 30)


def column(name, *found):
    return columns.Column(name, pl.Series(found, dtype=pl.String))
