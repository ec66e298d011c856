"""Whose factors a run would have to solve for, and which item factors it would have to fit, told before it does.

Here: the keys that a run compares, of the events, texts and items that a lake shows. Not here: any fit or fold-in
(`factors.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.published import events as history
from mmrec.published import state, user_texts, versions
from mmrec.published.weighing import Weighing
from mmrec.settings import Settings
from mmrec.stages.model import factors
from mmrec.stages.model.boundary import boundary_of, stored_version


@dataclass(frozen=True)
class Foreseen:
    """What model/factors of a period would be.

    `people` (user_id, events_digest, factor) are all that would have one, the factor null where nothing stored can be
    it; `folded` of them are solved for. `version` is empty where it is not fitted yet, and `fits` is 1 in the period
    that fits it. `new` (item → fused digest) and `gone` say how the catalogue differs from the version's items.
    """

    people: pl.DataFrame
    folded: int = 0
    boundary: str = ""
    version: str = ""
    fits: int = 0
    new: dict[str, str] | None = None
    gone: frozenset[str] = frozenset()

    @property
    def data_version(self) -> str:
        """The one that the period's factors would have, where their version is there."""
        return canonical_digest([self.version, *self.people["events_digest"].sort().to_list()])


NOBODY = Foreseen(pl.DataFrame(schema={"user_id": pl.String, "events_digest": pl.String, "factor": tables.FACTOR}))


def foreseen(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, Foreseen]:
    """By period, what model/factors would be for all that `lake` shows. Nobody is there before the first event."""
    found: dict[str, Foreseen] = {}
    fitting: set[str] = set()
    before = tables.contract(tables.MODEL_USERS).empty()
    for period in sorted(wanted):
        boundary = boundary_of(lake, settings, period)
        if boundary is None:
            found[period] = NOBODY
            continue
        found[period] = of_period = _of_period(lake, settings, period, boundary, before)
        if not of_period.version:
            found[period] = Foreseen(of_period.people, of_period.folded, boundary, fits=int(boundary not in fitting))
            fitting.add(boundary)
        solved = of_period.people.with_columns(version=pl.lit(of_period.version or boundary))
        before = tables.contract(tables.MODEL_USERS).conform(solved, partial=True)
    return found


def _of_period(lake: Lake, settings: Settings, period: str, boundary: str, before: pl.DataFrame) -> Foreseen:
    """One period, given the rows made just `before`; under a version to come, whoever has a history is folded in."""
    current = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest", "space").collect()
    name = stored_version(lake, settings, boundary)
    about = versions.outline(lake, name) if name else None
    weight = settings.users.weight if settings.users else 0.0
    events = history.read(lake, settings, period, about.weighing if about else Weighing.of(settings))
    said = user_texts.read(lake, settings, period, weight)
    new, gone = dict[str, str](), frozenset[str]()
    if about is not None:
        others = current.join(about.items, on="item_id", how="anti")
        new = dict(others.select("item_id", "digest").iter_rows())
        gone = frozenset(about.items.join(current, on="item_id", how="anti")["item_id"])
        reads_texts = (about.choice.content or {}).get(user_texts.MODALITY, 0.0) > 0
        said = said if reads_texts and about.space == current["space"].first() else said.clear()
    counts = factors.counted(events, said)
    digests = state.digests(events, said, new).join(counts.select("user_id"), on="user_id", how="semi")
    digests = digests.with_columns(version=pl.lit(name or boundary))
    stored = factors.stored(lake, digests, before).with_columns(there=True)
    people = digests.join(stored, on=["version", "events_digest"], how="left").sort("user_id")
    return Foreseen(
        people.select("user_id", "events_digest", "factor"),
        people["there"].null_count(),
        boundary,
        name,
        new=new,
        gone=gone,
    )
