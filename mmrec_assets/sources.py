"""The bytes that the graph starts at: event files, catalogue files, pictures and weights, as external assets.

Here: what they are called and which asset reads them. Not here: reading or fetching them.
"""

import re

import dagster as dg

from mmrec import tables
from mmrec.settings import Settings

GROUP = "sources"
_EVENTS = dg.AssetKey([GROUP, "event_files"])
_CATALOGUE = dg.AssetKey([GROUP, "catalogue_files"])
_PROFILES = dg.AssetKey([GROUP, "profile_files"])
_MEDIA = dg.AssetKey([GROUP, "media_folder"])
_VECTORS = dg.AssetKey([GROUP, "vector_files"])


def of(settings: Settings, asset: str) -> list[dg.AssetKey]:
    """The sources that an asset reads besides the lake."""
    stage, _, name = asset.partition("/")
    if stage == "embeddings" and name in settings.precomputed:
        return [_VECTORS]
    if stage == "embeddings":
        reads_media = [] if name == "text" else [_MEDIA]
        return [*reads_media, *_weights(settings.embeddings[name].encoder)]  # type: ignore[index]
    found = {
        tables.RAW_INTERACTIONS: _EVENTS,
        tables.RAW_ITEMS: _CATALOGUE,
        tables.RAW_USERS: _PROFILES,
        tables.RAW_MEDIA: _MEDIA,
        tables.RAW_PRECOMPUTED: _VECTORS,
    }
    return [found[asset]] if asset in found else []


def specs(settings: Settings) -> list[dg.AssetSpec]:
    """Every source of a data set."""
    delivered = settings.precomputed
    encoders = {each.encoder for modality, each in settings.embeddings.items() if modality not in delivered}
    users = settings.users
    drawn = ", ".join(settings.media.stand_in)
    stand_in = f" Drawn stand-ins, not real: {drawn}." if drawn else ""
    return [
        _spec(_EVENTS, "One row is one delivered event, in files.", {"files": settings.interactions.files}),
        _spec(_CATALOGUE, "One row is one catalogue entry, in files.", {"files": settings.items.files}),
        *([_spec(_PROFILES, "One row is one profile, in files.", {"files": users.files})] if users else []),
        _spec(
            _MEDIA, f"One row is one picture, sound or clip, a file.{stand_in}", {"folder": str(settings.media.root)}
        ),
        *([_spec(_VECTORS, "One row is one item's precomputed vector, in files.", {**delivered})] if delivered else []),
        *[
            _spec(key, f"The trained weights of the encoder {name}; their digest is in every key.", {"encoder": name})
            for name in sorted(encoders)
            for key in _weights(name)
        ],
    ]


def _weights(encoder: str) -> list[dg.AssetKey]:
    """The weight files of an encoder; `hash:N` has none."""
    if encoder.startswith("hash:"):
        return []
    return [dg.AssetKey([GROUP, "weights_" + re.sub(r"\W+", "_", encoder)])]


def _spec(key: dg.AssetKey, description: str, metadata: dict[str, object]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        description=description,
        group_name=GROUP,
        owners=["team:data"],
        kinds={"file"},
        tags={"stage": GROUP},
        metadata=metadata,
    )
