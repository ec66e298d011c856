"""The oracle: a lake that is right is equal to the last bit, however it has grown; changed sources are no damage."""

import os

import polars as pl
import pytest

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.graph import nodes
from mmrec.tables import VECTOR
from mmrec.verification import oracle, rebuild, scope
from mmrec.verification import vectors as reencoded
from mmrec.verification.differences import list_hashes
from tests.helpers.verified import LAST, VECTORS, differing, hold, nudged
from tests.published.test_words import LONELY, NO, YES, profiles, with_people

REVIEWED = "user_id,item_id,time,event,rating,query,review"


def verified(shop, period=None, last=None, **options):
    """table → outcome of a whole verification."""
    chosen = scope.choose(shop.lake, shop.settings, period, last)
    return {outcome.table: outcome for outcome in oracle.verify(shop.lake, shop.settings, chosen, **options)}


# -- a lake that is right ----------------------------------------------------------------------------------------------


def test_a_lake_is_equal_to_what_a_rebuild_gives_and_stays_untouched(built):
    def files():
        return {path: path.stat().st_mtime_ns for path in built.folder.rglob("*")}

    before = files()
    outcomes = verified(built)
    assert not differing(outcomes)
    assert files() == before
    owned = {table.name for node in nodes(built.settings) for table in tables.owned_by(node.asset)}
    assert set(outcomes) == owned | {"validated/rejected", "ledger/builds"}
    for table, outcome in outcomes.items():
        if not table.startswith("ledger/"):
            assert outcome.rows == built.rows(table), table
        assert (outcome.first, outcome.differing, outcome.largest) == (None, 0, 0.0)


# -- history -----------------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_shop_that_has_grown_run_by_run_is_what_a_rebuild_gives(new_shop):
    shop = with_people(new_shop)
    assets, days = [node.asset for node in nodes(shop.settings)], shop.days
    held_back = {day: shop.events_file(day).rename(shop.folder / day) for day in days[2:]}
    shop.run(*assets, periods=days[:2])
    # A late event, an edited text and title, an item gone, consent withdrawn, a new period at a refit boundary.
    text = shop.catalogue()[3].split(",")[2]
    shop.write_events(days[0], [*shop.lines(days[0]), f"{shop.people[4]},item-06,{days[0]}T23:00:00,view,,,"], REVIEWED)
    shop.edit_item("item-03", about="Another thing", title="Another title")
    shop.remove_item("item-05")
    profiles(shop, (YES, "no", "A thing number 4"), (NO, "no", "x"), (LONELY, "yes", "A thing number 8"))
    held_back[days[2]].rename(shop.events_file(days[2]))
    shop.run(*assets, periods=days[:3])
    # The edit undone, a new item with an event, consent given again, one more period.
    shop.edit_item("item-03", about=text)
    shop.add_item("item-99,New one,Nobody knows it,item-03.png")
    profiles(shop, (YES, "yes", "A thing number 4"), (NO, "no", "x"), (LONELY, "yes", "A thing number 8"))
    held_back[days[3]].rename(shop.events_file(days[3]))
    new = f"{shop.people[4]},item-99,{days[3]}T23:00:00,view,,,"
    shop.write_events(days[3], [*shop.lines(days[3]), new], REVIEWED)
    shop.run(*assets)
    outcomes = verified(shop)
    assert not differing(outcomes)
    assert outcomes["embeddings/text/words"].rows
    assert outcomes[VECTORS].rows > len(set(reencoded.named(shop.lake, "text")))  # that of the undone edit is kept
    assert outcomes["model/versions"].rows == 2


