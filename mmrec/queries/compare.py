"""The served model beside others, as of a published period: figures with intervals, and paired differences.

Reads the lake, fits on the train part, and writes nothing. Everything is chosen on validation; test is read once a
model, for the figures. Here: from a snapshot to the comparison. Not here: the comparison (`mmrec/evaluation`), the
models (`mmrec/models/zoo.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from mmrec.errors import MmrecError
from mmrec.evaluation import fusions, selection, split
from mmrec.evaluation.problem import Problem
from mmrec.fusion import maps
from mmrec.lake.store import Lake
from mmrec.models.candidates import POPULARITY, Candidate
from mmrec.models.interface import Model
from mmrec.models.side import SideInformation
from mmrec.models.zoo import MORE, SLOW, ZOO
from mmrec.published import events as history
from mmrec.published import snapshots, versions
from mmrec.published.features import Features
from mmrec.settings import Settings

NO_CONTENT, NO_LINKS = "mf without content", "mf without links"
FUSIONS = {f"mf by {kind}": kind for kind in maps.KINDS}
ONLY_BY_NAME = (*SLOW, f"mf by {maps.DEEP}")


def compare(
    lake: Lake, settings: Settings, models: Sequence[str] | None = None, period: str | None = None
) -> dict[str, Any]:
    """Figures of the served candidate and of `models`, as of a published period, the newest by default.

    By default all stand beside it but the slow ones. Raises MmrecError where a model or a period is not known.
    """
    published = snapshots.read(lake, settings, period)
    version = versions.served_version(published.lake, published.period)
    features = Features(published.lake)
    events = history.read(published.lake, settings, published.period, version.weighing)
    problem = Problem.of(events, features.item_ids, features.blocks, features.present, settings.model)
    zoo, variants = _chosen(models, problem.side, _variants(version.choice))
    rows = selection.evaluate(
        problem, version.choice, zoo, variants, stored=version.rivals, asked=settings.recommendations
    )
    others = {name: FUSIONS[name] for name in variants if name in FUSIONS}
    rows += fusions.rows(problem, version.choice, others)
    parts = np.bincount(problem.part[problem.weight > 0], minlength=len(split.NAMES)).tolist()
    return {
        "period": published.period,
        "split": settings.model.split,
        "leaks": split.LEAKS[settings.model.split],
        "test_reads": problem.audit.models,
        "events": dict(zip(split.NAMES, parts, strict=True)),
        "people": problem.n_users,
        "items": int(problem.listable.sum()),
        "served": version.choice.name,
        "too_little": next((row.note for row in rows if row.people == 0 and row.segment == "all"), None),
        "stand_in_media": settings.media.stand_in,
        "figures": [asdict(row) for row in rows],
    }


def names() -> list[str]:
    """What `models` may name, whatever is served."""
    return [*ZOO, *MORE, NO_CONTENT, NO_LINKS, *FUSIONS]


def _variants(served: Candidate) -> dict[str, Candidate]:
    """The served candidate without its parts, where it has them, and with what is new placed by other fusions.

    Behind popularity there is one map, whatever kind is named.
    """
    found = {}
    if served.block_weights is not None:
        found[NO_CONTENT] = replace(served, name=f"{served.name}, without content", block_weights=None)
    if served.links is not None and served.last_resort is None:
        found[NO_LINKS] = replace(served, name=f"{served.name}, without its item-item part", links=None)
    if served.content is not None and served.last_resort != POPULARITY:
        for name, kind in FUSIONS.items():
            if kind != served.fusion:
                found[name] = replace(served, name=f"{served.name}, placing by {kind}", fusion=kind)
    return found


def _chosen(
    models: Sequence[str] | None, side: SideInformation, variants: Mapping[str, Candidate]
) -> tuple[selection.Zoo, Mapping[str, Candidate]]:
    """The models to fit, and the candidates to set beside the served one."""
    chosen = [name for name in names() if name not in ONLY_BY_NAME] if models is None else models
    if unknown := sorted(set(chosen) - set(names())):
        raise MmrecError(f"no model is called '{unknown[0]}'; there are: {', '.join(names())}")
    zoo = {**ZOO} | {name: partial(_with, made, side) for name, made in MORE.items()}
    return (
        {name: made for name, made in zoo.items() if name in chosen},
        {name: each for name, each in variants.items() if name in chosen},
    )


def _with(made: Callable[[SideInformation], Sequence[Model]], side: SideInformation, n_items: int) -> Sequence[Model]:
    """Variants of a model that reads more than the number of items."""
    return made(side)
