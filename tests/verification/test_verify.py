"""The oracle: a lake that is right is equal to the last bit, and a changed one is named with its table and row."""

import os
import shlex

import numpy as np
import polars as pl
import pytest

from mmrec import keys, tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.graph import nodes
from mmrec.tables import VECTOR
from mmrec.verification import inputs, oracle, rebuild, scope
from mmrec.verification import vectors as reencoded
from mmrec.verification.differences import HIDDEN, list_hashes
from tests.published.test_words import LONELY, NO, YES, profiles, with_people

VECTORS = "embeddings/text/vectors"
LAST = "2024-01-04"
REVIEWED = "user_id,item_id,time,event,rating,query,review"


def verified(shop, period=None, last=None, **options):
    """table → outcome of a whole verification."""
    chosen = scope.choose(shop.lake, shop.settings, period, last)
    return {outcome.table: outcome for outcome in oracle.verify(shop.lake, shop.settings, chosen, **options)}


def differing(outcomes):
    return {table: outcome for table, outcome in outcomes.items() if not outcome.equal}


@pytest.fixture(scope="module")
def rebuilt(built, tmp_path_factory):
    """What a rebuild of the shop gives, once for all the comparisons with it."""
    made = Lake(str(tmp_path_factory.mktemp("rebuilt")))
    assert len(list(rebuild.rebuild(built.lake, built.settings, built.days, made))) == len(built.assets)
    return made


def hold(shop, made, periods=None):
    """table → outcome of a shop held against a lake that was rebuilt."""
    chosen = scope.Scope(periods or shop.days, [], scope.kept(shop.lake))
    lake = shop.lake.pinned({t.name: v for t in tables.ALL if (v := shop.lake.version(t.name)) is not None})
    found = [one for node in nodes(shop.settings) for one in oracle.of_node(lake, shop.settings, chosen, made, node)]
    found = [*inputs.given(lake), *found]
    return {one.table: one for one in [*found, *oracle.of_ledgers(lake, shop.settings, chosen, made)]}


@pytest.fixture
def compared(rebuilt):
    """The same of a copy of the shop, held against the shop rebuilt."""
    return lambda shop: hold(shop, rebuilt)


