"""Lists are complete, unseen, in the certified order and reproducible; a snapshot publishes them or nothing."""

import json

import numpy as np
import polars as pl
import pytest

from mmrec import tables
from mmrec.lake.store import Lake
from mmrec.published import snapshots, state
from mmrec.queries import recommend

TOP_K, REASONS, SNAPSHOT = "recommendations/top_k", "recommendations/reasons", "recommendations/snapshot"
LISTS = ("model/factors", TOP_K)


def lists(shop, day):
    """person → [(item, score)] in order of rank."""
    found = shop.scan(TOP_K, period=day).sort("user_id", "rank")
    return {
        u: list(zip(items, scores, strict=True))
        for u, items, scores in found.group_by("user_id").agg("item_id", "score").iter_rows()
    }


def view(shop, person, item, day, hour=23):
    shop.write_events(day, [*shop.lines(day), f"{person},{item},{day}T{hour}:59:59,view,,"])


def answer(shop, *assets):
    """Runs these assets (from the factors to the snapshot without any) for the last day."""
    return shop.run(*(assets or shop.answers), periods=shop.days[-1:])


def answers(shop):
    """What three people are told to watch."""
    return {person: recommend.recommend(shop.lake, shop.settings, person) for person in shop.people[3:6]}


# -- lists -------------------------------------------------------------------------------------------------------------


def test_everybody_has_a_full_list_of_unseen_items_in_every_period(built):
    for day in built.days:
        found = lists(built, day)
        assert set(found) == set(built.people)
        events = built.scan("validated/interactions").filter(
            (pl.col("period") <= day) & pl.col("item_id").is_not_null()
        )
        for person, listed in found.items():
            items = [item for item, _ in listed]
            seen = set(events.filter(pl.col("user_id") == person)["item_id"])
            assert not seen & set(items)
            assert len(items) == len(set(items)) == min(3, 15 - len(seen))


def test_lists_are_what_scoring_everything_gives(built):
    day = built.days[-1]
    now = state.load(built.lake, built.settings, day)
    everything = np.tile(np.arange(len(now.item_ids)), (len(now.user_ids), 1))
    scores = now.scores.exact(np.arange(len(now.user_ids)), everything)
    found = lists(built, day)
    for row, person in enumerate(now.user_ids):
        begin, end = now.histories.indptr[row : row + 2]
        seen = set(now.histories.items[begin:end].tolist())
        order = sorted(set(range(len(now.item_ids))) - seen, key=lambda at: (-scores[row, at], now.item_ids[at]))
        assert [item for item, _ in found[person]] == [now.item_ids[at] for at in order[:3]]
        assert [score for _, score in found[person]] == [scores[row, at] for at in order[:3]]


def test_ranks_count_from_one(built):
    for _, group in built.scan(TOP_K).group_by("period", "user_id"):
        assert sorted(group["rank"]) == list(range(1, group.height + 1))


def test_a_longer_list_begins_with_the_shorter_one(shop):
    before = lists(shop, shop.days[-1])
    shop.configure(recommendations={"k": 5})
    shop.run(TOP_K)
    for person, listed in lists(shop, shop.days[-1]).items():
        assert listed[: len(before[person])] == before[person]
    assert max(len(each) for each in lists(shop, shop.days[-1]).values()) == 5


def test_a_removed_item_is_on_no_list(shop):
    gone = shop.scan(TOP_K, period=shop.days[-1])["item_id"].mode().sort()[0]
    shop.remove_item(gone)
    shop.run(*shop.content)
    answer(shop, *LISTS)
    assert gone not in set(shop.scan(TOP_K, period=shop.days[-1])["item_id"])


def test_a_new_item_like_a_liked_one_can_be_recommended_at_once(shop):
    for number in range(3):
        shop.add_item(f"item-9{number},New {number},A thing number {number},item-0{number}.png")
    shop.run(*shop.content)
    answer(shop, *LISTS)
    assert {item for item in shop.scan(TOP_K, period=shop.days[-1])["item_id"] if item.startswith("item-9")}


def test_only_people_whose_events_changed_get_other_lists(shop):
    before = shop.scan(TOP_K)
    view(shop, shop.people[4], lists(shop, shop.days[-1])[shop.people[4]][0][0], shop.days[-1])
    shop.run(*shop.events)
    reports = shop.run(*LISTS)
    after = shop.scan(TOP_K)
    changed = after.join(before, on=after.columns, how="anti")
    assert set(changed.select("period", "user_id").unique().rows()) == {(shop.days[-1], shop.people[4])}
    assert reports[TOP_K].total("computed") <= 3
    assert {p for p, each in reports[TOP_K].periods.items() if each.computed} == {shop.days[-1]}


def test_a_second_run_computes_and_writes_nothing(shop):
    tables = (TOP_K, REASONS, "ledger/snapshots", "ledger/builds")
    before = {table: shop.lake.version(table) for table in tables}
    for report in shop.run(TOP_K, REASONS, SNAPSHOT).values():
        assert report.total("computed") == 0
        assert report.total("reused") == report.total("rows") > 0
    assert {table: shop.lake.version(table) for table in tables} == before


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_every_recommended_item_has_a_reason_in_words_with_its_evidence(built):
    rows = built.scan(REASONS)
    assert (
        rows.select("period", "user_id", "rank", "item_id").sort("period", "user_id", "rank").rows()
        == built.scan(TOP_K).select("period", "user_id", "rank", "item_id").sort("period", "user_id", "rank").rows()
    )
    assert rows["reason"].str.ends_with(".").all()
    assert not rows["reason"].str.contains("zq-person").any()
    scores = {row[:3]: row[3] for row in built.scan(TOP_K).select("period", "user_id", "rank", "score").iter_rows()}
    for row in rows.iter_rows(named=True):
        through = json.loads(row["evidence"])["through"]
        assert np.isclose(sum(through.values()), scores[row["period"], row["user_id"], row["rank"]], atol=1e-4)


