"""Storage that fails at any commit, before or after it: readers see the state before or after, and the next run ends
where an undisturbed one does.
"""

import random
import shutil

import polars as pl
import pytest

from mmrec import tables
from mmrec.builds import ledger
from mmrec.lake.store import Lake
from mmrec.planning import graph
from tests.helpers.hooked_lake import AFTER, BEFORE, HookedLake, Raising
from tests.helpers.reading import check_snapshots, check_vectors
from tests.helpers.shop import DAYS, ITEMS, PEOPLE

VOLATILE = ["run_id", "at", "seconds", "fixed_seconds", "ctime_ns"]  # they name a run or a copy, not a result
REFUSED = DAYS[1]


def rows(root, table):
    frame = Lake(root).scan(table).drop(VOLATILE, strict=False).collect()
    return frame.sort([name for name, dtype in frame.schema.items() if not dtype.is_nested()])


def everything(root):
    """Every table but the ledgers, whose rows count attempts."""
    return {table: rows(root, table) for table in [each.name for each in tables.ALL] if not table.startswith("ledger/")}


def published_of(root, day):
    return rows(root, "validated/interactions").filter(pl.col("period") == day)


def claims(shop):
    """What the ledger says of each asset's periods: data version, and key where it is not of a copy's times."""
    newest = {node.asset: ledger.newest(shop.lake, node.asset) for node in graph.nodes(shop.settings)}
    return {
        (asset, period): (made.data_version, asset != "raw/media" and made.stage_key)
        for asset, periods in newest.items()
        for period, made in periods.items()
    }


def change(shop):
    """An edit, a new item, one that is gone, a late event, and a day whose delivery is refused."""
    shop.edit_item(ITEMS[3], about="Something else")
    shop.add_item("item-99,New,A new thing,item-01.png")
    shop.remove_item(ITEMS[5])
    late = f"{PEOPLE[0]},{ITEMS[1]},{DAYS[0]}T23:00:00,rating,4,"
    shop.write_events(DAYS[0], [*shop.lines(DAYS[0]), late])
    shop.spoil(REFUSED)


def run(shop, hook=lambda *verb: None):
    lake = HookedLake(shop.settings.lake_root, hook=hook)
    for node in graph.nodes(shop.settings):
        node.run(lake, shop.settings, DAYS)


class Undisturbed:
    """A run that nothing disturbs: the states between its commits, and where it ends."""

    def __init__(self, shop):
        root = shop.settings.lake_root
        self.states, self.log = everything(root), []
        self.refused = published_of(root, REFUSED)
        run(shop, lambda when, table: self.log.append((table, rows(root, table))) if when == AFTER else None)
        self.end, self.claims = everything(root), claims(shop)

    def after(self, commits):
        """Every table as it is after so many commits."""
        return {**self.states, **{t: frame for t, frame in self.log[:commits] if not t.startswith("ledger/")}}


class Faults:
    """Lets copies of a shop fail at a commit, looks at what is left, and runs them again."""

    def __init__(self, start, make_shop, folder):
        self.start, self.make_shop, self.folder = start, make_shop, folder
        self.published = check_snapshots(start.settings.lake_root)
        self.undisturbed = Undisturbed(make_shop(folder / "undisturbed", like=start))
        self.commits = len(self.undisturbed.log)

    def fail(self, commit, when):
        shop = self.make_shop(self.folder / f"{commit}-{when}", like=self.start)
        root = shop.settings.lake_root
        with pytest.raises(OSError, match="the disk is full"):
            run(shop, Raising(commit, when, OSError("the disk is full")))
        self.is_left(root, commit + (when == AFTER))
        check_vectors(root)
        assert check_snapshots(root) >= self.published
        run(shop)
        self.is_as_undisturbed(shop)
        shutil.rmtree(shop.folder)

    def is_left(self, root, commits):
        """Every table is as after so many commits, and what is published of a refused day is untouched."""
        left, expected = everything(root), self.undisturbed.after(commits)
        assert [table for table in left if not left[table].equals(expected[table])] == []
        if self.published:
            assert published_of(root, REFUSED).equals(self.undisturbed.refused)

    def is_as_undisturbed(self, shop):
        root = shop.settings.lake_root
        made = everything(root)
        assert [table for table in made if not made[table].equals(self.undisturbed.end[table])] == []
        assert claims(shop) == self.undisturbed.claims
        assert check_snapshots(root) == len(DAYS)


@pytest.fixture
def changed(built, make_shop, tmp_path):
    """A built shop whose files have changed since."""
    shop = make_shop(tmp_path / "changed", like=built)
    change(shop)
    return shop


def test_a_fault_leaves_the_state_before_or_after_and_the_next_run_ends_as_if_there_was_none(
    changed, make_shop, tmp_path
):
    faults = Faults(changed, make_shop, tmp_path)
    draw = random.Random(5)
    faults.fail(draw.randrange(faults.commits), draw.choice([BEFORE, AFTER]))


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("start", ["changed", "new_shop"])
def test_a_fault_at_every_commit(start, when, make_shop, tmp_path, request):
    faults = Faults(request.getfixturevalue(start), make_shop, tmp_path)
    for commit in range(faults.commits):
        faults.fail(commit, when)