def change(shop, table, where, **values):
    """Puts other values into the rows of a table that a condition picks, as damage or a stranger's hand would."""
    rows = shop.scan(table)
    assert rows.filter(where).height
    new = [pl.when(where).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    shop.lake.replace(table, rows.with_columns(new))


def nudged(name="factor"):
    """The same list with another last bit in one place."""
    return pl.concat_list(pl.col(name).list.head(1), pl.col(name).list.slice(1) * (1 + 2**-20))


def person(user, **equal):
    return pl.all_horizontal(pl.col("user_id") == user, *[pl.col(name) == value for name, value in equal.items()])


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


# -- damage ------------------------------------------------------------------------------------------------------------


def test_each_damaged_table_is_named_with_its_first_row(shop, compared):
    first, second = shop.people[2], shop.people[5]
    key = shop.scan("embeddings/text/current", item_id="item-04")["key"].item()
    vectors = shop.scan(VECTORS).with_columns(
        vector=pl.when(pl.col("key") == key).then(nudged("vector").cast(VECTOR)).otherwise("vector")
    )
    shop.lake.replace(VECTORS, vectors.with_columns(checksum=list_hashes(vectors["vector"])))
    change(shop, "validated/items", pl.col("item_id") == "item-07", title=pl.lit("Another title"))
    fused = shop.scan("fused/current", item_id="item-09")["digest"].item()
    change(shop, "fused/vectors", pl.col("key") == fused, vector=nudged("vector").cast(VECTOR))
    change(shop, "model/users", person(first, period=LAST), factor=nudged())
    change(shop, "recommendations/top_k", person(second, period=LAST, rank=2), score=pl.col("score") * (1 + 2**-50))
    change(shop, "recommendations/reasons", person(second, period=LAST, rank=3), reason=pl.lit("Because."))
    change(shop, "ledger/verdicts", pl.col("check") == "volume", passed=pl.lit(value=False))
    gone = tables.contract("recommendations/similar_items")
    shop.lake.replace(gone.name, gone.empty(), {"item_id": ["item-03"]})
    found = differing(compared(shop))
    assert {table: outcome.first.key for table, outcome in found.items()} == {
        VECTORS: {"key": key},
        "validated/items": {"item_id": "item-07"},
        "fused/vectors": {"key": fused},
        "model/users": {"period": LAST, "user_id": "person 1"},
        "recommendations/top_k": {"period": LAST, "user_id": "person 1", "rank": 2},
        "recommendations/reasons": {"period": LAST, "user_id": "person 1", "rank": 3},
        "recommendations/similar_items": {"item_id": "item-03", "by": "all", "rank": 1},
        "ledger/verdicts": found["ledger/verdicts"].first.key,
        "ledger/snapshots": found["ledger/snapshots"].first.key,
    }
    told = {table: outcome.first.columns for table, outcome in found.items()}
    assert told["validated/items"] == {"title": ("Title 7", "Another title")}
    assert told["recommendations/reasons"] == {"reason": (HIDDEN, HIDDEN)}
    assert set(told[VECTORS]) == {"vector", "checksum"}
    assert list(told["model/users"]) == ["factor"]
    assert list(told["recommendations/top_k"]) == ["score"]
    assert 0 < found["recommendations/top_k"].largest < 1e-12
    assert found["recommendations/similar_items"].first.told == "expected one row, found no such row"
    assert found["ledger/verdicts"].first.columns == {"passed": (True, False)}
    # What is published is at its pin as it was, and no longer what the tables say.
    assert found["ledger/snapshots"].first.columns == {"recommendations/top_k": ("the rows of today", "others")}
    assert "zq-person" not in repr(found)


def test_a_person_is_found_by_the_command_that_is_told(shop, compared):
    user = shop.people[5]
    change(shop, "recommendations/top_k", person(user, period=LAST, rank=2), item_id=pl.lit("item-14"))
    command = compared(shop)["recommendations/top_k"].first.command
    assert user not in command
    program, verb, query = shlex.split(command)
    assert (program, verb) == ("mmrec", "sql")
    assert shop.lake.sql(query).select("user_id", "rank", "item_id").rows() == [(user, 2, "item-14")]


def test_a_lost_row_of_a_person_is_told_by_the_row_it_belongs_before(shop, compared):
    user, rows = shop.people[5], shop.scan("recommendations/reasons")
    shop.lake.replace("recommendations/reasons", rows.filter(~person(user, period=LAST, rank=2)))
    first = compared(shop)["recommendations/reasons"].first
    assert first.told == "expected one row, found no such row; it belongs before the one that this shows"
    assert shop.lake.sql(shlex.split(first.command)[2]).select("user_id", "rank").rows() == [(user, 3)]


def test_named_inputs_are_held_against_their_own_digests(shop, compared):
    [version, other] = shop.scan("model/versions").sort("boundary")["version"]
    change(shop, "model/arrays", (pl.col("version") == version) & (pl.col("name") == "H"), sha256=pl.lit("0" * 64))
    rows = shop.scan("model/arrays").filter((pl.col("version") == other) & (pl.col("name") == "e"))
    data = np.frombuffer(rows["data"].item(), rows["dtype"].item()) * 2
    change(shop, "model/arrays", (pl.col("version") == other) & (pl.col("name") == "e"), data=pl.lit(data.tobytes()))
    change(shop, "model/items", (pl.col("version") == other) & (pl.col("item_id") == "item-05"), events=pl.lit(1000))
    change(shop, "fused/statistics", pl.col("modality") == "text", scale=pl.lit(2.0))
    found = differing(compared(shop))
    assert {table: (outcome.differing, outcome.first.key) for table, outcome in found.items()} == {
        "fused/statistics": (1, {"version": shop.scan("fused/statistics", modality="text")["version"].item()}),
        "model/versions": (1, {"version": other}),
        "model/arrays": (2, found["model/arrays"].first.key),
        "model/items": (1, {"version": other, "item_id": "item-05"}),
    }


@pytest.mark.usefixtures("quick_judge")
def test_a_vector_that_only_its_checksum_can_tell(shop, compared):
    key = keys.row_key("text", "an input of before", "an encoder of before")
    rows = shop.scan(VECTORS).head(1).with_columns(key=pl.lit(key), checksum=pl.lit(1))
    shop.lake.append(VECTORS, rows)
    outcome = differing(compared(shop))[VECTORS]
    assert (outcome.differing, outcome.first.key) == (1, {"key": key})
    assert list(outcome.first.columns) == ["checksum"]


def test_a_pinned_version_that_cannot_be_read_is_told(shop, compared):
    pinned = shop.scan("ledger/snapshots", table="recommendations/top_k")["version"].max()
    [path] = (shop.folder / "lake/recommendations/top_k").rglob(f"period={LAST}/*.parquet")
    shop.lake.replace("recommendations/top_k", shop.scan("recommendations/top_k"))  # today's rows are whole
    path.unlink()
    outcome = compared(shop)["ledger/snapshots"]
    assert outcome.differing == len(shop.days)
    assert outcome.first.key["table"] == "recommendations/top_k"
    [(named, (expected, found))] = outcome.first.columns.items()
    assert (named, expected) == (f"version {pinned}", "can be read")
    assert "is gone" in found and "mmrec repair" in found


# -- history -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_judge")
@pytest.mark.full
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


@pytest.mark.usefixtures("quick_judge")
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


def test_vectors_of_a_cpu_are_compared_to_the_last_bit_and_those_of_a_gpu_by_cosine(fused, tmp_path):
    def lake(name, rows):
        made = Lake(str(tmp_path / name))
        made.append(VECTORS, rows.with_columns(checksum=list_hashes(rows["vector"])))
        return made

    rows = fused.scan(VECTORS)
    first, nobody = rows["key"].min(), pl.lit(None, dtype=pl.String)
    moved = rows.with_columns(
        vector=pl.when(pl.col("key") == first).then(nudged("vector").cast(VECTOR)).otherwise("vector")
    )
    turned = rows.with_columns(vector=pl.col("vector").list.reverse(), device=pl.lit("cuda"))
    ours = lake("ours", rows)
    same = reencoded.vectors(lake("same", moved), ours, "text", "fp32")
    assert (same.differing, same.first.key) == (1, {"key": first})
    assert 0 < same.largest < 1e-5
    unknown = reencoded.vectors(lake("unknown", moved.with_columns(device=nobody)), ours, "text", "fp32")
    assert (unknown.equal, unknown.note[:2]) == (True, "1 ")
    on_gpu = lake("on a GPU", rows.with_columns(device=pl.lit("cuda")))
    again = reencoded.vectors(lake("again", moved.with_columns(device=pl.lit("cuda"))), on_gpu, "text", "fp32")
    assert (again.equal, again.note[:2]) == (True, "1 ")
    assert reencoded.vectors(lake("turned", turned), ours, "text", "bf16").differing == 13


def test_bf16_may_turn_a_vector_of_a_gpu_further_than_fp32(fused, tmp_path):
    rows = fused.scan(VECTORS)
    width = rows["vector"].list.len()[0]
    bent = np.stack(rows["vector"].to_list()) + np.float32(0.006 / width**0.5) * np.resize([1, -1], width)
    moved = rows.with_columns(vector=pl.Series(bent.astype(np.float32)).cast(VECTOR), device=pl.lit("cuda"))
    made = []
    for name, some in (("ours", rows), ("theirs", moved)):
        made.append(Lake(str(tmp_path / name)))
        made[-1].append(VECTORS, some.with_columns(checksum=list_hashes(some["vector"])))
    assert reencoded.vectors(made[1], made[0], "text", "bf16").equal
    assert reencoded.vectors(made[1], made[0], "text", "fp32").differing > 0


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
