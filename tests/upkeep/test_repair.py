"""Damage is found, told in one line, and mended; `bench/damage.py` plays it at random."""

import pytest

from bench import damage as played
from mmrec import tables
from mmrec.lake.seals import Damaged
from mmrec.lake.store import Lake
from mmrec.queries.recommend import recommend
from mmrec.upkeep import damage, repair


def hurt(shop, table):
    file = seals_path(shop, table)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def seals_path(shop, table):
    lake = Lake(shop.settings.lake_root)
    return sorted(shop.folder.joinpath("lake", table).glob(lake.files(table)[0]))[0]


def found(shop):
    return {each.table for each in damage.found(Lake(shop.settings.lake_root), shop.settings)}


def test_a_whole_lake_has_no_damage_and_nothing_is_done(shop):
    assert found(shop) == set()
    assert list(repair.repair(shop.lake, shop.settings)) == []


@pytest.mark.parametrize(
    "table",
    [
        *(tables.TOP_K, tables.MODEL_ARRAYS, tables.BUILDS),
        *(pytest.param(table, marks=pytest.mark.full) for table in (tables.VALIDATED_ITEMS, tables.FUSED_VECTORS)),
    ],
)
def test_a_damaged_table_is_told_and_made_again(shop, table):
    shop.run()
    rows = played._rows(shop)
    hurt(shop, table)
    assert table in found(shop)
    told = list(repair.repair(shop.lake, shop.settings))
    assert told[0].startswith(f"{table}: ")
    assert "is set aside" in told[0]
    shop.run(periods=repair.served(shop.lake, shop.settings) or shop.days)
    assert found(shop) == set()
    now = played._rows(shop)
    assert [name for name in rows if not rows[name].equals(now[name])] == []


def test_no_damaged_list_is_served(shop):
    hurt(shop, tables.TOP_K)
    person = shop.lines(shop.days[0])[0].split(",")[0]
    with pytest.raises(Damaged, match=r"recommendations/top_k is damaged: .*; type `mmrec repair`"):
        recommend(shop.lake, shop.settings, person)


def test_rows_that_are_not_what_was_built_are_found_without_a_damaged_file(shop):
    rows = shop.scan(tables.TOP_K)
    shop.lake.replace(tables.TOP_K, rows.with_columns(rank=rows["rank"] + 1))
    assert found(shop) == {tables.TOP_K}


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_damage_at_random(capsys):
    assert played.main(["40", "3"]) == 0, capsys.readouterr().out
