"""The served model beside others, as of a published period: figures with intervals, and paired differences.

Reads the lake, fits on the train part, and writes nothing. Everything is chosen on validation; test is read once a
model, for the figures. Here: from a snapshot to the comparison. Not here: the comparison (`mmrec/evaluation`), the
models (`mmrec/models/zoo.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from mmrec.errors import MmrecError
from mmrec.evaluation import comparison, selection
from mmrec.evaluation.problem import Problem
from mmrec.lake.store import Lake
from mmrec.models.candidates import Candidate
from mmrec.models.zoo import ZOO
from mmrec.published import events as history
from mmrec.published import snapshots, versions
from mmrec.published.features import Features
from mmrec.settings import Settings

NO_CONTENT, NO_LINKS = "mf without content", "mf without links"


def compare(
    lake: Lake, settings: Settings, models: Sequence[str] | None = None, period: str | None = None
) -> dict[str, Any]:
    """Figures of the served candidate and of `models` (all of them by default), as of the newest published period."""
    published = snapshots.read(lake, settings, period)
    version = versions.served_version(published.lake, published.period)
    features = Features(published.lake)
    events = history.read(published.lake, settings, published.period, version.weighing)
    problem = Problem.of(events, features.item_ids, features.blocks, features.present, settings.model)
    zoo, variants = _chosen(models, _variants(version.choice))
    rows = selection.evaluate(problem, version.choice, zoo, variants, stored=version.rivals)
    parts = np.bincount(problem.part[problem.weight > 0], minlength=len(comparison.SPLITS)).tolist()
    return {
        "period": published.period,
        "split": settings.model.split,
        "events": dict(zip(comparison.SPLITS.values(), parts, strict=True)),
        "people": problem.n_users,
        "items": int(problem.listable.sum()),
        "served": version.choice.name,
        "too_little": next((row.note for row in rows if row.people == 0 and row.segment == "all"), None),
        "stand_in_media": settings.media.stand_in,
        "figures": [asdict(row) for row in rows],
    }


def names() -> list[str]:
    """What `models` may name, whatever is served."""
    return [*ZOO, NO_CONTENT, NO_LINKS]


def _variants(served: Candidate) -> dict[str, Candidate]:
    """The served candidate without its parts, where it has them."""
    found = {}
    if served.block_weights is not None:
        found[NO_CONTENT] = replace(served, name=f"{served.name}, without content", block_weights=None)
    if served.links is not None and served.last_resort is None:
        found[NO_LINKS] = replace(served, name=f"{served.name}, without its item-item part", links=None)
    return found


def _chosen(
    models: Sequence[str] | None, variants: Mapping[str, Candidate]
) -> tuple[selection.Zoo, Mapping[str, Candidate]]:
    if models is None:
        return ZOO, variants
    if unknown := sorted(set(models) - set(names())):
        raise MmrecError(f"no model is called '{unknown[0]}'; there are: {', '.join(names())}")
    zoo = {name: made for name, made in ZOO.items() if name in models}
    return zoo, {name: each for name, each in variants.items() if name in models}
