"""recommendations: every person's list as of a period, its reasons in words, every item's neighbours, and the snapshot.

A list is a function of the person's factor, the item factors and the catalogue; neighbours are one of the fused vectors
alone. The snapshot publishes all of them: one row set that pins a Delta version of every table behind it, committed
last, so that a run that dies before leaves the last complete snapshot. It pins today's neighbours as it pins today's
catalogue: what is shown beside a list was made of the same items, and goes back with it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping

import polars as pl

from mmrec import tables
from mmrec.builds import assets, ledger, publishing
from mmrec.builds.assets import Keys
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.lists import neighbours
from mmrec.lists import reasons as sentences
from mmrec.lists import top_k as lists
from mmrec.lists.reasons import Sentences
from mmrec.lists.top_k import Lists
from mmrec.modalities import NAMES
from mmrec.published import events
from mmrec.published.features import Features
from mmrec.settings import Settings
from mmrec.stages import model

SNAPSHOTS = "ledger/snapshots"
_FACTORS = "model/factors"
PINNED = (
    "recommendations/top_k",
    "recommendations/reasons",
    neighbours.TABLE,
    "model/users",
    "model/items",
    "model/arrays",
    "model/versions",
    "model/evaluation",
    "fused/items",
    "validated/items",
    "validated/interactions",
    "validated/users",
    "embeddings/text/words",
    *(f"embeddings/{modality}/current" for modality in NAMES),
)


def top_k(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """The K best unseen items of every person with a factor, for each wanted period."""
    began = time.perf_counter()
    gate = events.gate(lake, wanted)
    keys = top_k_keys(lake, settings, gate.open)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    made: dict[str, Lists] = {}
    for period in _with_people(lake, stale):
        made[period] = lists.of_period(lake, settings, period, made)
    if stale:
        lists.note_states(lake, made)
        reports |= _publish_people(lake, lists.TABLE, made, stale, began)
    return publishing.report(
        lake,
        lists.TABLE,
        reports | _refused(gate),
        began,
        facts={"k": settings.recommendations.k, **_people(made.values(), lists.WAYS)},
        tables={"most recommended": _most_recommended(lake, gate.open)},
        warnings=gate.warnings,
    )


def reasons(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """One sentence for every recommended item, worded from the exact decomposition of its score."""
    began = time.perf_counter()
    gate = events.gate(lake, wanted)
    keys = reasons_keys(lake, settings, gate.open)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    made: dict[str, Sentences] = {}
    for period in _with_people(lake, stale):
        made[period] = sentences.of_period(lake, settings, period, made)
    if stale:
        reports |= _publish_people(lake, sentences.TABLE, made, stale, began)
    return publishing.report(
        lake,
        sentences.TABLE,
        reports | _refused(gate),
        began,
        warnings=gate.warnings,
        facts={**_people(made.values(), sentences.WAYS), **_stand_in(settings)},
    )


def similar_items(lake: Lake, settings: Settings) -> StageReport:
    """Every item's most similar items, by each modality and by all; only lists that a change reaches are made anew."""
    began = time.perf_counter()
    keys = similar_items_keys(lake, settings)
    reports = publishing.unchanged(lake, keys)
    anew = 0
    if not reports:
        rows, anew = _neighbours(lake)
        reports = publishing.publish(lake, neighbours.TABLE, rows, keys, began)
    return publishing.report(
        lake,
        neighbours.TABLE,
        reports,
        began,
        facts={"k": neighbours.LENGTH, "lists_made_anew": anew, **_stand_in(settings)},
        tables={"lists by modality": _by_modality(lake), "neighbours of some items": _neighbours_of_some(lake)},
    )