def test_a_new_title_changes_the_reasons_that_name_it_and_no_list(shop):
    before, old = shop.scan(TOP_K), shop.scan(REASONS)
    title = "Title 12"
    shop.edit_item("item-12", title="A film by any other name")
    shop.run(*shop.content, *shop.events)
    reports = shop.run(*LISTS, REASONS)
    assert shop.scan(TOP_K).sort("period", "user_id", "rank").equals(before.sort("period", "user_id", "rank"))
    assert reports[TOP_K].total("computed") == 0
    naming = old["reason"].str.contains(title).sum()
    assert 0 < naming == shop.scan(REASONS)["reason"].str.contains("A film by any other name").sum()


# -- snapshots ---------------------------------------------------------------------------------------------------------


def test_a_snapshot_pins_every_table_behind_a_period(built):
    pins = snapshots.pinned(built.lake, built.days[-1])
    assert set(pins) == {table.name for table in tables.ALL if table.pinned and built.lake.exists(table.name)}
    assert pins == {table: built.lake.version(table) for table in pins}


def test_later_writes_do_not_reach_a_published_list(shop):
    before = answers(shop)
    damaged = shop.scan(TOP_K).with_columns(item_id=pl.lit("item-00"))
    shop.lake.replace(TOP_K, damaged)
    shop.lake.replace("validated/items", shop.scan("validated/items").with_columns(title=pl.lit("other")))
    shop.lake.compact(TOP_K)
    assert answers(shop) == before


@pytest.mark.parametrize("last", [TOP_K, REASONS])
@pytest.mark.full
def test_a_run_that_dies_on_the_way_leaves_the_last_complete_snapshot(shop, last):
    before = answers(shop)
    person = shop.people[4]
    view(shop, person, before[person]["items"][0]["item_id"], shop.days[-1])
    shop.run(*shop.events)
    answer(shop, *shop.answers[: shop.answers.index(last) + 1])
    assert answers(shop) == before
    answer(shop)
    after = answers(shop)
    assert {each for each in after if after[each] != before[each]} == {person}


@pytest.mark.parametrize(
    ("moment", "table"),
    [("after", TOP_K), ("before", REASONS), ("before", "ledger/snapshots"), ("after", "ledger/snapshots")],
)
@pytest.mark.full
def test_a_run_killed_at_a_commit_publishes_nothing_and_the_next_run_finishes(shop, monkeypatch, table, moment):
    before = answers(shop)
    person = shop.people[4]
    view(shop, person, before[person]["items"][0]["item_id"], shop.days[-1])
    shop.run(*shop.events)
    commit = Lake._commit

    def dying(self, name, attempt):
        if name == table and moment == "before":
            raise KeyboardInterrupt
        version = commit(self, name, attempt)
        if name == table:
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "_commit", dying)
        with pytest.raises(KeyboardInterrupt):
            answer(shop)
    if (table, moment) != ("ledger/snapshots", "after"):
        assert answers(shop) == before
    answer(shop)
    after = answers(shop)
    assert {each for each in after if after[each] != before[each]} == {person}
    assert all(report.total("computed") == 0 for report in answer(shop).values())


def test_a_snapshot_of_a_period_that_lacks_something_says_what_to_do(fused_shop):
    fused_shop.run("model/factors", TOP_K)
    report = fused_shop.run(SNAPSHOT, periods=fused_shop.days[:2], strict=False)
    assert report.refusals == [
        f"{', '.join(fused_shop.days[:2])} has no lists, reasons, similar items and evaluation of one state; "
        "materialize those first"
    ]
    assert fused_shop.rows("ledger/snapshots") == 0


@pytest.mark.full
def test_a_new_title_alone_is_published_too(shop):
    quiet = shop.items[-1]
    shop.add_item("item-99,Old name,A thing number 4,item-04.png")
    shop.run(*shop.content)
    answer(shop)
    shop.edit_item("item-99", title="New name")
    shop.edit_item(quiet, title="Nobody names it")
    shop.run(*shop.content)
    answer(shop)
    titles = {row["title"] for answer in answers(shop).values() for row in answer["items"]}
    assert "Old name" not in titles
    pinned = shop.lake.pinned(snapshots.pinned(shop.lake, shop.days[-1])).scan("validated/items").collect()
    assert "Nobody names it" in set(pinned["title"])


# -- reproducible ------------------------------------------------------------------------------------------------------


def test_two_fresh_lakes_agree_on_versions_and_bytes(new_shop, built):
    reports = new_shop.run()
    old = {each.asset: each for each in built.run().values()}
    for asset, report in reports.items():
        assert {p: each.data_version for p, each in report.periods.items()} == {
            p: each.data_version for p, each in old[asset].periods.items()
        }, asset
    for table in (
        TOP_K,
        REASONS,
        "model/users",
        "model/versions",
        "model/evaluation",
        "fused/current",
        "fused/vectors",
    ):
        mine, theirs = (
            each.scan(table)
            .drop("at", strict=False)
            .sort(pl.all().exclude(pl.List(pl.Float64), pl.List(pl.Float32), pl.List(pl.String)))
            for each in (new_shop, built)
        )
        assert mine.equals(theirs), table
