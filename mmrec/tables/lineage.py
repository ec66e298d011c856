"""Which column comes from which: of every asset's main table, upstream columns as `stage/name:column`.

A test holds every name against the tables and every upstream against the asset's dependencies.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmrec.modalities import FILES, NAMES

_CATALOGUE, _EVENTS, _MEDIA = "sources/catalogue_files", "sources/event_files", "sources/media_folder"
_PROFILES, _VECTOR_FILES = "sources/profile_files", "sources/vector_files"
_GOOD, _ITEMS, _FUSED = "validated/interactions", "validated/items", "fused/items"
_LISTS = "recommendations/top_k"
_DELIVERED = "raw/precomputed:sha256"

_Columns = Mapping[str, tuple[str, ...]]


def _same(upstream: str, *names: str) -> _Columns:
    """Columns that keep their name."""
    return {name: (f"{upstream}:{name}",) for name in names}


def _from(name: str, upstream: str, *sources: str) -> _Columns:
    return {name: tuple(f"{upstream}:{source}" for source in sources)}


_EVIDENCE = (f"{_GOOD}:user_id", f"{_GOOD}:item_id", f"{_GOOD}:event")
_FACTOR = (*_EVIDENCE, f"{_FUSED}:digest")
_VECTORS = tuple(f"embeddings/{modality}:key" for modality in NAMES)
_WORDS = "embeddings/text:key"
_SCORE = ("model/factors:factor", f"{_FUSED}:digest")

_LINEAGE: dict[str, _Columns] = {
    "raw/interactions": {
        **_same(_EVENTS, "user_id", "item_id", "event", "value", "time", "query", "review", "split"),
        **_from("time_utc", _EVENTS, "time"),
        **_from("period", _EVENTS, "time"),
    },
    "raw/items": _same(_CATALOGUE, "item_id", "title", *NAMES, "categories", "attributes"),
    "raw/users": {**_same(_PROFILES, "user_id", "consent"), **_from("text", _PROFILES, "text", "consent")},
    "raw/media": {
        **_from("uri", "raw/items", *[kind.name for kind in FILES]),
        **_same(_MEDIA, "size_bytes", "ctime_ns", "sha256"),
        **_from("problem", _MEDIA, "bytes"),
    },
    "raw/precomputed": _same(_VECTOR_FILES, "modality", "item_id", "sha256", "size_bytes", "ctime_ns"),
    "validated/items": {
        **_same("raw/items", "item_id", "title", *NAMES, "categories", "attributes", "source_file", "source_row"),
        "text_hash": ("raw/items:text", _DELIVERED),
        **{f"{kind.name}_hash": ("raw/media:sha256", _DELIVERED) for kind in FILES},
        **{f"{kind.name}_problem": ("raw/media:problem",) for kind in FILES},
    },
    "validated/interactions": {
        **_same("raw/interactions", "period", "user_id", "event", "value", "query", "review", "split"),
        **_same("raw/interactions", "source_file", "source_row"),
        **_from("words_hash", "raw/interactions", "query", "review"),
        **_same("raw/interactions", "item_id"),
        **_from("time", "raw/interactions", "time_utc"),
    },
    "validated/users": {
        **_same("raw/users", "user_id", "consent", "text", "source_file", "source_row"),
        **_from("text_hash", "raw/users", "text", "consent"),
    },
    "validated/rejected": {
        "period": ("raw/interactions:period",),
        **{
            name: (f"raw/interactions:{name}", f"raw/items:{name}", f"raw/users:{name}")
            for name in ("source_file", "source_row")
        },
        "row": ("raw/interactions:user_id", "raw/interactions:item_id", "raw/items:item_id", "raw/users:user_id"),
    },
    _FUSED: {
        **_same(_ITEMS, "item_id"),
        **dict.fromkeys(("modalities", "space", "digest"), _VECTORS),
    },
    "model/factors": {
        **_same(_GOOD, "period", "user_id"),
        "version": (_GOOD + ":item_id", f"{_FUSED}:digest"),
        **_from("events", _GOOD, "event"),
        **_from("words", _GOOD, "words_hash"),
        "events_digest": (f"{_GOOD}:item_id", f"{_GOOD}:event", f"{_GOOD}:time", _WORDS),
        "factor": (*_FACTOR, _WORDS),
    },
    "model/evaluation": {
        **_same(_GOOD, "period"),
        **_from("people", _GOOD, "user_id"),
        **dict.fromkeys(("value", "low", "high"), _FACTOR),
    },
    _LISTS: {
        **_same("model/factors", "period", "user_id"),
        **_same(_ITEMS, "item_id"),
        "rank": _SCORE,
        "score": _SCORE,
        "state": ("model/factors:version", f"{_FUSED}:digest"),
        "checksum": ("model/factors:factor", *_EVIDENCE, _WORDS),
    },
    "recommendations/reasons": {
        **_same(_LISTS, "period", "user_id", "rank", "item_id"),
        "reason": (f"{_ITEMS}:title", f"{_GOOD}:item_id"),
        "evidence": (f"{_GOOD}:item_id", "model/factors:factor"),
        "content_share": _SCORE,
        "named": (f"{_GOOD}:item_id", "model/factors:factor"),
        "checksum": ("model/factors:factor", *_EVIDENCE, _WORDS, f"{_FUSED}:digest", f"{_ITEMS}:title"),
    },
    "recommendations/similar_items": {
        **_same(_FUSED, "item_id"),
        **_from("by", _FUSED, "modalities"),
        **_from("neighbour", _FUSED, "item_id", "digest"),
        **dict.fromkeys(("rank", "similarity", "checksum"), (f"{_FUSED}:digest",)),
    },
    "recommendations/snapshot": _same(_LISTS, "period"),
}


def columns(asset: str) -> _Columns:
    """Column → upstream columns as `stage/name:column`."""
    stage, _, name = asset.partition("/")
    return _embedding(name) if stage == "embeddings" else _LINEAGE.get(asset, {})


def _embedding(modality: str) -> _Columns:
    return {
        **_same(_ITEMS, "item_id"),
        **_from("input_hash", _ITEMS, f"{modality}_hash"),
        **_from("key", _ITEMS, f"{modality}_hash"),
    }