def snapshot(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Publishes each wanted period by one row set, when what it shows differs from what was last published."""
    began = time.perf_counter()
    # Taken before the ledger is read: a part that another run writes meanwhile has lost its key there, and is missing.
    versions = {table: version for table in PINNED if (version := lake.version(table)) is not None}
    keys = snapshot_keys(lake, settings, wanted)
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    reports |= _publish(lake, stale, versions, began)
    missing = sorted(set(wanted) - set(keys))
    parts = "lists, reasons, similar items and evaluation"
    told = f"{', '.join(missing[:5])} has no {parts} of one state; materialize those first"
    return publishing.report(
        lake,
        SNAPSHOTS,
        reports,
        began,
        tables={"pinned tables": _pins(lake, max(reports, default=""))},
        problem=told if missing else None,
    )


def top_k_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the lists by period; a title is not in them."""
    return _keys(lake, settings, wanted, ("fused/items",), k=settings.recommendations.k)


def reasons_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the reasons by period."""
    return _keys(lake, settings, wanted, ("fused/items", "validated/items"), lists.TABLE)


def similar_items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the neighbours; a title is not in it."""
    return {WHOLE: ledger.stage_key(lake.code_version, {}, ledger.data_version(lake, "fused/items"))}


def snapshot_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys of the snapshots by period. A period has none when a part of it is not there or not up to date.

    Parts that were made from different states must not be published together: the newest build of each must have the
    key that it would get now.
    """
    content = ledger.data_version(lake, "validated/items") | ledger.data_version(lake, "fused/items")
    built = {asset: ledger.newest(lake, asset) for asset in _KEYS_BEHIND}
    now = {
        asset: assets.declaration(settings, asset).keys_by(find, lake, settings, wanted)
        for asset, find in _KEYS_BEHIND.items()
    }
    keys = {}
    for period in wanted:
        own = {}
        for asset in _KEYS_BEHIND:
            part = WHOLE if WHOLE in now[asset] else period
            made = built[asset].get(part)
            if made and made.stage_key == now[asset].get(part):
                own[f"{asset}@{part}"] = made.data_version
        if len(own) == len(_KEYS_BEHIND):
            keys[period] = ledger.stage_key(lake.code_version, {}, {**own, **content})
    return keys


_KEYS_BEHIND: dict[str, Keys] = {  # what a snapshot is made of
    "recommendations/top_k": top_k_keys,
    "recommendations/reasons": reasons_keys,
    neighbours.TABLE: similar_items_keys,
    _FACTORS: model.factors_keys,
    "model/evaluation": model.evaluation_keys,
}


def _factors_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    return assets.declaration(settings, _FACTORS).keys_by(model.factors_keys, lake, settings, wanted)


def _publish(lake: Lake, stale: dict[str, str], versions: dict[str, int], began: float) -> dict[str, PeriodReport]:
    now = dt.datetime.now(dt.UTC)
    rows, reports = [], {}
    for period, key in sorted(stale.items()):
        name = canonical_digest([period, key])[:16]
        rows += [
            {"snapshot": name, "period": period, "table": table, "version": version, "run_id": lake.run_id, "at": now}
            for table, version in versions.items()
        ]
        reports[period] = PeriodReport(len(versions), name, computed=len(versions), seconds=time.perf_counter() - began)
    if rows:
        ledger.begin(lake, stale)
        lake.append(SNAPSHOTS, pl.DataFrame(rows))
    ledger.record(lake, reports, stale)
    return reports


def _pins(lake: Lake, period: str) -> pl.DataFrame:
    """What the newest snapshot of a period pins."""
    rows = lake.scan(SNAPSHOTS).filter(pl.col("period") == period).collect()
    return rows.filter(pl.col("at") == pl.col("at").max()).select("snapshot", "table", "version").sort("table")


def _refused(gate: events.Gate) -> dict[str, PeriodReport]:
    return {period: PeriodReport(0, publishing.EMPTY, refused=told) for period, told in gate.refused.items()}


def _keys(
    lake: Lake, settings: Settings, wanted: list[str], content: Iterable[str], *behind: str, **read: object
) -> dict[str, str]:
    """By period: what is read of settings, the content, and this period of the factors and of what is `behind`.

    Where factors rest on other events or words than there are now, what is made of both is of neither, and must be made
    again when one of them comes back: the key that the factors would get is then part of it.
    """
    whole = {name: version for asset in content for name, version in ledger.data_version(lake, asset).items()}
    made, now = ledger.newest(lake, _FACTORS), _factors_keys(lake, settings, wanted)
    keys = {}
    for period in wanted:
        inputs = {n: v for asset in (_FACTORS, *behind) for n, v in ledger.data_version(lake, asset, [period]).items()}
        ahead = {} if period in made and made[period].stage_key == now[period] else {"ahead": now[period]}
        keys[period] = ledger.stage_key(lake.code_version, {**read, **ahead}, {**whole, **inputs})
    return keys


def _with_people(lake: Lake, wanted: Iterable[str]) -> list[str]:
    """The periods without those whose factors were made of nobody: before the first event there is no list."""
    known = ledger.newest(lake, _FACTORS)
    return [period for period in sorted(wanted) if period not in known or known[period].rows]


def _publish_people(
    lake: Lake, table: str, made: Mapping[str, Lists] | Mapping[str, Sentences], stale: dict[str, str], began: float
) -> dict[str, PeriodReport]:
    rows = pl.concat([tables.contract(table).empty(), *[each.rows for each in made.values()]])
    computed = {period: made[period].fresh if period in made else 0 for period in stale}
    return publishing.publish(lake, table, rows, stale, began, computed=computed)


def _people(made: Iterable[Lists] | Iterable[Sentences], ways: Iterable[str]) -> dict[str, int]:
    """For how many people a run's lists or sentences came about in which way, over the periods that had work."""
    counts = [each.people for each in made]
    return {f"people_{way}": sum(each[way] for each in counts) for way in ways}


def _neighbours(lake: Lake) -> tuple[pl.DataFrame, int]:
    """Every row of the table as of now, and how many lists were made anew."""
    features = Features(lake)
    old = lake.scan(neighbours.TABLE).collect()
    made = [
        neighbours.brought_up_to_date(old, by, features.item_ids, blocks, lake.code_version)
        for by, blocks in neighbours.kinds(features.blocks).items()
    ]
    rows = pl.concat([tables.contract(neighbours.TABLE).empty(), *[rows for rows, _ in made]])
    return rows, sum(anew for _, anew in made)


def _by_modality(lake: Lake) -> pl.DataFrame:
    """How near neighbours are, and how often the item that is on most lists is on one."""
    rows = lake.scan(neighbours.TABLE)
    nearest = rows.group_by("by").agg(
        items=pl.col("item_id").n_unique(),
        similarity_of_first=pl.col("similarity").filter(pl.col("rank") == 1).mean(),
        similarity_of_last=pl.col("similarity").filter(pl.col("rank") == neighbours.LENGTH).mean(),
    )
    listed = rows.group_by("by", "neighbour").agg(lists=pl.len()).group_by("by").agg(most_listed=pl.col("lists").max())
    return nearest.join(listed, on="by").sort("by").collect()


def _neighbours_of_some(lake: Lake, count: int = 3) -> pl.DataFrame:
    """A few items from all over the catalogue by title, each with the titles of its first neighbours."""
    titles = lake.scan("validated/items").select("item_id", "title").sort("item_id").collect()
    some = titles.gather_every(max(1, titles.height // count)).head(count)
    named = titles.lazy().select(neighbour="item_id", neighbours="title")
    return (
        lake.scan(neighbours.TABLE)
        .filter(pl.col("rank") <= 5)
        .join(some.lazy(), on="item_id")
        .join(named, on="neighbour")
        .sort("item_id", "by", "rank")
        .group_by("item_id", "title", "by", maintain_order=True)
        .agg(pl.col("neighbours").str.join("; "))
        .collect()
    )


def _stand_in(settings: Settings) -> dict[str, str]:
    drawn = ", ".join(settings.media.stand_in)
    return {"stand_in_media": f"drawn stand-ins, not real: {drawn}"} if drawn else {}


def _most_recommended(lake: Lake, open_periods: list[str]) -> pl.DataFrame:
    """The items that most people have on their list of the newest period."""
    newest = max(open_periods, default="")
    titles = lake.scan("validated/items").select("item_id", "title")
    return (
        lake.scan("recommendations/top_k")
        .filter(pl.col("period") == newest)
        .group_by("item_id")
        .agg(people=pl.len())
        .join(titles, on="item_id", how="left")
        .sort("people", "item_id", descending=[True, False])
        .head(10)
        .collect()
    )
