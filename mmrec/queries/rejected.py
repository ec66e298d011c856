"""What was kept out, with file, row and reason."""

from __future__ import annotations

from typing import Any

import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.quality.contracts import REJECTED


def rejected(lake: Lake, period: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Landed rows that are not published, and media that could not be encoded; the only answer that shows a row.

    landed = valid + rejected + duplicate + ignored for each published period: `by_kind` counts the last three. Rejected
    rows are shown first.
    """
    rows = lake.scan(tables.REJECTED)
    if period is not None:
        rows = rows.filter(pl.col("period") == period)
    first = pl.col("kind") != REJECTED
    found = rows.sort(first, "kind", "table", "period", "source_file", "source_row").collect()
    failures = [
        lake.scan(tables.failed(modality))
        .select("item_id", "reason", modality=pl.lit(modality), user_id="user_id")
        .sort("item_id")
        for modality in NAMES
    ]
    return {
        "rows": found.filter(~first).height,
        "by_kind": {kind: found.filter(pl.col("kind") == kind).height for kind in (REJECTED, "duplicate", "ignored")},
        "by_rule": found.group_by("table", "kind", "rule").agg(rows=pl.len()).sort("table", "kind", "rule").to_dicts(),
        "shown": found.head(limit).to_dicts(),
        "failures": pl.concat(failures).collect().head(limit).to_dicts() if period is None else [],
    }
