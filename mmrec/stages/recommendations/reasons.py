"""recommendations/reasons: a sentence for every recommended item."""

from __future__ import annotations

import time

from mmrec.builds import publishing
from mmrec.builds.report import StageReport
from mmrec.lake.store import Lake
from mmrec.lists import reasons as sentences
from mmrec.lists import top_k as lists
from mmrec.lists.reasons import Sentences
from mmrec.published import events
from mmrec.settings import Settings
from mmrec.stages.recommendations.behind import (
    keys_behind,
    people_by_way,
    publish_people,
    refused_periods,
    stand_in,
    with_people,
)


def reasons(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """One sentence for every recommended item, worded from the exact decomposition of its score."""
    began = time.perf_counter()
    gate = events.gate(lake, wanted)
    keys = reasons_keys(lake, settings, gate.open)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    made: dict[str, Sentences] = {}
    for period in with_people(lake, stale):
        made[period] = sentences.of_period(lake, settings, period, made)
    if stale:
        reports |= publish_people(lake, sentences.TABLE, made, stale, began)
    return publishing.report(
        lake,
        sentences.TABLE,
        reports | refused_periods(gate),
        began,
        warnings=gate.warnings,
        facts={**people_by_way(made.values(), sentences.WAYS), **stand_in(settings)},
    )


def reasons_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the reasons by period."""
    return keys_behind(lake, settings, wanted, ("fused/items", "validated/items"), lists.TABLE)
