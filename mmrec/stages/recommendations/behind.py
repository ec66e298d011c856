"""What lists and reasons rest on: the factors of their period, and whether those are up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmrec.builds import assets, ledger
from mmrec.builds.assets import FACTORS
from mmrec.builds.stage import Made
from mmrec.lake.store import Lake
from mmrec.lists.reasons import Sentences
from mmrec.lists.top_k import Lists
from mmrec.settings import Settings
from mmrec.stages.model import factors as model_factors


def factors_keys_now(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """The stage keys that the factors would get now, by period."""
    return assets.declaration(settings, FACTORS).keys_by(model_factors.factors_keys, lake, settings, wanted)


def keys_behind(
    lake: Lake, settings: Settings, wanted: list[str], content: Iterable[str], *behind: str, **read: object
) -> dict[str, str]:
    """By period: what is read of settings, the content, and this period of the factors and of what is `behind`.

    If the stored factors are older than today's events or texts, lists built now would mix two states. The key that
    the factors would get today is therefore part of this key: the lists are made again once the factors catch up, or
    the change is taken back.
    """
    whole = {name: version for asset in content for name, version in ledger.data_version(lake, asset).items()}
    made, now = ledger.newest(lake, FACTORS), factors_keys_now(lake, settings, wanted)
    keys = {}
    for period in wanted:
        inputs = {n: v for asset in (FACTORS, *behind) for n, v in ledger.data_version(lake, asset, [period]).items()}
        ahead = {} if period in made and made[period].stage_key == now[period] else {"ahead": now[period]}
        keys[period] = ledger.stage_key(lake.code_version, {**read, **ahead}, {**whole, **inputs})
    return keys


def with_people(lake: Lake, wanted: Iterable[str]) -> list[str]:
    """The periods without those whose factors were made of nobody: before the first event there is no list."""
    known = ledger.newest(lake, FACTORS)
    return [period for period in sorted(wanted) if period not in known or known[period].rows]


def made_of_people(stale: Iterable[str], made: Mapping[str, Lists] | Mapping[str, Sentences]) -> dict[str, Made]:
    """What was made of stale periods; of a period without people nothing, and computed are the rows made anew."""
    return {p: Made(made[p].rows, made[p].fresh, work=made[p].work) for p in stale if p in made}


def people_by_way(made: Iterable[Lists] | Iterable[Sentences], ways: Iterable[str]) -> dict[str, int]:
    """For how many people a run's lists or sentences came about in which way, over the periods that had work."""
    counts = [each.people for each in made]
    return {f"people_{way}": sum(each[way] for each in counts) for way in ways}


def stand_in(settings: Settings) -> dict[str, str]:
    """A fact of the report where media are drawn stand-ins; else none."""
    drawn = ", ".join(settings.media.stand_in)
    return {"stand_in_media": f"drawn stand-ins, not real: {drawn}"} if drawn else {}
