"""Embeddings: one vector an item and modality, computed only where the input or the encoder differs.

Here: one factory for every modality; another one needs a setting and a line in the registry of encoders. Not here: the
work (`mmrec/stages/embeddings`), nor the encoders (`mmrec/encoders`).
"""

import dagster as dg
from pydantic import Field

from mmrec.modalities import NAMES
from mmrec.settings import Settings
from mmrec_assets.declared import structure
from mmrec_assets.events import Events, materialize
from resources.lake import LakeResource


class Encoding(dg.Config):
    """What a run may ask of an embedding."""

    retry_failed: bool = Field(default=False, description="Try inputs again that could not be encoded.")
    budget: str = Field(default="", description="Refuse to encode what is expected to take longer, such as 90s or 10m.")


def assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets of this stage, one a modality of the settings."""
    return [_embedding(settings, modality) for modality in NAMES if modality in settings.embeddings]


def _embedding(settings: Settings, modality: str) -> dg.AssetsDefinition:
    asset = f"embeddings/{modality}"

    @dg.asset(
        key_prefix="embeddings",
        name=modality,
        description=f"One row is one item's {modality} vector, by key. Nothing is computed whose key is known.",
        **structure(settings, asset),
    )
    def embedding(context: dg.AssetExecutionContext, config: Encoding, lake: LakeResource) -> Events:
        yield from materialize(context, lake, settings, asset, retry_failed=config.retry_failed, budget=config.budget)

    return embedding
