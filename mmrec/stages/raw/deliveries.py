"""What lies in the data folder now, told without landing it: by it a sensor knows of a delivery."""

from __future__ import annotations

from mmrec import tables
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.settings import Settings
from mmrec.stages.raw.catalogue import ahead
from mmrec.stages.raw.interactions import landed_files
from mmrec.stages.raw.media import named_media


def landed_digest(lake: Lake, settings: Settings) -> tuple[str | None, str]:
    """The newest period that any event file touches, and a digest of events, catalogue and media as they lie there."""
    landed = landed_files(lake, settings)
    touched = sorted({period for each in landed for period in each.rows})
    items, refused = ahead(lake, settings, tables.RAW_ITEMS)
    about = [[each.file, each.stat.sha256] for each in landed] + [
        refused,
        items.rows(),
        named_media(lake, settings, items.lazy()).rows(),
    ]
    return (touched[-1] if touched else None), canonical_digest(about)
