"""What a lake holds is a function of its files, whenever they came: grown day by day, or built at once from the same.

The catalogue of these shops is what is on sale: items leave it, and what people liked stays known.
"""

import pytest

from mmrec.planning import graph
from mmrec.queries import why as why_module
from mmrec.verification import oracle, scope

HELD = ("raw/interactions", "validated/interactions", "validated/items", "validated/rejected")


def without_content(shop):
    """Plain factors: what content an item had when factors were fitted is a named input of a lake that has grown."""
    shop.settings = shop.settings.model_copy(update={"embeddings": {}})
    return shop


def build(shop, periods):
    for node in graph.nodes(shop.settings):
        shop.run(node.asset, periods=periods[-1:] if node.stage in ("model", "recommendations") else shop.days)


def on_sale(at):
    """The items of a day's catalogue: some leave, others come."""
    return [f"item-{index:02},Title {index},A thing number {index}," for index in range(3 * at, 3 * at + 7)]


def rows(shop, table):
    found = shop.scan(table)
    return found.sort(found.columns, nulls_last=True).rows()


@pytest.fixture(scope="module")
def grown_and_at_once(make_shop, tmp_path_factory):
    grown, at_once = (without_content(make_shop(tmp_path_factory.mktemp(name))) for name in ("grown", "once"))
    lines = {day: grown.lines(day) for day in grown.days}
    for day in grown.days:
        grown.events_file(day).unlink()
    for at, day in enumerate(grown.days):
        grown.write_catalogue(on_sale(at))
        grown.write_events(day, lines[day])
        build(grown, grown.days[: at + 1])
    at_once.write_catalogue(on_sale(len(grown.days) - 1))
    build(at_once, at_once.days)
    return grown, at_once


def test_both_hold_the_same(grown_and_at_once):
    grown, at_once = grown_and_at_once
    for table in HELD:
        assert rows(grown, table) == rows(at_once, table), table
    assert grown.rows("validated/interactions") == sum(len(grown.lines(day)) for day in grown.days)


def test_both_give_the_same_lists_to_the_last_bit(grown_and_at_once):
    last = grown_and_at_once[0].days[-1]
    for table, columns in (
        ("recommendations/top_k", ("user_id", "rank", "item_id", "score")),
        ("recommendations/reasons", ("user_id", "rank", "item_id", "reason", "evidence")),
        ("model/users", ("user_id", "events", "factor")),
    ):
        grown, at_once = (shop.scan(table, period=last).select(columns).sort(columns[:2]) for shop in grown_and_at_once)
        assert grown.height
        assert grown.equals(at_once), table


def test_items_that_left_are_in_histories_and_in_no_list(grown_and_at_once):
    grown, _ = grown_and_at_once
    sold = {line.split(",")[0] for line in on_sale(len(grown.days) - 1)}
    last = grown.days[-1]
    assert set(grown.scan("recommendations/top_k", period=last)["item_id"]) <= sold
    met = grown.scan("validated/interactions", user_id=grown.people[1])["item_id"].drop_nulls()
    assert set(met) - sold
    why = why_module.why(grown.lake, grown.settings, grown.people[1])
    gone = [row for row in why["events"] if row["item_id"] not in sold]
    assert gone and all(row["title"] is None for row in gone)


def test_a_run_says_how_much_of_what_people_did_is_about_items_of_no_catalogue(grown_and_at_once):
    grown, _ = grown_and_at_once
    node = graph.node(grown.settings, "model/factors")
    known, new = node.run(grown.lake, grown.settings, grown.days[-1:], "again").warnings
    assert "items that the catalogue does not name" in known
    assert grown.days[-1] in known
    assert new.startswith(
        "without a place in any list are new items: 2 (item-14, item-15); the model that won the search"
    )


def test_the_oracle_finds_the_grown_lake_equal(grown_and_at_once):
    grown, _ = grown_and_at_once
    chosen = scope.choose(grown.lake, grown.settings, grown.days[-1])
    assert [one.table for one in oracle.verify(grown.lake, grown.settings, chosen) if not one.equal] == []
