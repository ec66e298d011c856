"""An older lake is told, planned, written anew, and then is what a rebuild gives; whoever is killed loses nothing."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.lake.hashing import text_hashes
from mmrec.lake.store import Lake
from mmrec.planning import walk
from mmrec.queries import recommend
from mmrec.upkeep import migrate as migration
from mmrec.verification import oracle, scope
from tests.helpers.older_lake import name_as_before, older


@pytest.fixture(scope="module")
def lived(fused, make_shop, tmp_path_factory):
    """A shop whose item-factor versions have the names that they had."""
    made = make_shop(tmp_path_factory.mktemp("lived"), like=fused)
    with pytest.MonkeyPatch.context() as patch:
        name_as_before(patch)
        made.run(*made.answers)
    return made


@pytest.fixture
def shop(lived, make_shop, tmp_path):
    return make_shop(tmp_path, like=lived)


@pytest.fixture(scope="module")
def aged(lived, make_shop, tmp_path_factory):
    """The same, whose lake an older version has written."""
    made = make_shop(tmp_path_factory.mktemp("aged"), like=lived)
    older(made)
    return made


@pytest.fixture
def old(aged, make_shop, tmp_path):
    return make_shop(tmp_path, like=aged)


def migrated(shop):
    list(migration.migrate(migration.planned(shop.settings.lake_root)))
    return shop


def lists(shop):
    rows = [recommend.recommend(shop.lake, shop.settings, person)["items"] for person in shop.people[:4]]
    return [[(row["item_id"], row["score"], row["reason"]) for row in each] for each in rows]


def test_every_other_command_says_what_to_type(old, mmrec):
    for command in (["plan"], ["recommend", "--user", old.people[0]], ["verify"], ["sql", "SELECT * FROM fused.items"]):
        told = mmrec(old, *command).error
        assert told.startswith("the lake was written by an older version of mmrec (")
        assert told.endswith("); type `mmrec migrate`")


def test_a_plan_counts_and_names_what_is_given_up_and_does_nothing(old, mmrec):
    before = sorted(path for path in Path(old.lake.root).rglob("*"))
    told = mmrec(old, "migrate", "--plan").out
    assert "tables are written anew beside the lake: " in told
    assert f"the snapshot of {old.days[-1]} is pinned again" in told
    assert f"given up are 3 older snapshots ({', '.join(old.days[:3])})" in told
    assert sorted(path for path in Path(old.lake.root).rglob("*")) == before


def test_lists_stay_nothing_is_encoded_again_and_the_lake_is_what_a_rebuild_gives(shop, mmrec):
    before = lists(shop)
    older(shop)
    assert "done; the old lake is " in mmrec(shop, "migrate").out
    assert lists(shop) == before
    assert mmrec(shop, "migrate").out.strip() == "nothing to do: the lake has today's format"
    plan = walk.plan(shop.lake, shop.settings, shop.days[-1:])
    assert not {row.asset for row in plan.rows} & {*shop.assets[:5], *shop.content}
    reports = shop.run(periods=shop.days)
    assert sum(reports[asset].total("computed") for asset in shop.content) == 0
    assert walk.plan(shop.lake, shop.settings, shop.days).rows == []
    chosen = scope.choose(shop.lake, shop.settings, None, None)
    assert [found.table for found in oracle.verify(shop.lake, shop.settings, chosen) if not found.equal] == []


def test_the_snapshot_shows_what_it_pinned_although_the_tables_have_gone_on(shop):
    before = lists(shop)

    def between():
        shop.edit_item("item-03", title="Seen by nobody yet")
        shop.run("raw/items", "raw/media", "validated/items")

    older(shop, between)
    migrated(shop)
    assert lists(shop) == before
    assert shop.scan("validated/items", item_id="item-03")["title"].item() == "Seen by nobody yet"


def test_the_old_lake_is_kept_and_its_vectors_are_the_new_ones(old):
    items = pl.read_parquet([str(path) for path in Path(old.lake.root, "fused/items").glob("*.parquet")])
    todo = migration.planned(old.settings.lake_root)
    migrated(old)
    assert (todo.kept_as / "fused" / "items").is_dir()
    now = {row["item_id"]: row for row in old.lake.sql("SELECT * FROM fused.items").iter_rows(named=True)}
    for row in items.with_columns(key=text_hashes(items["digest"])).iter_rows(named=True):
        assert now[row["item_id"]]["vector"] == row["vector"]
        assert now[row["item_id"]]["digest"] == row["key"]


@pytest.mark.parametrize("at", [5, 20, *(pytest.param(at, marks=pytest.mark.full) for at in (0, 10, 15, 25))])
def test_a_kill_leaves_the_old_lake_and_the_next_try_ends_well(old, at, monkeypatch):
    append, count = Lake.append, iter(range(100))

    def dying(self, *rest):
        if next(count) == at:
            raise KeyboardInterrupt
        return append(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", dying)
        with pytest.raises(KeyboardInterrupt):
            migrated(old)
    with pytest.raises(MmrecError, match="type `mmrec migrate`"):
        lists(old)
    assert len(lists(migrated(old))) == 4


def test_a_kill_between_the_two_renames_is_finished_by_the_next_try(old, monkeypatch):
    rename, count = Path.rename, iter(range(10))

    def dying(self, target):
        if next(count) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            migrated(old)
    assert migration.planned(old.settings.lake_root) is None
    assert len(lists(old)) == 4


def test_no_lake_and_an_object_store(old):
    shutil.rmtree(old.lake.root)
    assert migration.planned(old.settings.lake_root) is None
    with pytest.raises(MmrecError, match=r"^s3://bucket/lake is an object store, .* name a new place"):
        migration.planned("s3://bucket/lake")
