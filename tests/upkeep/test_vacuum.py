"""Old versions go, and nothing that a published snapshot pins, a run may read, or a table holds now."""

import os
import time

import polars as pl
import pytest

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake import seals
from mmrec.lake.seals import Path
from mmrec.lake.store import Lake
from mmrec.upkeep import damage, vacuum

TABLE = tables.TOP_K
DAY_SECONDS = 86_400


def rows(rank, *people):
    contract = tables.contract(TABLE)
    made = pl.DataFrame({"user_id": list(people), "period": "2024-01-01", "item_id": "i", "rank": rank, "score": 0.5})
    return contract.conform(made, partial=True)


def pin(lake, version, period="2024-01-01", at=1):
    contract = tables.contract(tables.SNAPSHOTS)
    row = {"snapshot": f"s{at}", "period": period, "table": TABLE, "version": version, "run_id": "r"}
    made = pl.DataFrame([row]).with_columns(at=pl.datetime(2024, 1, at, time_zone="UTC"))
    lake.append(tables.SNAPSHOTS, contract.conform(made, partial=True))


def age(lake, days, upto=None):
    """Makes the files of a table so many days older, those of its log up to a version."""
    for file in Path(lake.uri(TABLE)).rglob("*"):
        of_log = file.parent.name == seals.LOG and file.suffix == ".json"
        if file.is_file() and not (of_log and upto is not None and int(file.name[:20]) > upto):
            os.utime(file, (time.time() - days * DAY_SECONDS,) * 2)


def held(lake, version):
    return lake.scan(TABLE, version).sort("user_id").collect()


def run(lake):
    return list(vacuum.vacuum(lake, vacuum.planned(lake)))


@pytest.fixture
def lake(tmp_path):
    """25 versions of one table, each with other rows; 7 and 22 are pinned, and 3 was until its period was made anew."""
    lake = Lake(str(tmp_path / "a lake"))
    for version in range(25):
        lake.replace(TABLE, rows(version, *(f"p{each}" for each in range(version + 1))))
    for at, (version, period) in enumerate([(3, "2024-01-02"), (7, "2024-01-01"), (22, "2024-01-02")], start=1):
        pin(lake, version, period, at)
    assert lake.version(TABLE) == 25  # it was made empty first
    return lake


def test_pinned_versions_and_the_newest_stay_and_the_others_go(lake):
    before = {version: held(lake, version) for version in (7, 22, 25)}
    age(lake, 2)
    assert run(lake)
    fresh = Lake(lake.root)
    assert all(held(fresh, version).equals(was) for version, was in before.items())
    assert len(list(Path(lake.uri(TABLE)).glob("period=*/part-*.parquet"))) == len(before)
    assert not list(damage.of_table(fresh, TABLE, (7, 22)))
    assert vacuum.planned(fresh) == []


def test_the_log_is_cut_at_the_checkpoint_before_the_oldest_pin(lake):
    age(lake, 2)
    pin(lake, 22, "2024-01-01", 4)
    run(lake)
    names = sorted(seals.names(Path(lake.uri(TABLE)) / seals.LOG))
    copies = sorted(seals.names(Path(lake.uri(TABLE)) / "_seals/log"))
    assert names == copies
    assert int(names[0][:20]) <= 22 and int(names[0][:20]) >= 20 - 10
    assert held(Lake(lake.root), 22).height == 22
    with pytest.raises(MmrecError, match=f"version 7 of {TABLE} is no longer in the lake"):
        held(Lake(lake.root), 7)


def test_what_a_run_may_read_stays(lake):
    reader = Lake(lake.root)
    age(lake, 2, upto=15)  # what came later is of today
    was = {version: held(reader, version) for version in range(15, 26)}
    run(lake)
    assert all(held(Lake(lake.root), version).equals(rows_) for version, rows_ in was.items())
    with pytest.raises((MmrecError, FileNotFoundError)):
        held(Lake(lake.root), 14)


def test_nothing_young_is_deleted_and_a_young_lake_has_nothing_to_delete(lake):
    assert vacuum.planned(lake) == []
    age(lake, 2)
    stray = Path(lake.uri(TABLE)) / "period=2024-01-01" / "part-of-a-writer.parquet"
    stray.write_bytes(b"rows that no commit names yet")
    run(lake)
    assert stray.exists()
    os.utime(stray, (time.time() - 2 * DAY_SECONDS,) * 2)
    run(lake)
    assert not stray.exists()


def test_the_lake_is_written_and_read_on_after_it(lake):
    age(lake, 2)
    run(lake)
    later = Lake(lake.root)
    for more in range(12):
        later.replace(TABLE, rows(100 + more, "p"))
    assert held(Lake(lake.root), None)["rank"].to_list() == [111]
    assert held(Lake(lake.root), 7).height == 7
    assert not list(damage.of_table(Lake(lake.root), TABLE, (7, 22)))


def test_a_killed_vacuum_loses_nothing_and_the_next_one_ends_it(lake, monkeypatch):
    age(lake, 2)
    before, unlink, left = {version: held(lake, version) for version in (7, 22, 25)}, Path.unlink, [9]

    def killed(self, **options):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        unlink(self, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            run(lake)
    assert all(held(Lake(lake.root), version).equals(was) for version, was in before.items())
    run(Lake(lake.root))
    assert all(held(Lake(lake.root), version).equals(was) for version, was in before.items())
    assert vacuum.planned(Lake(lake.root)) == []


def test_an_object_store_is_left_alone():
    with pytest.raises(MmrecError, match="object store"):
        vacuum.planned(Lake("s3://bucket/lake"))


def test_every_snapshot_of_a_shop_reads_as_before(shop, mmrec, monkeypatch):
    lines = shop.lines(shop.days[0])
    shop.run()
    shop.write_events(shop.days[0], lines[:-1])
    shop.run()
    lake = Lake(shop.settings.lake_root)
    pins = (
        lake.scan(tables.SNAPSHOTS).collect().sort("at").unique(["period", "table"], keep="last", maintain_order=True)
    )
    pins = list(pins.select("table", "version").unique().rows())
    before = [lake.scan(table, version).collect() for table, version in pins]
    monkeypatch.setattr(vacuum, "RUN_DAYS", -1.0)
    monkeypatch.setattr(vacuum, "DATED_DAYS", -1.0)
    told = mmrec(shop, "vacuum", "--plan").out
    assert "would be deleted; type `mmrec vacuum`" in told
    assert "every published snapshot is as it was" in mmrec(shop, "vacuum").out
    assert "nothing to do" in mmrec(shop, "vacuum").out
    fresh = Lake(shop.settings.lake_root)
    assert all(
        fresh.scan(table, version).collect().equals(was) for (table, version), was in zip(pins, before, strict=True)
    )
    assert list(damage.found(fresh, shop.settings)) == []
    assert shop.run()["recommendations/top_k"].total("computed") == 0
