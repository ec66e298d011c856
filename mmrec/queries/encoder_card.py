"""The card of an encoder: what it is, whether its vectors are sound, and what they are worth on this data.

Here: the figures, and what speaks against an encoder. Reads only. Not here: when they are made again and how they are
shown (`checks/qualification.py`), the probe itself (`mmrec/evaluation/probe.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from mmrec import encoders, tables
from mmrec.builds.costs import Costs
from mmrec.encoders import weights
from mmrec.evaluation import probe
from mmrec.evaluation.metrics import Interval
from mmrec.evaluation.problem import Problem
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.lists.neighbours import Compared
from mmrec.lists.phrases import listed
from mmrec.published import events as history
from mmrec.published.features import Features
from mmrec.published.weighing import Weighing
from mmrec.settings import Settings

VERSION = 1  # raised where a figure comes to mean something else
LOWEST_RANK = 2.0  # effective rank below which vectors lie on a line
MOST_DUPLICATES = 0.05  # of the distinct inputs; the demo's encoders give none
_SAMPLED, _NEXT, _SHOWN, _NEIGHBOURS = 1_000, 10, 5, 3
NOT_DRAWN, NO_CATEGORIES = "not applicable: these media are stand-ins drawn from the categories", "no categories"
NOT_FUSED = "not yet: fewer than two items have a fused vector of this encoder; type `mmrec run`"


@dataclass(frozen=True)
class Card:
    """`facts` by name, an item's nearest neighbours as `examples`, and what speaks against the encoder as `doubts`."""

    facts: dict[str, str | int | float]
    examples: pl.DataFrame
    doubts: list[str] = field(default_factory=list)


def key(lake: Lake, settings: Settings, modality: str) -> str:
    """What a card rests on: the encoder, the space that vectors are fused in, and the newest refit boundary."""
    space = lake.scan(tables.FUSED_CURRENT).select(pl.col("space").max()).collect().item()
    return canonical_digest([VERSION, _identity(settings, modality).id, space or "", _boundary(lake) or ""])


def card(lake: Lake, settings: Settings, modality: str) -> Card:
    """The card of a modality's encoder, from what is stored now."""
    identity, features = _identity(settings, modality), Features(lake)
    facts = _about(lake, identity)
    is_fused = modality in features.slices and features.statistics(modality).encoder_id == identity.id
    there = np.flatnonzero(features.present[modality]) if is_fused else np.zeros(0, np.int64)
    if len(there) < 2:
        return Card({**facts, "items": len(there), "cold_item_probe": NOT_FUSED}, pl.DataFrame())
    block = features.blocks[modality][there]
    drawn = np.sort(np.random.default_rng(0).permutation(len(there))[:_SAMPLED])
    rank = effective_rank(block[drawn])
    duplicates, inputs = _duplicates(lake, modality)
    compared = Compared.by([block])
    facts |= {"items": len(there), "effective_rank": round(rank, 1), "duplicate_vectors": duplicates}
    facts["neighbour_purity"] = _purity(lake, settings, modality, features, there, compared)
    doubts = [] if np.isfinite(block).all() else ["some vectors are not finite"]
    if rank < min(LOWEST_RANK, len(drawn) - 1, block.shape[1]):
        doubts.append(f"its vectors are collapsed: effective rank {rank:.1f} of {block.shape[1]}")
    if duplicates > MOST_DUPLICATES * inputs:
        doubts.append(f"{duplicates} of {inputs} different inputs have a vector that another has too")
    probed = _probe(lake, settings, modality, features)
    facts |= _told(probed)
    if probed is not None and probed.is_telling and not probed.is_above_chance:
        found = f"NDCG {probed.ndcg.value:.3f}, by chance up to {probed.best_chance:.3f}"
        doubts.append(f"it ranks items that nobody has met no better than chance: {found}")
    return Card(facts, _examples(lake, features, there, compared), doubts)


