"""What is known of the demo's films, one standardised block a kind of content: what an ablation puts in or leaves out.

Here: where each block comes from. The demo's own are read from its lake, which is never written to; other texts and
real pictures are encoded by the project's own stages into a lake below a folder of the caller's, so that they are
encoded once; two controls are made here. Not here: what a block is worth.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from demo import catalogue, config, own_media
from demo.credits import Credits
from demo.films import Film
from demo.own_media import OwnMedia
from mmrec import settings
from mmrec.errors import MmrecError
from mmrec.fusion import concat
from mmrec.fusion.concat import Block as Part
from mmrec.fusion.statistics import measure
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.planning import graph
from mmrec.published.vectors import read_vectors
from mmrec.settings import Modality, Settings

KNOWN_THEN, CREDITS, OVERVIEW = ("title", "genres", "year"), ("director", "writer", "country", "cast"), ("overview",)
Block = tuple[np.ndarray, np.ndarray]  # [n_items, width], zeros where an item lacks it, and bool [n_items]: who has it


def blocks(folder: Path, home: Path, media: Path | None, item_ids: list[str]) -> dict[str, Block]:
    """Every block by name, rows in the order of `item_ids`.

    `home` holds the demo's `demo/` and `lake/`, `media` real posters and overviews (`demo/own_media.py`), `folder` is
    where they are prepared and encoded. Without `media` the blocks that need it are left out. Raises MmrecError in one
    line where something is not there or cannot be encoded.
    """
    if (home / "demo" / config.NAME).is_file():
        raise MmrecError(f"the demo in {home} was made with DEMO_MEDIA, expected drawn posters; name another --home")
    rows = _catalogue(home / "demo" / "items.csv")
    found = _controls(rows, item_ids)
    demo = Lake(str(home / "lake"))
    names = {"text": "text, credits", "image": "image, drawn", "audio": "audio, synthesised", "video": "video, drawn"}
    found |= {names[modality]: _of_lake(demo, modality, item_ids) for modality in NAMES}
    described = _deliver(rows, folder / "data", media)
    found["text"] = _encoded(described, "text", KNOWN_THEN, item_ids)
    if media:
        found["text, overview"] = _encoded(described, "text", (*KNOWN_THEN, *OVERVIEW), item_ids)
        everything = (*KNOWN_THEN, *OVERVIEW, *CREDITS)
        found["text, overview, credits"] = _encoded(described, "text", everything, item_ids)
        found["image, real"] = _encoded(described, "image", everything, item_ids)
    return found


def _catalogue(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _controls(rows: list[dict[str, str]], item_ids: list[str]) -> dict[str, Block]:
    """Random numbers, which must be worth nothing, and all that the stand-ins are drawn from but the title."""
    flags = {row["item_id"]: {*row["genres"].split(), row["year"]} for row in rows}
    named = sorted(set().union(*flags.values()))
    table = np.array([[name in flags[item] for name in named] for item in item_ids], np.float64)
    noise = np.random.default_rng(0).normal(size=(len(item_ids), 384))
    everyone = np.arange(len(item_ids))
    return {"noise": _block(noise, everyone, len(item_ids)), "flags": _block(table, everyone, len(item_ids))}


def _deliver(rows: list[dict[str, str]], data: Path, media: Path | None) -> Settings:
    """The demo's catalogue with overviews and real posters instead of drawn ones, and the settings that describe it."""
    films = [Film(*(row[name] for name in Film._fields)) for row in rows]
    credits = {row["item_id"]: Credits(*(row[name] for name in Credits._fields)) for row in rows}
    own = own_media.read(media, films) if media else OwnMedia({}, {}, 0)
    own_media.copy(own, data)
    there: dict[str, set[str]] = {"poster": set(own.posters), "sound": set(), "clip": set()}
    catalogue.write_items(films, credits, own.overviews, there, data)
    described = config.with_real_posters(config.DEMO_CONFIG.read_text(encoding="utf-8"))
    (data / config.NAME).write_text(described, encoding="utf-8")
    return settings.load(data / config.NAME, environment={})


def _encoded(described: Settings, modality: str, text: Iterable[str], item_ids: list[str]) -> Block:
    """One modality by the stages from catalogue to vectors, with these columns as the text; what is known is kept."""
    columns = described.items.columns.model_copy(update={"text": list(text)})
    only: dict[str, Modality] = {modality: described.embeddings[modality]}  # type: ignore[index]
    items = described.items.model_copy(update={"columns": columns})
    asked = described.model_copy(update={"items": items, "embeddings": only})
    lake = Lake(described.lake_root)
    for asset in ("raw/items", "raw/media", "validated/items", f"embeddings/{modality}"):
        report = graph.node(asked, asset).run(lake, asked, [])
        if report.problem:
            raise MmrecError(f"{asset}: {report.problem}")
    return _of_lake(lake, modality, item_ids)


def _of_lake(lake: Lake, modality: str, item_ids: list[str]) -> Block:
    """What a lake has of a modality now."""
    key_of = dict(lake.scan(f"embeddings/{modality}/current").select("item_id", "key").collect().iter_rows())
    if not key_of:
        raise MmrecError(f"{lake.root} has no {modality} vectors; type `make demo` first")
    current = lake.scan(f"embeddings/{modality}/current").select("key").unique().collect()
    keys, vectors = read_vectors(lake, modality, current)
    row_of = {key: row for row, key in enumerate(keys)}
    placed = [at for at, item in enumerate(item_ids) if item in key_of]
    rows = np.array([row_of[key_of[item_ids[at]]] for at in placed])
    return _block(vectors, np.array(placed), len(item_ids), rows)


def _block(vectors: np.ndarray, placed: np.ndarray, n_items: int, rows: np.ndarray | None = None) -> Block:
    """Distinct vectors as fusion standardises them, `rows` of them at the positions `placed`."""
    statistics = measure("", "", vectors)
    there = np.zeros(n_items, bool)
    there[placed] = True
    return concat.fuse([Part(statistics, placed, vectors if rows is None else vectors[rows])], n_items), there
