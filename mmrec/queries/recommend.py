"""Questions a person asks of the lake: a list, why an item is on it, which items are like one, what was rejected.

Here: answers as plain values, read from the published snapshot, without torch and without the asset graph. Not here:
how they are printed (`mmrec_assets/cli.py`). A message never repeats a person's id.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.lists import neighbours, wording
from mmrec.modalities import NAMES, NOUNS
from mmrec.published import events as history
from mmrec.published import unplaced, user_texts, versions
from mmrec.published.versions import Served
from mmrec.quality.contracts import REJECTED
from mmrec.settings import Settings

TOP_EVENTS = 5


def recommend(lake: Lake, settings: Settings, user: str, period: str | None = None) -> dict[str, Any]:
    """One person's published list: rank, item, title, score, reason; of the newest published period by default."""
    period = period or versions.newest_period(lake, settings)
    pins = versions.pinned(lake, period)
    reader = lake.pinned(pins)
    titles = reader.scan("validated/items").select("item_id", "title", "image")
    reasons = reader.scan("recommendations/reasons").filter((pl.col("user_id") == user) & (pl.col("period") == period))
    rows = (
        reader.scan("recommendations/top_k")
        .filter((pl.col("user_id") == user) & (pl.col("period") == period))
        .join(titles, on="item_id", how="left")
        .join(reasons.select("rank", "item_id", "reason"), on=["rank", "item_id"], how="left")
        .sort("rank")
        .select("rank", "item_id", "title", "score", "reason")
        .collect()
    )
    if rows.is_empty():
        raise _unknown_person(reader, settings, user, period)
    return {"period": period, "list": "published", "stand_in_media": settings.media.stand_in, "items": rows.to_dicts()}


def why(
    lake: Lake, settings: Settings, user: str, item: str | None = None, period: str | None = None
) -> dict[str, Any]:
    """One recommendation followed back: the events that carried its score, the item's bytes and encoder, the verdicts.

    Without `item`, the first of the person's list. Every share is exact: they sum to the score.
    """
    period = period or versions.newest_period(lake, settings)
    pins = versions.pinned(lake, period)
    reader = lake.pinned(pins)
    person, item, rank = _chosen(reader, settings, user, item, period)
    target = person.item_ids.index(item)
    targets = np.array([target])
    split = wording.shares(person, 0, targets, wording.explained_by_modality(person, targets))
    score = float((person.users[0] * person.H[target]).sum(-1))
    titles = reader.scan("validated/items").select("item_id", "title").collect()
    events = _events(person, split).join(titles, on="item_id", how="left", maintain_order="left")
    events = events.with_columns(title=pl.coalesce("title", "text")).drop("text")
    return {
        "period": period,
        "item_id": item,
        "title": dict(titles.iter_rows()).get(item),
        "rank": rank,
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
        "snapshot": pins,
        "stand_in_media": settings.media.stand_in,
    }


def similar(lake: Lake, settings: Settings, item: str, by: str = neighbours.ALL) -> dict[str, Any]:
    """The most similar items of one, by a modality or by `all`: rank, item, title, similarity, and what was compared.

    Of the newest published snapshot, like every list. The measure is that of `mmrec/lists/neighbours.py`.
    """
    if by not in (neighbours.ALL, *settings.embeddings):
        known = ", ".join([*settings.embeddings, neighbours.ALL])
        raise MmrecError(f"items are not compared by '{by}'; this data set compares them by: {known}")
    period = versions.newest_period(lake, settings)
    pins = versions.pinned(lake, period)
    if neighbours.TABLE not in pins:
        raise MmrecError(f"the snapshot of {period} was published without similar items; type `mmrec run`")
    reader = lake.pinned(pins)
    title, has = _title(reader, item), _modalities(reader, [item]).get(item, [])
    if title is None:
        raise _unknown_item(item)
    rows = reader.scan(neighbours.TABLE).filter((pl.col("item_id") == item) & (pl.col("by") == by))
    titles = reader.scan("validated/items").select(neighbour="item_id", title="title")
    found = rows.join(titles, on="neighbour", how="left").sort("rank").collect()
    if found.is_empty():
        raise _without_neighbours(item, by, has)
    wanted = has if by == neighbours.ALL else [by]
    theirs = _modalities(reader, found["neighbour"].to_list())
    items = [
        {
            "rank": row["rank"],
            "item_id": row["neighbour"],
            "title": row["title"],
            "similarity": row["similarity"],
            "compared_by": [name for name in wanted if name in theirs[row["neighbour"]]],
        }
        for row in found.iter_rows(named=True)
    ]
    drawn = [name for name in wanted if name in settings.media.stand_in]
    return {"item_id": item, "title": title, "by": by, "has": has, "stand_in_media": drawn, "items": items}


