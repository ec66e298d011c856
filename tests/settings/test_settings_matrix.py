"""The whole pipeline over the settings that change data, held against plain Python (`tests/helpers/plain_shop.py`).

In the short suite every pair of values is tried, of all settings at once. In the long one every combination of those
that a calendar and its events are read by, each with everything else drawn at random.
"""

import datetime as dt
import itertools
import json
import random
import re
import shutil
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import pytest

from mmrec import periods, tables
from mmrec.builds import assets
from mmrec.lake.store import Lake
from mmrec.planning import graph, plan, walk
from mmrec.published import events as history
from mmrec.published.weighing import Weighing
from mmrec.quality import suites
from mmrec.queries import recommend, why
from mmrec.queries import why as why_module
from mmrec.verification import oracle, scope
from tests.helpers import settings_table as table
from tests.helpers.memory_lake import MemoryLake
from tests.helpers.plain_data import NAMES
from tests.helpers.plain_shop import PlainShop, grouped, kind
from tests.helpers.quick_judge import judge_quickly
from tests.helpers.settings_table import COMBINATIONS

FULL = ("calendar.period", "calendar.end", "interactions.columns.event", "model.split", "embeddings.*.precision")


def judge(asset, candidate, settings):
    """As the contract does, by counting: the rows, and the shares of rejected ones and of events of unknown items."""
    landed, quality = candidate.landed, settings.quality
    unknown = (~landed["known"]).sum() if "known" in landed.columns else 0
    allowed = 1.0 if quality.max_unknown_item_share is None else quality.max_unknown_item_share
    passed = {
        "volume": quality.min_rows <= landed.height <= quality.max_rows,
        "references": unknown <= allowed * landed.height,
    }
    checks = judge_quickly(asset, candidate, settings)
    return [replace(check, passed=passed.get(check.name, check.passed)) for check in checks]


def run(shop, lake):
    """asset → its report, of everything that landed and of the lists of the newest period with events."""
    reports = {}
    for node in graph.nodes(shop.settings):
        wanted = [shop.last] if node.stage in ("model", "recommendations") else shop.calendar
        reports[node.asset] = node.run(lake.pinned({}), shop.settings, wanted, "run")
        if node.asset != tables.VALIDATED_INTERACTIONS:
            reports[node.asset].raise_if_refused()
    return reports


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Delivers a combination's files and runs everything, on the day on which an open calendar ends."""

    def make(row, turn, lake=None):
        shop = PlainShop(tmp_path / f"{turn}", row, turn)
        shop.deliver()
        monkeypatch.setattr(periods, "dt", SimpleNamespace(**vars(dt) | {"datetime": clock(shop.now)}))
        monkeypatch.setattr(why, "TOP_EVENTS", 1000)
        lake = MemoryLake("memory") if lake is None else lake(shop)
        return shop, lake, run(shop, lake)

    return make