def effective_rank(vectors: np.ndarray) -> float:
    """exp(entropy) of the singular values of vectors [n, width] about their mean, each as a share of their sum.

    Roy and Vetterli 2007, "The effective rank", EUSIPCO. 1 = all on a line; the width = in all directions alike.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    values = np.sqrt(np.linalg.eigvalsh(gram).clip(min=0.0))
    shares = values[values > values.max(initial=0.0) * 1e-6]
    shares = shares / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum())) if shares.size else 0.0


def _identity(settings: Settings, modality: str) -> encoders.EncoderIdentity:
    wanted = settings.embeddings[modality]  # type: ignore[index]
    return encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)


def _boundary(lake: Lake) -> str | None:
    """The newest refit boundary at which item factors were fitted."""
    return lake.scan(tables.MODEL_VERSIONS).select(pl.col("boundary").max()).collect().item()


def _about(lake: Lake, identity: encoders.EncoderIdentity) -> dict[str, str | int | float]:
    package = weights.packages().get(identity.name.rpartition(":")[2])
    speed = Costs(lake).speed(tables.current(identity.modality).rpartition("/")[0], identity.id)
    return {
        "encoder": identity.name,
        "architecture": str(identity.fields["architecture"]),
        "encoder_id": identity.id,
        "precision": str(identity.fields["precision"]),
        "licence": package.licence if package else "not known here; see where its weights are from",
        "width": identity.width,
        **({"items_per_second": round(1 / speed.unit, 1)} if speed and speed.unit else {}),
    }


def _duplicates(lake: Lake, modality: str) -> tuple[int, int]:
    """How many different inputs have a vector, bit by bit, that another one has too; and how many inputs there are."""
    current = lake.scan(tables.current(modality)).select("key").unique()
    stored = lake.scan(tables.vectors(modality)).select("key", "checksum").join(current, on="key", how="semi")
    inputs, vectors = stored.unique("key").select(pl.len(), pl.col("checksum").n_unique()).collect().row(0)
    return inputs - vectors, inputs


def _purity(
    lake: Lake, settings: Settings, modality: str, features: Features, there: np.ndarray, compared: Compared
) -> str:
    """How often an item's ten nearest share a category with it, beside pairs at random."""
    if modality in settings.media.stand_in:
        return NOT_DRAWN
    items = pl.DataFrame({"item_id": pl.Series(features.item_ids, dtype=pl.String).gather(there)})
    found = items.lazy().join(lake.scan(tables.VALIDATED_ITEMS), on="item_id", how="left", maintain_order="left")
    has = _incidence(found.select("categories").collect()["categories"])
    named = np.flatnonzero(has.any(axis=1))
    if len(named) < 2 * _NEXT:
        return NO_CATEGORIES
    draw = np.random.default_rng(0)
    asked = np.sort(draw.permutation(named)[:_SAMPLED])
    nearest, _ = compared.lists(asked, named, _NEXT)
    shares = (has[asked][:, None] & has[nearest]).any(axis=2)[nearest >= 0].mean()
    at_random = (has[asked] & has[draw.choice(named, len(asked))]).any(axis=1).mean()
    return f"{shares:.2f}; pairs at random {at_random:.2f}"


def _incidence(categories: pl.Series) -> np.ndarray:
    """bool [items, categories]: which item has which."""
    parts = categories.to_frame("of").select(listed(pl.col("of"))).with_row_index("item").explode("of").drop_nulls()
    parts = parts.with_columns(pl.col("of").str.strip_chars().str.to_lowercase()).filter(pl.col("of") != "")
    has = np.zeros((len(categories), parts["of"].n_unique()), bool)
    has[parts["item"].to_numpy(), parts["of"].rank("dense").to_numpy().astype(np.int64) - 1] = True
    return has


def _probe(lake: Lake, settings: Settings, modality: str, features: Features) -> probe.Probe | None:
    """The cold-item probe over the events up to the newest boundary; None where too few people have any."""
    boundary = _boundary(lake)
    if boundary is None:
        return None
    events = history.read(lake, settings, boundary, Weighing.of(settings))
    if events["user_id"].n_unique() < probe.MINIMUM_PEOPLE:
        return None
    problem = Problem.of(events, features.item_ids, features.blocks, features.present, settings.model)
    return probe.cold_items(problem, modality)


def _told(probed: probe.Probe | None) -> dict[str, str | int | float]:
    if probed is None or not probed.is_telling:
        return {"cold_item_probe": f"too little history: it takes {probe.MINIMUM_PEOPLE} people with hidden items"}
    return {
        "cold_item_probe": f"NDCG@{probe.K} {_interval(probed.ndcg)}, {probed.ndcg.people} people",
        "cold_item_ndcg": round(probed.ndcg.value, 4),
        "chance_ndcg": round(probed.chance, 4),
        "best_of_chance_ndcg": round(probed.best_chance, 4),
    }


def _interval(found: Interval) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _examples(lake: Lake, features: Features, there: np.ndarray, compared: Compared) -> pl.DataFrame:
    """A few items from all over the catalogue, each with the titles of its nearest."""
    chosen = np.linspace(0, len(there) - 1, min(_SHOWN, len(there))).astype(np.int64)
    among = np.flatnonzero(compared.present[:, 0])
    nearest, _ = compared.lists(chosen, among, _NEIGHBOURS)
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()
    ids = pl.Series("item_id", features.item_ids, dtype=pl.String).gather(there).to_frame()
    named = ids.join(titles, on="item_id", how="left", maintain_order="left")["title"].fill_null("?").to_list()
    told = ["; ".join(named[at] for at in row if at >= 0) for row in nearest]
    return pl.DataFrame({"item": [named[at] for at in chosen], "nearest": told})
