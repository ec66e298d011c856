"""recommendations/reasons: a sentence for every recommended item."""

from __future__ import annotations

from mmrec import tables
from mmrec.builds.assets import FUSED
from mmrec.builds.report import StageReport
from mmrec.builds.stage import StageRun
from mmrec.lake.store import Lake
from mmrec.lists import reasons as sentences
from mmrec.lists.reasons import Sentences
from mmrec.published import events
from mmrec.settings import Settings
from mmrec.stages.recommendations.behind import (
    keys_behind,
    made_of_people,
    people_by_way,
    stand_in,
    with_people,
)


def reasons(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """One sentence for every recommended item, worded from the exact decomposition of its score."""
    gate = events.gate(lake, wanted)
    run = StageRun(lake, tables.REASONS, refused=gate.refused, warnings=gate.warnings)
    made: dict[str, Sentences] = {}
    for period in with_people(lake, run.begin(reasons_keys(lake, settings, gate.open))):
        made[period] = sentences.of_period(lake, settings, period, made)
    run.publish(made_of_people(run.stale, made))
    return run.report(facts={**people_by_way(made.values(), sentences.WAYS), **stand_in(settings)})


def reasons_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the reasons by period."""
    asked = settings.recommendations
    read = {"k": asked.k, "explore": asked.explore} if asked.explore else {}
    return keys_behind(lake, settings, wanted, (FUSED, tables.VALIDATED_ITEMS), tables.TOP_K, **read)