def clock(at):
    """`datetime` with the clock standing still."""

    class Standing(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return at.astimezone(tz)

    return Standing


def rows(lake, name, **equal):
    found = lake.pinned({}).scan(name).filter(*[pl.col(column) == value for column, value in equal.items()])
    return found.collect().rows(named=True)


@pytest.mark.parametrize(
    "turn", range(len(COMBINATIONS)), ids=lambda turn: f"{turn}-{COMBINATIONS[turn]['calendar.timezone']}"
)
def test_every_pair_of_settings(made, monkeypatch, turn):
    monkeypatch.setattr(suites, "judge", judge)
    shop, lake, reports = made(COMBINATIONS[turn], turn)
    check(shop, lake, reports)


def check(shop, lake, reports):
    """Everything that must hold of a lake that was made once."""
    check_landed(shop, lake, reports)
    check_judged(shop, lake, reports)
    check_content(shop, lake)
    check_histories(shop, lake)
    check_model(shop, lake)
    check_lists(shop, lake)
    check_answers(shop, lake)
    check_nothing_is_left_to_do(shop, lake)


def check_landed(shop, lake, reports):
    landed = rows(lake, "raw/interactions")
    key = ("source_file", "source_row", "period")
    assert_same([tuple(row[name] for name in key) for row in landed], [(e.file, e.row, e.period) for e in shop.landed])
    assert {period: each.rows for period, each in reports["raw/interactions"].periods.items()} == {
        period: sum(row.period == period for row in shop.landed) for period in shop.calendar
    }


def check_judged(shop, lake, reports):
    """landed = valid + rejected + duplicate + ignored, and each row is what it should be."""
    expected = [(row.file, row.row, row.rule) for row in shop.landed if row.rule != "ok"]
    kept_out = rows(lake, "validated/rejected", table="interactions")
    assert_same([(row["source_file"], row["source_row"], row["rule"]) for row in kept_out], expected)
    assert Counter(row["kind"] for row in kept_out) == Counter(kind(rule) for *_, rule in expected)
    good = rows(lake, tables.VALIDATED_INTERACTIONS)
    names = ("source_file", "source_row", "period", "user_id", "item_id", "event", "value", "time", "query")
    assert_same(
        [tuple(row[name] for name in names) for row in good],
        [(e.file, e.row, e.period, e.user, e.item, e.kind, e.value, e.time, e.query) for e in shop.events],
    )
    told = reports[tables.VALIDATED_INTERACTIONS].periods
    assert {period for period, each in told.items() if each.refused} == shop.refused
    assert sum(each.rejected for each in told.values()) == sum(kind(row.rule) == "rejected" for row in shop.landed)
    warned = [c.period for c in reports[tables.VALIDATED_INTERACTIONS].checks if c.name == "volume" and not c.passed]
    quality, counts = shop.settings.quality, Counter(row.period for row in shop.landed)
    assert sorted(warned) == sorted(p for p, n in counts.items() if not quality.min_rows <= n <= quality.max_rows)


def check_content(shop, lake):
    """The catalogue as it was read, and a vector of each input."""
    found = {row["item_id"]: row for row in rows(lake, "validated/items")}
    assert found.keys() == shop.items.keys()
    named = shop.settings.items.columns
    for item_id, item in shop.items.items():
        row = found[item_id]
        assert row["title"] == item.title
        assert row["text"] == shop.text(item)
        assert (row["categories"] is not None) == (bool(named.categories) and item.number % 2 == 1)
        assert json.loads(row["attributes"] or "{}") == shop.attributes(item)
        for name in NAMES[1:]:
            assert (row[f"{name}_hash"] is not None) == (bool(getattr(named, name)) and name in item.files)
    inputs = {item_id: shop.modalities(item) for item_id, item in shop.items.items()}
    assert {row["item_id"]: row["modalities"] for row in rows(lake, "fused/current")} == inputs
    for name, embedding in shop.settings.embeddings.items():
        current = rows(lake, f"embeddings/{name}/current")
        assert {row["item_id"] for row in current} == {item for item, has in inputs.items() if name in has}
        vectors = {row["key"]: row["vector"] for row in rows(lake, f"embeddings/{name}/vectors")}
        assert {len(vector) for vector in vectors.values()} == {int(embedding.encoder.removeprefix("hash:"))}
        assert rows(lake, f"embeddings/{name}/failed") == []
    said = grouped(rows(lake, "embeddings/text/words"), lambda row: row["user_id"], lambda row: row["input_hash"])
    assert {user: set(hashes) for user, hashes in said.items()} == shop.words
    if shop.row["users.files"]:
        agreed = {row["user_id"] for row in rows(lake, "validated/users") if row["consent"] == "yes"}
        assert agreed == shop.consenting.keys()


def assert_same(found, expected):
    """The same rows in any order; a few of those that differ (pytest would compare all of them for minutes)."""
    found, expected = Counter(found), Counter(expected)
    assert (list(found - expected)[:3], list(expected - found)[:3]) == ([], [])


def version_of(shop, lake):
    [name] = {row["version"] for row in rows(lake, "model/users", period=shop.last)}
    [version] = rows(lake, "model/versions", version=name)
    return version


def read_by(version):
    """The modalities that the served model reads."""
    choice = json.loads(version["choice"])
    return {name for name, weight in (choice["block_weights"] or choice["placing"] or {}).items() if weight}


def check_histories(shop, lake):
    """Who met and liked what, what it weighs, and what the model was fitted on."""
    version = version_of(shop, lake)
    assert version["boundary"] == shop.boundary
    events = history.read(lake.pinned({}), shop.settings, shop.last, Weighing.from_json(version["weighing"]))
    found = grouped(events.rows(named=True), lambda row: (row["user_id"], row["item_id"]), lambda row: row["weight"])
    assert found.keys() == shop.met.keys()
    for pair, weights in shop.met.items():
        assert sorted(found[pair]) == pytest.approx(sorted(weights), rel=1e-12)
    fitted = {row["item_id"]: row["events"] for row in rows(lake, "model/items", version=version["version"])}
    assert Counter(fitted) == shop.warm
    assert fitted.keys() == shop.items.keys() | shop.warm.keys()
    known = {row["user_id"]: (row["events"], row["words"]) for row in rows(lake, "model/users", period=shop.last)}
    words = shop.words if "text" in read_by(version) else {}
    likes = Counter(user for (user, _), weights in shop.met.items() for weight in weights if weight)
    assert known == {user: (likes[user], len(words.get(user, ()))) for user in likes.keys() | words.keys()}


def check_model(shop, lake):
    """What the model was made with, and on how many people it was validated."""
    version, wanted = version_of(shop, lake), shop.settings.model
    hyper = json.loads(version["choice"])["hyper"]
    assert [hyper[name] for name in ("width", "sweeps", "seed")] == [wanted.width, wanted.sweeps, wanted.seed]
    people = rows(lake, "model/users", period=shop.last)
    assert {len(row["factor"]) for row in people} == {wanted.width}
    assert {row["text_weight"] for row in people} == {shop.settings.users.weight if shop.settings.users else 0.0}
    low, high = shop.held_out()
    figures = {row["split"]: row for row in rows(lake, "model/evaluation", model="mf", segment="all", metric="NDCG@20")}
    told = {split: re.match(r"too little history: (\d+) people", row["note"] or "") for split, row in figures.items()}
    if told.get("validation"):  # then there is no other figure
        assert low <= int(told["validation"][1]) <= high
        assert figures.keys() == {"validation"}
    else:
        assert high >= 10 and (told["test"] or low <= figures["validation"]["people"] <= high)


def check_lists(shop, lake):
    """Whoever likes something that has a place has a list, of items of the catalogue that they have not met."""
    reads = read_by(version_of(shop, lake))
    placed = {item for item, entry in shop.items.items() if shop.warm[item] or reads & set(shop.modalities(entry))}
    words = shop.words if "text" in reads else {}
    has_place = placed | shop.warm.keys()
    expected = {user for user, items in shop.liked.items() if has_place & set(items)} | words.keys()
    lists = grouped(sorted(rows(lake, "recommendations/top_k", period=shop.last), key=lambda row: row["rank"]), by_user)
    met = grouped(shop.met, lambda pair: pair[0], lambda pair: pair[1])
    left = {user: placed - set(met.get(user, ())) for user in expected}
    assert lists.keys() == {user for user in expected if left[user]}
    for user, items in lists.items():
        length = min(shop.row["recommendations.k"], len(left[user]))
        assert [row["rank"] for row in items] == list(range(1, length + 1))
        assert {row["item_id"] for row in items} <= left[user]
        assert len({row["item_id"] for row in items}) == length
        assert [row["score"] for row in items] == sorted((row["score"] for row in items), reverse=True)
    reasons = {(row["user_id"], row["item_id"]) for row in rows(lake, "recommendations/reasons", period=shop.last)}
    assert reasons == {(user, row["item_id"]) for user, items in lists.items() for row in items}


def by_user(row):
    return row["user_id"]


def check_answers(shop, lake):
    """What commands say of somebody is what the lake holds."""
    lists = grouped(sorted(rows(lake, "recommendations/top_k", period=shop.last), key=lambda row: row["rank"]), by_user)
    user = sorted(lists)[shop.turn % len(lists)]
    shown = recommend.recommend(lake.pinned({}), shop.settings, user)
    assert (shown["period"], shown["stand_in_media"]) == (shop.last, shop.row["media.stand_in"])
    assert [row["item_id"] for row in shown["items"]] == [row["item_id"] for row in lists[user]]
    why = why_module.why(lake.pinned({}), shop.settings, user)
    assert why["score"] == shown["items"][0]["score"]
    assert sum(event["share"] for event in why["events"]) == pytest.approx(why["score"], abs=1e-9)
    assert sum(why["through"].values()) == pytest.approx(why["score"], abs=1e-9)
    carried = {event["item_id"] for event in why["events"]}
    assert carried >= set(shop.liked.get(user, ())) & shop.warm.keys()
    assert why["content"].get("attributes", {}) == shop.attributes(shop.items[why["item_id"]])


def check_nothing_is_left_to_do(shop, lake):
    """A second run computes nothing. A refused period is judged again by every run: only then is something planned, and
    as if it passed this time, its events' own words among it.
    """
    again = run(shop, lake)
    assert {asset: each.total("computed") for asset, each in again.items() if each.total("computed")} == {}
    assert {asset: each.facts["keys_planned"] for asset, each in again.items() if each.facts.get("keys_planned")} == {}
    planned = walk.plan(lake.pinned({}), shop.settings, [shop.last]).rows
    assert shop.refused or planned == []
    assert {row.asset for row in planned} <= {tables.VALIDATED_INTERACTIONS, assets.embedding("text")} | {
        row.asset for row in planned if row.reason == plan.UPSTREAM
    }


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", range(len(table.ODD_DAYS)), ids=list(table.ODD_DAYS))
def test_every_combination_of_what_events_are_read_by(made, zone):
    """With the real contract, on a lake of files; and the oracle finds it equal."""
    draw = random.Random(zone)
    for turn, values in enumerate(itertools.product(range(2), repeat=len(FULL))):
        row = table.drawn(draw, **{"calendar.timezone": zone}, **dict(zip(FULL, values, strict=True)))
        shop, lake, reports = made(row, turn, lambda shop: Lake(shop.settings.lake_root))
        check(shop, lake, reports)
        chosen = scope.choose(lake.pinned({}), shop.settings, shop.last)
        found = [each.table for each in oracle.verify(lake.pinned({}), shop.settings, chosen) if not each.equal]
        assert found == [], row
        shutil.rmtree(shop.folder)