@pytest.mark.full
def test_rows_that_a_refused_delivery_has_left_are_given_and_told(new_shop):
    shop, (first, second, third, last) = new_shop, new_shop.days
    shop.run("raw/items", "raw/media", "raw/interactions", "validated/items", "validated/interactions")
    shop.spoil(second)
    shop.write_events(third, shop.lines(third), header="who,what,when,event,rating,query")
    shop.write_events(first, shop.lines(first)[:-3])
    shop.write_events(last, [*shop.lines(last), f"{shop.people[0]},item-04,{last}T10:00:00,view,five,"])
    shop.run(strict=False)
    assert scope.choose(shop.lake, shop.settings, last=1).chosen == [last]  # a refused period is always planned again
    made = Lake(str(shop.folder / "rebuilt"))
    assert list(rebuild.rebuild(shop.lake, shop.settings, [last], made))
    outcomes = hold(shop, made, [last])
    assert not differing(outcomes)
    notes = {table: outcome.note for table, outcome in outcomes.items() if "refused" in outcome.note}
    told = "the newest delivery of {} was refused: its earlier rows are given"
    assert notes == {"raw/interactions": told.format(third), "validated/interactions": told.format(second)}
    rows = shop.scan("validated/rejected")
    shop.lake.replace("validated/rejected", rows.filter(pl.col("source_file") != f"events-{last}.csv"))
    found = differing(hold(shop, made, [last]))
    assert list(found) == ["validated/rejected"]
    first = found["validated/rejected"].first
    assert first.key["source_file"] == f"events-{last}.csv"
    assert (first.told, first.command) == ("expected one row, found no such row", "")


@pytest.mark.full
def test_vectors_of_another_kind_of_device_are_compared_by_cosine_and_what_lies_behind_is_built_of_them(judged_shop):
    shop = judged_shop
    shop.run(*shop.content[3:5])
    stored = shop.scan(VECTORS)
    moved = stored.with_columns(vector=nudged("vector").cast(VECTOR), device=pl.lit("cuda"))
    shop.lake.replace(VECTORS, moved.with_columns(checksum=list_hashes(moved["vector"])))
    shop.run(*shop.content[5:], *shop.answers, periods=[LAST])
    outcomes = verified(shop)
    assert not differing(outcomes)
    assert outcomes[VECTORS].note == "13 of a GPU or of another kind of device, equal by cosine ≥ 0.99999"
    assert outcomes["embeddings/image/vectors"].note == ""
    assert outcomes["fused/current"].rows == 15


# -- what is no damage -------------------------------------------------------------------------------------------------


def refused(shop, *arguments, **options):
    with pytest.raises(MmrecError) as caught:
        verified(shop, *arguments, **options)
    assert "\n" not in str(caught.value)
    assert "zq-person" not in str(caught.value)
    return str(caught.value)


def test_changed_sources_are_told_as_what_they_are(shop):
    shop.edit_item("item-03", title="Another title")
    told = refused(shop)
    assert told.startswith("the sources, the settings or the code have changed since the last run: raw/items (inputs")
    assert "`mmrec run`" in told


def test_a_file_that_changed_under_its_old_time_is_a_changed_source_too(shop):
    path = shop.data / "pictures" / "item-03.png"
    was, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    told = refused(shop)
    assert told.startswith("the sources, the settings or the code have changed since the last run: raw/media (inputs")


def test_periods_that_were_published_from_other_inputs_are_left_out_unless_they_are_named(shop):
    shop.configure(recommendations={"k": 2}).run(*shop.answers, periods=[LAST])
    found = scope.choose(shop.lake, shop.settings)
    assert (found.chosen, found.behind) == ([LAST], shop.days[:-1])
    assert "recommendations/top_k (inputs changed)" in refused(shop, period=shop.days[1])


def test_periods_are_chosen_among_the_published_ones(built, new_shop):
    def chosen(**options):
        return scope.choose(built.lake, built.settings, **options).chosen

    days = built.days
    assert chosen() == days
    assert chosen(last=2) == days[2:]
    assert chosen(period=days[2]) == [days[2]]
    assert chosen(period=days[2], last=2) == days[1:3]
    assert refused(built, period="2024-01-09").startswith(
        "period 2024-01-09 is not published; published are: 2024-01-01"
    )
    assert refused(new_shop) == "nothing is published yet, so there is nothing to verify; type `mmrec run`"


@pytest.mark.full
def test_nothing_is_left_behind_when_it_is_ended(built, monkeypatch):
    def end(*_):
        assert len(list(built.folder.glob(".lake-verify-*"))) == 1
        raise KeyboardInterrupt

    before = sorted(built.folder.iterdir())
    monkeypatch.setattr(reencoded, "vectors", end)
    with pytest.raises(KeyboardInterrupt):
        verified(built, last=1)
    assert sorted(built.folder.iterdir()) == before
