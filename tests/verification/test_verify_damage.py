"""The oracle: what was changed in a lake is named with its table and row, and shows no person."""

import shlex

import numpy as np
import polars as pl
import pytest

from mmrec import keys, tables
from mmrec.lake.store import Lake
from mmrec.tables import VECTOR
from mmrec.verification import rebuild
from mmrec.verification.differences import HIDDEN, list_hashes
from tests.helpers.verified import LAST, VECTORS, differing, hold, nudged


@pytest.fixture(scope="module")
def rebuilt(built, tmp_path_factory):
    """What a rebuild of the shop gives, once for all the comparisons with it."""
    made = Lake(str(tmp_path_factory.mktemp("rebuilt")))
    assert len(list(rebuild.rebuild(built.lake, built.settings, built.days, made))) == len(built.assets)
    return made


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


def person(user, **equal):
    return pl.all_horizontal(pl.col("user_id") == user, *[pl.col(name) == value for name, value in equal.items()])


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