def rejected(lake: Lake, period: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Landed rows that are not published, and media that could not be encoded; the only answer that shows a row.

    landed = valid + rejected + duplicate + ignored for each published period: `by_kind` counts the last three. Rejected
    rows are shown first.
    """
    rows = lake.scan("validated/rejected")
    if period is not None:
        rows = rows.filter(pl.col("period") == period)
    first = pl.col("kind") != REJECTED
    found = rows.sort(first, "kind", "table", "period", "source_file", "source_row").collect()
    failures = [
        lake.scan(f"embeddings/{modality}/failed")
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


class UnknownPerson(MmrecError):
    """Somebody without a published list."""


def _unknown_person(lake: Lake, settings: Settings, user: str, period: str) -> UnknownPerson:
    mine = pl.col("user_id") == user
    events = lake.scan(history.EVENTS).filter(mine & (pl.col("period") <= period) & pl.col("item_id").is_not_null())
    if not lake.scan("model/users").filter(mine & (pl.col("period") == period)).head(1).collect().is_empty():
        told = f"nothing that they like has a place yet: {unplaced.why(lake, settings, period)}; ask for --popular"
    elif not events.head(1).collect().is_empty():
        told = "everything that they met says that they did not like it; ask for --popular"
    elif not user_texts.said(lake).filter(mine).head(1).collect().is_empty():
        told = f"only their own words are known, and {unplaced.why(lake, settings, period)}; ask for --popular"
    else:
        told = (
            "no good event of theirs is in a published period; ask for --popular, look for their rows with "
            '`mmrec rejected`, or give an id from `mmrec sql "SELECT user_id FROM model.users"`'
        )
    return UnknownPerson(f"this person has no published list as of {period}: {told}")


def _unknown_item(item: str) -> MmrecError:
    return MmrecError(f"no item is called '{item}'; see `mmrec sql \"SELECT item_id, title FROM validated.items\"`")


def _without_neighbours(item: str, by: str, has: list[str]) -> MmrecError:
    named = ", ".join(has) or "nothing that could be compared"
    if not has or by not in (*has, neighbours.ALL):
        return MmrecError(f"item '{item}' has no {NOUNS.get(by, 'vector')} to compare by; it has: {named}")
    return MmrecError(f"no other item can be compared with item '{item}' by {by}; it has: {named}")


def _modalities(lake: Lake, items: list[str]) -> dict[str, list[str]]:
    """item → the modalities it has, in block order."""
    rows = lake.scan("fused/items").filter(pl.col("item_id").is_in(items)).select("item_id", "modalities")
    return dict(rows.collect().iter_rows())


def _chosen(lake: Lake, settings: Settings, user: str, item: str | None, period: str) -> tuple[Served, str, int | None]:
    """What is served to the person; the item asked for, or the first of the list; its rank, None when not on it."""
    mine, now = pl.col("user_id") == user, pl.col("period") == period
    scans = {history.EVENTS: mine, "model/users": mine & now, "recommendations/top_k": mine & now}
    own = dict(zip(scans, pl.collect_all([lake.scan(name).filter(rows) for name, rows in scans.items()]), strict=True))
    if own["model/users"].is_empty():
        raise _unknown_person(lake, settings, user, period)
    ranks = dict(own["recommendations/top_k"].sort("rank").select("item_id", "rank").iter_rows())
    chosen = item or next(iter(ranks), None)
    if chosen is None:
        raise MmrecError(f"this person's list as of {period} is empty; name an item with --item")
    # Of all items' vectors only those are read that say something here: the item's, and those that place new items.
    fitted = lake.scan("model/items").filter(pl.col("version") == own["model/users"]["version"][0]).select("item_id")
    met = own[history.EVENTS].lazy().select(pl.col("item_id").drop_nulls().unique())
    about = [chosen, *met.join(fitted, on="item_id", how="anti").collect()["item_id"]]
    shown = {name: rows.lazy() for name, rows in own.items()}
    shown["fused/items"] = lake.scan("fused/items").filter(pl.col("item_id").is_in(about))
    person = versions.load(lake.showing(shown), settings, period, only=user)
    if chosen not in person.item_ids:
        raise _unknown_item(chosen)
    return person, chosen, ranks.get(chosen)


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


def _title(lake: Lake, item: str) -> str | None:
    found = lake.scan("validated/items").filter(pl.col("item_id") == item).select("title").collect()
    return found.item() if found.height else None


def _content(lake: Lake, settings: Settings, item: str) -> dict[str, Any]:
    """The item's row in the catalogue, and for each modality its input, the input's hash, its key and its encoder."""
    row = next(lake.scan("validated/items").filter(pl.col("item_id") == item).collect().iter_rows(named=True), None)
    if row is None:
        return {}
    content: dict[str, Any] = {"source_file": row["source_file"], "source_row": row["source_row"]}
    if row["attributes"] is not None:
        content["attributes"] = json.loads(row["attributes"])
    mine = [lake.scan(f"embeddings/{modality}/current").filter(pl.col("item_id") == item) for modality in NAMES]
    for modality, current in zip(NAMES, pl.collect_all(mine), strict=True):
        found = next(current.iter_rows(named=True), None)
        content[modality] = {
            "input": row[modality],
            "input_sha256": row[f"{modality}_hash"],
            "key": found["key"] if found else None,
            "encoder_id": found["encoder_id"] if found else None,
            "encoder": settings.embeddings[modality].encoder if modality in settings.embeddings else None,  # type: ignore[index]
        }
    return content


def _verdicts(lake: Lake, periods: list[str]) -> list[dict[str, Any]]:
    """The newest verdict of each period that carried the score, and of the catalogue."""
    rows = lake.scan("ledger/verdicts").filter(pl.col("period").is_in([*periods, ""]))
    newest = rows.filter(pl.col("at") == pl.col("at").max().over("asset", "period"))
    summed = newest.group_by("asset", "period").agg(
        passed=pl.col("passed").all(), checks=pl.len(), rows=pl.col("rows").first(), verdict=pl.col("verdict").first()
    )
    return summed.sort("asset", "period").collect().to_dicts()
