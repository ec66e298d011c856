"""The declarations of assets: what each rests on, and the version of the code that makes it.

Here: the one list that the asset graph, `mmrec plan`, the stages and the tests read. A dependency said here is one that
the stage's function may read; a test compares the tables a run has scanned with it. Not here: which function makes an
asset (`mmrec/planning/graph.py`), nor any work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.modalities import NAMES
from mmrec.settings import Settings

STAGES = ("raw", "validated", "embeddings", "fused", "model", "recommendations")

FUSED, FACTORS, SNAPSHOT = "fused/items", "model/factors", "recommendations/snapshot"
_TEXT = "embeddings/text"

# What work is counted in, besides rows that were written.
READ, JUDGED = "rows read", "rows judged"
ENCODINGS, FOLDED, EVALUATED = "encodings", "people folded in", "evaluations"
SCORED, COMPARED = "people × items scored", "neighbours compared"

Keys = Callable[..., dict[str, str]]  # (lake, settings, periods where the asset has some) → period → stage key


@dataclass(frozen=True)
class Asset:
    """One asset: its key, what it rests on, and how its periods look upstream."""

    asset: str
    deps: tuple[str, ...]
    code_version: str  # set by hand when the meaning of the result changes
    partitioned: bool = False
    history: tuple[str, ...] = ()  # deps of which period D sees every period up to D
    gpu: bool = False
    unit: str = "rows"  # what its work is counted in, and what its seconds go with

    @property
    def stage(self) -> str:
        """The stage word: module, group, key prefix and lake folder."""
        return self.asset.partition("/")[0]

    @property
    def name(self) -> str:
        """The asset's name within its stage."""
        return self.asset.partition("/")[2]

    def keys_by(self, find: Keys, lake: Lake, settings: Settings, periods: list[str]) -> dict[str, str]:
        """The stage keys by period that `find`, the asset's own function, gives now to its code version."""
        acting = lake.acting_as(self.asset, self.code_version)
        return find(acting, settings, periods) if self.partitioned else find(acting, settings)


def embedding(modality: str) -> str:
    """The asset of a modality's vectors."""
    return f"embeddings/{modality}"


def declared(settings: Settings) -> list[Asset]:
    """Every asset of a data set, each after what it rests on."""
    embeddings = [embedding(modality) for modality in NAMES if modality in settings.embeddings]
    events, items = ("validated/interactions",), ("validated/items", FUSED)
    behind = (*events, *items, *words(settings))
    made = ("recommendations/top_k", "recommendations/reasons", "recommendations/similar_items", FACTORS)
    return [
        Asset("raw/items", (), "3", unit=READ),
        Asset("raw/media", ("raw/items",), "3", unit="files looked at"),
        Asset("raw/interactions", (), "3", partitioned=True, unit=READ),
        *([Asset("raw/users", (), "2", unit=READ)] if settings.users else []),
        *([Asset("raw/precomputed", (), "1", unit=READ)] if settings.precomputed else []),
        Asset("validated/items", ("raw/items", "raw/media", *_precomputed(settings)), "3", unit=JUDGED),
        Asset(
            "validated/interactions",
            ("raw/interactions", *_judged_against(settings)),
            "2",
            partitioned=True,
            unit=JUDGED,
        ),
        *([Asset("validated/users", ("raw/users",), "3", unit=JUDGED)] if settings.users else []),
        *[
            Asset(each, ("validated/items", *_read(settings, each)), _reading(each), gpu=True, unit=ENCODINGS)
            for each in embeddings
        ],
        Asset(FUSED, ("validated/items", *embeddings), "1", unit="vectors fused"),
        Asset(FACTORS, behind, "7", partitioned=True, history=events, unit=FOLDED),
        Asset("model/evaluation", (*events, FUSED, FACTORS), "8", partitioned=True, history=events, unit=EVALUATED),
        Asset("recommendations/top_k", (*behind, FACTORS), "1", partitioned=True, history=events, unit=SCORED),
        Asset(
            "recommendations/reasons",
            (*behind, FACTORS, "recommendations/top_k"),
            "2",
            partitioned=True,
            history=events,
            unit="people whose reasons are worded",
        ),
        Asset("recommendations/similar_items", items, "1", unit=COMPARED),
        Asset(SNAPSHOT, (*made, "model/evaluation"), "1", partitioned=True, unit="tables pinned"),
    ]


def _judged_against(settings: Settings) -> tuple[str, ...]:
    """What events are held against: the catalogue, only where a share of unknown items refuses a period."""
    return () if settings.quality.max_unknown_item_share is None else ("validated/items",)


def _reading(asset: str) -> str:
    """The code version of an embedding: raised where inputs are read now that could not be; failed ones then get a try.

    A vector does not depend on it, but on its input and its encoder alone.
    """
    return "1" if asset == _TEXT else "2"


def _precomputed(settings: Settings) -> tuple[str, ...]:
    """Which vectors are delivered, where some modality is not computed here."""
    return ("raw/precomputed",) if settings.precomputed else ()


def _read(settings: Settings, asset: str) -> tuple[str, ...]:
    """What an embedding reads besides the items: people's words are texts too, and vectors may be delivered."""
    if settings.users and asset == _TEXT:
        return ("validated/users", "validated/interactions")
    return _precomputed(settings) if asset in map(embedding, settings.precomputed) else ()


def words(settings: Settings) -> tuple[str, ...]:
    """The assets that people's own words come from; none where no profile says whose words may be read."""
    return ("validated/users", _TEXT) if settings.users else ()


def declaration(settings: Settings, asset: str) -> Asset:
    """The asset by its key; one line with the known keys where there is none."""
    known = {each.asset: each for each in declared(settings)}
    if asset not in known:
        raise MmrecError(f"no asset is called '{asset}'; there are: {', '.join(known)}")
    return known[asset]
