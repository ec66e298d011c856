"""Lists for somebody the lake does not know: for named items, and what is popular.

A few items are folded in like the history of a person who liked them, by the same solve as everybody's factor, and
ranked and explained by the same functions. Here: from the question to rows of a list. Not here: published lists
(`recommend.py`), sentences (`sentence.py`), nor writing anything: who asks leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.lists import top_k, wording
from mmrec.models import factorization
from mmrec.published import events as history
from mmrec.published import snapshots, state, unplaced, versions
from mmrec.published.features import Features
from mmrec.published.state import Known, Served
from mmrec.published.versions import Version
from mmrec.settings import Settings

_YOU = ""  # nobody's id


def for_items(lake: Lake, settings: Settings, items: Sequence[str], period: str | None = None) -> dict[str, Any]:
    """A list for somebody who liked these items, each once and of weight 1."""
    published = snapshots.read(lake, settings, period)
    reader, period = published.lake, published.period
    version = versions.served_version(reader, period)
    known = state.read_known(reader, settings, period, version, Features(reader), _YOU)
    unknown = sorted(set(items) - set(known.item_ids))
    if unknown or not items:
        found = f"unknown are: {', '.join(unknown[:5])}" if unknown else "none is named"
        raise MmrecError(
            f"--items names items by their ids, separated by commas; {found}; "
            f'see `mmrec sql "SELECT item_id, title FROM validated.items"`'
        )
    liked = pl.DataFrame({"item_id": sorted(set(items))}).with_columns(user_id=pl.lit(_YOU), event=pl.lit("like"))
    events = known.events.clear()
    rows = pl.concat([events, liked.with_columns(weight=pl.lit(1.0))], how="diagonal")
    at = np.array([known.item_ids.index(item) for item in liked["item_id"]])
    fitted = at[at < len(version.item_ids)]
    if not known.factors.HQ[at].any() and not (version.links and version.links.weights.lengths[fitted].any()):
        named = ", ".join(liked["item_id"].head(5))
        raise MmrecError(
            f"no place as of {period} for {named}: {unplaced.why(reader, settings, period)}; try --popular"
        )
    # Items named at once have no order in time.
    links = known.choice.links and replace(known.choice.links, half_life=None)
    choice = replace(known.choice, half_life=None, links=links)
    return _answer(reader, settings, period, replace(known, events=rows, choice=choice), version)


def popular(lake: Lake, settings: Settings, period: str | None = None) -> dict[str, Any]:
    """What most different people chose up to the period, items of today's catalogue only; ties by item id."""
    published = snapshots.read(lake, settings, period)
    reader, period, titles = published.lake, published.period, published.titles()
    events = history.read(reader, settings, period, versions.weighing(reader, period))
    liked = events.filter(pl.col("weight") > 0)
    people = liked.group_by("item_id").agg(people=pl.col("user_id").n_unique())
    best = people.join(titles, on="item_id").sort("people", "item_id", descending=[True, False])
    rows = best.head(settings.recommendations.k).with_row_index("rank", offset=1)
    several = pl.format("{} people chose it.", "people")
    reason = pl.when(pl.col("people") > 1).then(several).otherwise(pl.lit("1 person chose it."))
    rows = rows.with_columns(score=pl.col("people").cast(pl.Float64), reason=reason)
    return {"period": period, "list": "popular", **_shown(settings, rows)}


def _answer(lake: Lake, settings: Settings, period: str, known: Known, version: Version) -> dict[str, Any]:
    users = factorization.fold_in(known.factors, known.histories([_YOU]))
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()
    there = set(titles["item_id"])
    servable = np.fromiter((item in there for item in known.item_ids), bool, len(known.item_ids))
    one = Served(period, version, known, servable, [_YOU], users)
    best = top_k.best(one, settings.recommendations.k)
    rows = wording.reasons(one, best, titles).join(best.select("rank", "score"), on="rank").join(titles, on="item_id")
    return {"period": period, "list": "asked", **_shown(settings, rows)}


def _shown(settings: Settings, rows: pl.DataFrame) -> dict[str, Any]:
    shown = rows.sort("rank").select("rank", "item_id", "title", "score", "reason").to_dicts()
    return {"stand_in_media": settings.media.stand_in, "items": shown}
