"""Who and what the served model has no place for: items and people that are in no list, and why.

Here: counting them from stored tables, and the one line that says so. Not here: giving them a place
(`mmrec/published/versions.py`).
"""

from __future__ import annotations

import json

import polars as pl

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.published import events as history
from mmrec.published import user_texts
from mmrec.settings import Settings

_NAMED = 3  # items that a line names


def warnings(lake: Lake, settings: Settings, period: str) -> list[str]:
    """What a run should say of one period: items and people without a place, and events of items of no catalogue."""
    version = serving(lake, period)
    found = [_of_unknown_items(lake, settings, period)]
    if version is not None:
        used = read_modalities(version["choice"])
        found += [_told(settings, version, items(lake, version["version"], used), people(lake, settings, period, used))]
    return [told for told in found if told]


def items(lake: Lake, version: str, used: list[str]) -> pl.DataFrame:
    """The catalogue's items (`item_id`, sorted) that nobody had liked when the version was fitted, and that it cannot
    place: it reads no content (`used` is empty), or none that they have.
    """
    met = lake.scan(tables.MODEL_ITEMS).filter((pl.col("version") == version) & (pl.col("events") > 0))
    cold = lake.scan(tables.FUSED_CURRENT).select("item_id", "modalities").join(met, on="item_id", how="anti")
    without = pl.col("modalities").list.set_intersection(used).list.len() == 0
    return cold.filter(without).select("item_id").sort("item_id").collect()


def people(lake: Lake, settings: Settings, period: str, used: list[str]) -> int:
    """How many people only have words of their own, which the version does not read."""
    if settings.users is None or user_texts.MODALITY in used:
        return 0
    known = lake.scan(tables.MODEL_USERS, periods=[period]).select("user_id")
    told = user_texts.said(lake).filter(pl.col("period") <= period).select("user_id").unique()
    return told.join(known, on="user_id", how="anti").select(pl.len()).collect().item()


def why(lake: Lake, settings: Settings, period: str) -> str:
    """Why the version that serves a period cannot place what it did not meet, and what helps; empty where it can."""
    version = serving(lake, period)
    return "" if version is None else _because(settings, version, read_modalities(version["choice"]))


def read_modalities(choice: str) -> list[str]:
    """The modalities by which a stored candidate places what is new, in its fit or beside it."""
    stored = json.loads(choice)
    weights = stored["block_weights"] or stored.get("placing") or {}
    return sorted(name for name, weight in weights.items() if weight > 0)


def serving(lake: Lake, period: str) -> dict[str, str] | None:
    """The item-factor version that serves a period: its name, boundary and choice; None where there is none."""
    named = lake.scan(tables.MODEL_USERS, periods=[period]).select("version").head(1)
    rows = (
        lake.scan(tables.MODEL_VERSIONS).join(named, on="version", how="semi").select("version", "boundary", "choice")
    )
    return next(rows.head(1).collect().iter_rows(named=True), None)


def _told(settings: Settings, version: dict[str, str], items: pl.DataFrame, people: int) -> str:
    named = ", ".join(items["item_id"].head(_NAMED))
    more = ", …" if items.height > _NAMED else ""
    parts = [
        f"new items: {items.height:,} ({named}{more})" if items.height else "",
        f"people known by their own words alone: {people:,}" if people else "",
    ]
    if not any(parts):
        return ""
    who = ", ".join(part for part in parts if part)
    return f"without a place in any list are {who}; {_because(settings, version, read_modalities(version['choice']))}"


def _because(settings: Settings, version: dict[str, str], used: list[str]) -> str:
    reads = f"reads their {', '.join(used)} alone, and they have none" if used else "reads no content"
    refit, period = settings.model.refit, settings.calendar.period
    periods = f"{refit} {period}s" if refit > 1 else period
    return (
        f"the model that won the search on the events up to {version['boundary']} {reads}; they get a place when item "
        f"factors are fitted anew (every {periods}, [model] refit) on events of theirs"
    )


def _of_unknown_items(lake: Lake, settings: Settings, period: str) -> str:
    """The share of events that name an item which the catalogue does not."""
    calendar = history.filled_periods(lake, settings, period)
    events = lake.scan(tables.VALIDATED_INTERACTIONS).filter(
        pl.col("period").is_in(calendar) & pl.col("item_id").is_not_null()
    )
    unknown = events.join(lake.scan(tables.VALIDATED_ITEMS).select("item_id"), on="item_id", how="anti")
    counts = unknown.select(rows=pl.len(), items=pl.col("item_id").n_unique())
    of, (rows, items) = events.select(pl.len()).collect().item(), counts.collect().row(0)
    if not rows:
        return ""
    return (
        f"{rows:,} of {of:,} events up to {period} ({rows / of:.0%}) are of {items:,} items that the catalogue does "
        "not name: they count as what people like, and no list holds such an item"
    )
