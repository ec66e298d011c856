"""Why an item is on a list: the events and texts behind it, and the content it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds.ledger import newest_rows
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.lists import wording
from mmrec.modalities import NAMES
from mmrec.published import snapshots, state
from mmrec.published.state import Served
from mmrec.quality.rules import clean_id
from mmrec.queries.recommend import unknown_person
from mmrec.queries.similar import unknown_item
from mmrec.settings import Settings

TOP_EVENTS = 5


def why(
    lake: Lake, settings: Settings, user: str, item: str | None = None, period: str | None = None
) -> dict[str, Any]:
    """One recommendation followed back: the events that carried its score, the item's bytes and encoder, the verdicts.

    Without `item`, the first of the person's list. Every share is exact: they sum to the score.
    """
    published = snapshots.read(lake, settings, period)
    reader, period = published.lake, published.period
    person, item, rank, is_reranked = _chosen(reader, settings, user, item, period)
    target = person.item_ids.index(item)
    targets = np.array([target])
    split = wording.shares(person, 0, targets, wording.explained_by_modality(person, targets))
    score = float(person.scores.exact(np.array([0]), targets[None, :]).item())
    titles = published.titles()
    events = _events(person, split).join(titles, on="item_id", how="left", maintain_order="left")
    events = events.with_columns(title=pl.coalesce("title", "text")).drop("text")
    return {
        "period": period,
        "item_id": item,
        "title": dict(titles.iter_rows()).get(item),
        "rank": rank,
        "reranked": is_reranked,
        "score": score,
        "cold": bool(person.cold[target]),
        "events": events.head(TOP_EVENTS).to_dicts(),
        "events_in_all": events.height,
        "through": {name: float(values[0]) for name, values in split.modalities.items()},
        "content": _content(reader, settings, item),
        "model": {
            "version": person.version.name,
            "boundary": person.version.boundary,
            "candidate": person.version.choice.name,
        },
        "verdicts": _verdicts(lake, events["period"].unique().to_list()),
        "snapshot": published.pins,
        "stand_in_media": settings.media.stand_in,
    }


def _chosen(
    lake: Lake, settings: Settings, user: str, item: str | None, period: str
) -> tuple[Served, str, int | None, bool]:
    """What is served to the person; the item asked for, or the first of the list; its rank, None when not on it; and
    whether the list has another order than that of its scores.
    """
    mine, now = pl.col("user_id") == user, pl.col("period") == period
    scans = {tables.VALIDATED_INTERACTIONS: mine, tables.MODEL_USERS: mine & now, tables.TOP_K: mine & now}
    own = dict(zip(scans, pl.collect_all([lake.scan(name).filter(rows) for name, rows in scans.items()]), strict=True))
    if own[tables.MODEL_USERS].is_empty():
        raise unknown_person(lake, settings, user, period)
    listed = own[tables.TOP_K].sort("rank")
    ranks = dict(listed.select("item_id", "rank").iter_rows())
    chosen = item or next(iter(ranks), None)
    if chosen is None:
        raise MmrecError(f"this person's list as of {period} is empty; name an item with --item")
    # Of all items' vectors only those are read that say something here: the item's, and those that place new items.
    fitted = (
        lake.scan(tables.MODEL_ITEMS)
        .filter(pl.col("version") == own[tables.MODEL_USERS]["version"][0])
        .select("item_id")
    )
    met = own[tables.VALIDATED_INTERACTIONS].lazy().select(pl.col("item_id").drop_nulls().unique())
    about = [chosen, *met.join(fitted, on="item_id", how="anti").collect()["item_id"]]
    shown = {name: rows.lazy() for name, rows in own.items()}
    shown[tables.FUSED_CURRENT] = lake.scan(tables.FUSED_CURRENT).filter(pl.col("item_id").is_in(about))
    person = state.load(lake.showing(shown), settings, period, only=user)
    if chosen not in person.item_ids:
        raise unknown_item(chosen)
    return person, chosen, ranks.get(chosen), not listed["score"].is_sorted(descending=True)


def _events(person: Served, split: wording.Shares) -> pl.DataFrame:
    """The past items that the person liked by share, each with its newest event's file and row."""
    ids = [*person.item_ids, *person.known.words]
    shares = pl.DataFrame(
        {"item_id": [ids[at] for at in split.items], "share": split.past[0]},
        schema={"item_id": pl.String, "share": pl.Float64},
    )
    columns = ["item_id", "event", "time", "period", "source_file", "source_row"]
    newest = (
        pl.concat(
            [
                person.known.events.filter(pl.col("weight") > 0).select(*columns, text=pl.lit(None, dtype=pl.String)),
                person.known.said.select(*columns, "text"),
            ]
        )
        .sort("time", nulls_last=True)
        .group_by("item_id")
        .agg(pl.col(*columns[1:], "text").last(), events=pl.len())
    )
    return shares.join(newest, on="item_id", how="left").sort("share", "item_id", descending=[True, False])


def _content(lake: Lake, settings: Settings, item: str) -> dict[str, Any]:
    """The item's row in the catalogue, and for each modality its input, the input's hash, its key and its encoder."""
    row = next(
        lake.scan(tables.VALIDATED_ITEMS).filter(pl.col("item_id") == item).collect().iter_rows(named=True), None
    )
    if row is None:
        return {}
    content: dict[str, Any] = {"source_file": row["source_file"], "source_row": row["source_row"]}
    if row["attributes"] is not None:
        content["attributes"] = json.loads(row["attributes"])
    mine = [lake.scan(tables.current(modality)).filter(pl.col("item_id") == item) for modality in NAMES]
    for modality, current in zip(NAMES, pl.collect_all(mine), strict=True):
        found = next(current.iter_rows(named=True), None)
        content[modality] = {
            "input": _delivered(lake, modality, row) if modality in settings.precomputed else row[modality],
            "input_sha256": row[f"{modality}_hash"],
            "key": found["key"] if found else None,
            "encoder_id": found["encoder_id"] if found else None,
            "encoder": settings.embeddings[modality].encoder if modality in settings.embeddings else None,  # type: ignore[index]
        }
    return content


def _delivered(lake: Lake, modality: str, item: Mapping[str, Any]) -> str | None:
    """Where the vector that was computed elsewhere for an item stands: file and row."""
    same = (pl.col("modality") == modality) & (pl.col("sha256") == item[f"{modality}_hash"])
    rows = lake.scan(tables.RAW_PRECOMPUTED).filter(same, clean_id("item_id") == item["item_id"])
    found = rows.select("source_file", "source_row").sort("source_row").head(1).collect()
    return "{} row {}".format(*found.row(0)) if found.height else None


def _verdicts(lake: Lake, periods: list[str]) -> list[dict[str, Any]]:
    """The newest verdict of each period that carried the score, and of the catalogue."""
    rows = lake.scan(tables.VERDICTS).filter(pl.col("period").is_in([*periods, ""]))
    summed = (
        newest_rows(rows, "asset", "period")
        .group_by("asset", "period")
        .agg(
            passed=pl.col("passed").all(),
            checks=pl.len(),
            rows=pl.col("rows").first(),
            verdict=pl.col("verdict").first(),
        )
    )
    return summed.sort("asset", "period").collect().to_dicts()
