"""Drawn metadata: a histogram, and items beside their nearest neighbours as thumbnails.

Not here: what is drawn (`mmrec/stages/embeddings/preview.py`), nor what an SVG is made of (`svg.py`).
"""

import base64
import io
import textwrap
from pathlib import Path

import dagster as dg
import polars as pl

from mmrec.builds.report import StageReport
from mmrec.media import opening
from mmrec.media.pictures import read_image
from mmrec.modalities import NOUNS
from mmrec.settings import Settings
from mmrec.stages.embeddings import preview
from mmrec_assets.showing import svg

Metadata = dict[str, dg.MetadataValue]

KEYS = ("norms_drawn", "nearest_neighbours_drawn")
_CELL, _THUMB, _ROW = 112, (84, 118), 176  # pixels: a column's width, a thumbnail, a row's height
_MAX_BYTES = 16 * 2**20


def of(report: StageReport, settings: Settings) -> Metadata:
    """The pictures of an embedding's report; none where it has nothing to draw."""
    modality = report.asset.partition("/")[2]
    drawn: Metadata = {}
    if (norms := report.tables.get(preview.NORMS)) is not None:
        drawn[KEYS[0]] = svg.markdown(histogram(norms), "items by length of their vector")
    if (rows := report.tables.get(preview.NEIGHBOURS)) is not None:
        told = _stand_ins(settings, modality)
        drawn[KEYS[1]] = svg.markdown(neighbours(rows, settings.media_root, told), "items and what is most like them")
    return drawn


def remembered(instance: dg.DagsterInstance, key: dg.AssetKey) -> Metadata:
    """The pictures of the asset's last materialization: a run that computed nothing draws nothing anew."""
    found = instance.fetch_materializations(key, limit=1).records
    event = found[0].asset_materialization if found else None
    return {name: event.metadata[name] for name in KEYS if event is not None and name in event.metadata}


def histogram(bins: pl.DataFrame) -> str:
    """An SVG of bars; `bins` has from, to, items."""
    width, height, top = 420, 120, max(1, *bins["items"].to_list())
    step = width / bins.height
    bars = [
        f'<rect x="{at * step + 1:.1f}" y="{16 + height * (1 - count / top):.1f}" width="{step - 2:.1f}" '
        f'height="{height * count / top:.1f}" fill="{svg.BAR}"/>'
        for at, count in enumerate(bins["items"])
    ]
    low, high = bins["from"][0], bins["to"][-1]
    labels = [svg.text(0, height + 32, f"{low:.3g}"), svg.text(width, height + 32, f"{high:.3g}", "end")]
    most = svg.text(0, 10, f"most in one bar: {top:,}", colour=svg.DIM)
    return svg.document(width, height + 40, [*bars, *labels, most])


def neighbours(rows: pl.DataFrame, root: Path, told: str) -> str:
    """An SVG with one row an item: its thumbnail, then its neighbours' with their similarity."""
    parts: list[str] = []
    items = rows.select("item_id", "title", "image").unique("item_id", keep="first", maintain_order=True)
    for line, item in enumerate(items.iter_rows(named=True)):
        top = 8 + line * _ROW
        parts += _card(4, top, item["title"], item["image"], root, "")
        near = rows.filter(pl.col("item_id") == item["item_id"]).sort("rank")
        for at, row in enumerate(near.iter_rows(named=True), 1):
            place = 28 + at * _CELL
            parts += _card(place, top, row["neighbour_title"], row["neighbour_image"], root, f"{row['similarity']:.2f}")
    height = 8 + items.height * _ROW
    below = svg.text(4, height + 10, told, colour=svg.DIM)
    return svg.document(24 + (preview.NEXT + 1) * _CELL, height + 20, [*parts, below])


def _card(left: float, top: float, title: str, image: str | None, root: Path, note: str) -> list[str]:
    width, height = _THUMB
    parts = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="4" fill="{svg.CARD}"/>']
    if (thumb := _thumbnail(image, root)) is not None:
        size = f'width="{width}" height="{height}"'
        parts.append(f'<image x="{left}" y="{top}" {size} preserveAspectRatio="xMidYMid slice" href="{thumb}"/>')
    lines = textwrap.wrap(title, 17, max_lines=2, placeholder="…")
    parts += [svg.text(left, top + height + 13 + 12 * at, line) for at, line in enumerate(lines)]
    return [*parts, svg.text(left, top + height + 37, note, colour=svg.DIM)]


def _thumbnail(image: str | None, root: Path) -> str | None:
    """A small JPEG as a data address; None where the item has no usable picture."""
    if image is None:
        return None
    try:
        picture = read_image(opening.read_regular(Path(image), root, _MAX_BYTES))
    except opening.BadMedia:
        return None
    picture.thumbnail((_THUMB[0] * 5 // 4, _THUMB[1] * 5 // 4))  # a materialization holds thirty of them
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _stand_ins(settings: Settings, modality: str) -> str:
    """What of the picture is drawn and not real."""
    drawn = [name for name in dict.fromkeys((modality, "image")) if name in settings.media.stand_in]
    kinds = " and ".join(f"{NOUNS[name]}s" for name in drawn)
    return f"{kinds} are drawn stand-ins, not real" if drawn else ""
