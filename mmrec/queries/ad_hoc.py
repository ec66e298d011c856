"""Lists for somebody the lake does not know: for a typed sentence, for named items, and what is popular.

A sentence or a few items are folded in like the history of a person who liked them, by the same solve as everybody's
factor, and ranked and explained by the same functions. Here: from the question to rows of a list. Not here: published
lists (`recommend.py`), nor writing anything: who asks leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from mmrec import encoders, tables
from mmrec.encoders import Failure
from mmrec.errors import MmrecError
from mmrec.keys import row_key, text_hash
from mmrec.lake.store import Lake
from mmrec.lists import top_k, wording
from mmrec.models import factorization
from mmrec.published import events as history
from mmrec.published import snapshots, state, unplaced, user_texts, versions
from mmrec.published.features import Features
from mmrec.published.state import Known, Served
from mmrec.quality.rules import clean_text
from mmrec.settings import Settings

_YOU = ""  # nobody's id


def for_text(lake: Lake, settings: Settings, text: str, period: str | None = None) -> dict[str, Any]:
    """A list for a sentence, folded in as one liked item with factor B f(sentence). Loads the text encoder alone."""
    cleaned = pl.select(clean_text(pl.lit(text))).item()
    if cleaned is None:
        raise MmrecError("--text is empty; type what you are looking for, such as 'a heist with a clever crew'")
    published = snapshots.read(lake, settings, period)
    reader, period = published.lake, published.period
    known, features = _nobody(reader, settings, period)
    if user_texts.MODALITY not in known.layout.slices:
        raise MmrecError(f"the model of {period} reads no text, so a sentence has no place in it; try --items")
    vector, encoder_id = _encoded(reader, settings, features, cleaned)
    key = row_key(user_texts.MODALITY, text_hash(cleaned), encoder_id)
    weight = settings.users.weight if settings.users else 1.0
    row = {
        "user_id": _YOU,
        "item_id": user_texts.MARK + key,
        "event": "search",
        "weight": weight,
        "key": key,
        "text": cleaned,
    }
    placed = known.layout.alone(user_texts.MODALITY, features.statistics(user_texts.MODALITY).apply(vector))
    asked = replace(
        known,
        words=[row["item_id"]],
        factors=factorization.with_new_items(known.factors, placed),
        said=pl.concat([known.said, pl.DataFrame([row]).cast({"weight": pl.Float64})], how="diagonal"),
    )
    return _answer(reader, settings, period, asked)


def for_items(lake: Lake, settings: Settings, items: Sequence[str], period: str | None = None) -> dict[str, Any]:
    """A list for somebody who liked these items, each once and of weight 1."""
    published = snapshots.read(lake, settings, period)
    reader, period = published.lake, published.period
    known, _ = _nobody(reader, settings, period)
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
    if not known.factors.H[[known.item_ids.index(item) for item in liked["item_id"]]].any():
        named = ", ".join(liked["item_id"].head(5))
        raise MmrecError(
            f"no place as of {period} for {named}: {unplaced.why(reader, settings, period)}; try --popular"
        )
    choice = replace(known.choice, half_life=None)  # items named at once have no order in time
    return _answer(reader, settings, period, replace(known, events=rows, choice=choice))


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


def _nobody(lake: Lake, settings: Settings, period: str) -> tuple[Known, Features]:
    """What the period's histories are about, without anybody's history."""
    features = Features(lake)
    return state.read_known(lake, settings, period, versions.served_version(lake, period), features, _YOU), features


def _encoded(lake: Lake, settings: Settings, features: Features, text: str) -> tuple[np.ndarray, str]:
    """The sentence's vector, float32 [1, width], and the encoder's id, which must be that of the served vectors."""
    wanted = settings.embeddings["text"]
    identity = encoders.identity(user_texts.MODALITY, wanted.encoder, wanted.precision, settings.weights)
    if identity.id != features.statistics(user_texts.MODALITY).encoder_id:
        raise MmrecError(f"the text encoder {wanted.encoder} is not the one that is served; type `mmrec run` first")
    encoder = encoders.load(identity, wanted.device)
    [prepared] = encoder.prepare([text])
    if isinstance(prepared, Failure):
        raise MmrecError(f"the sentence cannot be encoded: {prepared.reason}")
    return encoder.encode([prepared]), identity.id


def _answer(lake: Lake, settings: Settings, period: str, known: Known) -> dict[str, Any]:
    users = factorization.fold_in(known.factors, known.histories([_YOU]))
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()
    there = set(titles["item_id"])
    servable = np.fromiter((item in there for item in known.item_ids), bool, len(known.item_ids))
    version = versions.served_version(lake, period)
    one = Served(period, version, known, servable, [_YOU], users)
    best = top_k.best(one, settings.recommendations.k)
    rows = wording.reasons(one, best, titles).join(best.select("rank", "score"), on="rank").join(titles, on="item_id")
    return {"period": period, "list": "asked", **_shown(settings, rows)}


def _shown(settings: Settings, rows: pl.DataFrame) -> dict[str, Any]:
    shown = rows.sort("rank").select("rank", "item_id", "title", "score", "reason").to_dicts()
    return {"stand_in_media": settings.media.stand_in, "items": shown}
