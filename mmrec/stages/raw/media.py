"""raw/media: the files that the catalogue names, hashed again only where they look different."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.ingest import sources
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.media.opening import BadMedia, open_regular, spelled_on_disk
from mmrec.modalities import FILES
from mmrec.settings import Settings


def media(lake: Lake, settings: Settings) -> StageReport:
    """One row a file that the catalogue names; hashed again only when its size or time of change is another."""
    run = StageRun(lake, tables.RAW_MEDIA)
    frame = named_media(lake, settings, lake.scan(tables.RAW_ITEMS))
    run.begin(_media_keys(lake, frame))
    run.publish({WHOLE: Made(frame, work=frame.height)})
    broken = frame.filter(pl.col("problem").is_not_null())
    warnings = [f"{broken.height} of {frame.height} named files cannot be used"] if broken.height else []
    return run.report(
        facts={"size_bytes": int(frame["size_bytes"].sum() or 0), "files_unusable": broken.height},
        tables={"unusable files": broken.select("uri", "problem").head(5)},
        warnings=warnings,
    )


def media_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the files that the catalogue names, as they are."""
    return _media_keys(lake, named_media(lake, settings, lake.scan(tables.RAW_ITEMS)))


def named_media(lake: Lake, settings: Settings, items: pl.LazyFrame) -> pl.DataFrame:
    """One row a file that the items name; hashed again only when its size or time of change is another."""
    named = [
        items.select(uri=pl.col(kind.name).str.strip_chars(), max_bytes=pl.lit(kind.max_bytes, dtype=pl.Int64))
        for kind in FILES
    ]
    of_all = pl.concat(named).filter(pl.col("uri") != "")
    files = of_all.group_by("uri").agg(pl.col("max_bytes").max()).sort("uri").collect()
    known = {
        row["uri"]: sources.Stat(row["size_bytes"], row["ctime_ns"], row["sha256"])
        for row in lake.scan(tables.RAW_MEDIA).filter(pl.col("sha256").is_not_null()).collect().iter_rows(named=True)
    }
    root = settings.media_root  # finding it costs as much as opening a file
    inside = cache(lambda folder: Path(os.path.realpath(folder)).is_relative_to(root))  # a link may lead elsewhere now
    rows = [_media_row(root, uri, max_bytes, known.get(uri), inside) for uri, max_bytes in files.iter_rows()]
    return pl.DataFrame(rows, schema=tables.contract(tables.RAW_MEDIA).schema, orient="row")


def _media_keys(lake: Lake, frame: pl.DataFrame) -> dict[str, str]:
    return {WHOLE: ledger.stage_key(lake.code_version, {}, {"files": canonical_digest(frame.rows())})}


def _media_row(
    root: Path, uri: str, max_bytes: int, known: sources.Stat | None, inside: Callable[[str], bool]
) -> tuple[Any, ...]:
    """A file's row; one whose folder is still `inside` the root and that looks as it did is not opened again."""
    try:
        if known is not None and 0 < known.size_bytes <= max_bytes:
            whole = f"{root}/{uri}"  # of thousands of files a `Path` each costs as much as looking at them
            is_exact = uri.isascii() or os.path.lexists(whole)
            place = whole if is_exact else str(spelled_on_disk(Path(uri), root) or "")
            if place and inside(place.rpartition("/")[0]) and sources.untouched(place, known):
                return (uri, known.size_bytes, known.ctime_ns, known.sha256, None)
        with open_regular(Path(uri), root, max_bytes) as opened:
            stat = sources.stat(opened, known)
    except BadMedia as error:
        return (uri, None, None, None, str(error))
    return (uri, stat.size_bytes, stat.ctime_ns, stat.sha256, None)
