"""The served model as open files that another program can score with: NumPy, safetensors and Parquet are enough.

Here: what leaves the house, and how the folder comes to be whole or not at all. Not here: what is served
(`mmrec/published/versions.py`). Needs no torch. The files hold people's ids and what they have met, because that is
their purpose; what people wrote is in their factors alone.

    factors.safetensors   float64 unless said; rows are the positions of the two Parquet files
        users [people, d], items [items, d]      the dense part of a score: their inner product, summed in float64
        links_indptr int64 [items + 1], links_items int32, links_weights
                                                  the item-item part, where there is one: what an item adds to others
        history_indptr int64 [people + 1], history_items int32, history_weights
                                                  what each person has met, weighed as it was folded in (0 = not liked)
        history_link_weights                      the same, weighed as the item-item part sums it up
        Q [d, d], e [d], HQ [items, d]           the fold-in's eigenbasis (`mmrec/models/factorization.py`)
        B [d, p], mean_<modality> [width]        places an item by its content; absent where content is not used
        deep_<modality>_V …                      the network that content is read through before B, where its map is
                                                  deep (`mmrec/fusion/deep.py`)
    users.parquet         position, user_id
    items.parquet         position, item_id, title, servable (may be recommended), cold (placed by content alone)
    model.json            versions, period, settings, how B's features are made, encoders, digests of the other files
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.encoders.weights import packages
from mmrec.errors import MmrecError
from mmrec.fusion.layout import Layout
from mmrec.keys import file_hash
from mmrec.lake.store import Lake
from mmrec.published import snapshots, state
from mmrec.published.state import Served
from mmrec.settings import Settings

FORMAT = 1  # raised when a reader of an older one would misread


def write(lake: Lake, settings: Settings, to: Path, period: str | None = None) -> dict[str, Any]:
    """Writes what is served as of a published period (the newest by default) to a new or empty folder.

    The same snapshot gives the same bytes. Returns what was written; refuses a folder that is not empty.
    """
    published = snapshots.read(lake, settings, period)
    reader, period, pins = published.lake, published.period, published.pins
    known = state.load(reader, settings, period)
    content = _content(reader, settings, known)
    with _whole(to) as folder:
        _write_arrays(folder / "factors.safetensors", known, {c["mean"]: c.pop("_mean") for c in content})
        _people(known).write_parquet(folder / "users.parquet")
        _items(reader, known).write_parquet(folder / "items.parquet")
        files = {
            each.name: {"sha256": file_hash(each), "size_bytes": each.stat().st_size}
            for each in sorted(folder.iterdir())
        }
        about = {**_about(reader, settings, known), "content": content, "snapshot": pins, "files": files}
        (folder / "model.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return {
        "to": str(to),
        "period": period,
        "people": len(known.user_ids),
        "items": len(known.item_ids),
        "stand_in_media": settings.media.stand_in,
        "files": files,
    }


def _write_arrays(path: Path, known: Served, means: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    factors, histories = known.factors, known.seen
    arrays = {
        "users": known.users,
        "items": known.H,
        "Q": factors.Q,
        "e": factors.e,
        "HQ": factors.HQ[: len(known.H)],
        "history_indptr": histories.indptr,
        "history_items": histories.items,
        "history_weights": histories.weights,
        **({} if factors.B is None else {"B": factors.B}),
        **_link_arrays(known),
        **(known.version.network.to_arrays() if known.version.network else {}),
        **means,
    }
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _link_arrays(known: Served) -> dict[str, np.ndarray]:
    """The item-item part, and what each met item weighs in it; nothing where the score has none."""
    if known.links is None:
        return {}
    met, linked, n_items = known.seen, known.linked, len(known.item_ids)
    weights = np.zeros(len(met.items))
    weights[np.searchsorted(met.rows * n_items + met.items, linked.rows * n_items + linked.items)] = linked.weights
    return {**known.links.to_arrays(), "history_link_weights": weights}


def _people(known: Served) -> pl.DataFrame:
    return pl.DataFrame({"user_id": pl.Series(known.user_ids, dtype=pl.String)}).with_row_index("position")


def _items(lake: Lake, known: Served) -> pl.DataFrame:
    """Every item. Servable: in the catalogue, and something is known of it: a factor that is not zero, or a link."""
    servable = known.servable & ((known.H != 0).any(1) | (known.links is not None and known.links.known))
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()
    rows = pl.DataFrame({"item_id": pl.Series(known.item_ids, dtype=pl.String)}).with_row_index("position")
    named = rows.join(titles, on="item_id", how="left", maintain_order="left")
    return named.with_columns(servable=pl.Series(servable), cold=pl.Series(known.cold))


def _about(lake: Lake, settings: Settings, known: Served) -> dict[str, Any]:
    """Everything about the model that is no array."""
    lists = lake.scan(tables.TOP_K, periods=[known.period])
    longest = lists.select(pl.col("rank").max()).collect().item()
    choice = known.version.choice
    return {
        "format": FORMAT,
        "written_by": f"mmrec {version('mmrec')}",
        "data_set": settings.name,
        "period": known.period,
        "list_length": longest or 0,
        "item_factors": {"version": known.version.name, "boundary": known.version.boundary},
        "choice": choice.to_json(),
        "settings": {**asdict(known.version.weighing), "model": settings.model.model_dump()},
        "stand_in_media": settings.media.stand_in,
        "personal": "users.parquet names people, and history_items is what each has met",
    }


def _content(lake: Lake, settings: Settings, known: Served) -> list[dict[str, Any]]:
    """How the features that B reads are made, a block a modality; empty where content is not used.

    Columns `begin` to `end` − 1 are weight · (vector − mean) / scale, and column `end` is weight where the item has
    the modality; all are 0 where it has not.
    """
    if known.factors.B is None:
        return []
    stored = (
        lake.scan(tables.FUSED_SPACES)
        .filter(pl.col("space") == known.version.space)
        .join(lake.scan(tables.FUSED_STATISTICS), left_on=["statistics", "modality"], right_on=["version", "modality"])
        .unique("modality")
        .collect()
    )
    rows = {row["modality"]: row for row in stored.iter_rows(named=True)}
    layout = Layout.of(known.version.choice.content, {name: len(row["mean"]) for name, row in rows.items()})
    return [
        {
            **asdict(place),
            "mean": f"mean_{place.modality}",
            "scale": rows[place.modality]["scale"],
            "encoder_id": rows[place.modality]["encoder_id"],
            **_encoder(settings, place.modality),
            "_mean": np.array(rows[place.modality]["mean"]),
        }
        for place in layout.places
    ]


def _encoder(settings: Settings, modality: str) -> dict[str, str | None]:
    """The configured encoder by name, with the licence of its weights where they are fetched."""
    configured = settings.embeddings.get(modality)  # type: ignore[call-overload]
    package = packages().get(configured.encoder) if configured else None
    return {"encoder": configured.encoder if configured else None, "licence": package.licence if package else None}


@contextmanager
def _whole(to: Path) -> Iterator[Path]:
    """A folder beside `to` that takes its name once all is in it, and vanishes when something fails.

    Like every temporary folder it is for its owner's eyes only, and stays so: it names people.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise MmrecError(f"{to} is not empty; name a folder that is empty or not there yet")
    to.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        yield part
        part.rename(to)
    except BaseException:
        rmtree(part, ignore_errors=True)
        raise
