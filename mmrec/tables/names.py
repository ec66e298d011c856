"""What every table is called, `stage/table`. Everything else of a table is in its declaration, beside this module."""

from __future__ import annotations

RAW_INTERACTIONS = "raw/interactions"
RAW_ITEMS = "raw/items"
RAW_MEDIA = "raw/media"
RAW_PRECOMPUTED = "raw/precomputed"
RAW_USERS = "raw/users"

VALIDATED_INTERACTIONS = "validated/interactions"
VALIDATED_ITEMS = "validated/items"
VALIDATED_USERS = "validated/users"
REJECTED = "validated/rejected"

USER_TEXTS = "embeddings/text/words"

FUSED_CURRENT = "fused/current"
FUSED_VECTORS = "fused/vectors"
FUSED_SPACES = "fused/spaces"
FUSED_STATISTICS = "fused/statistics"

MODEL_VERSIONS = "model/versions"
MODEL_CANDIDATES = "model/candidates"
MODEL_ARRAYS = "model/arrays"
MODEL_ITEMS = "model/items"
MODEL_USERS = "model/users"
EVALUATION = "model/evaluation"

TOP_K = "recommendations/top_k"
LIST_STATES = "recommendations/list_states"
REASONS = "recommendations/reasons"
SIMILAR_ITEMS = "recommendations/similar_items"

LANDING = "ledger/landing"
VERDICTS = "ledger/verdicts"
SNAPSHOTS = "ledger/snapshots"
BUILDS = "ledger/builds"


def current(modality: str) -> str:
    """Which vector of a modality an item has now."""
    return f"embeddings/{modality}/current"


def vectors(modality: str) -> str:
    """The vectors of a modality by their keys."""
    return f"embeddings/{modality}/vectors"


def failed(modality: str) -> str:
    """The inputs of a modality that could not be encoded."""
    return f"embeddings/{modality}/failed"
