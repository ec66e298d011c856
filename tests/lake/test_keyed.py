"""Keys of a content-addressed table, noted beside its files: the places of rows, and what happens without the notes."""

import numpy as np
import polars as pl
import pytest

from mmrec import tables
from mmrec.keys import row_key
from mmrec.lake import keyed
from mmrec.lake.seals import Path
from mmrec.lake.store import Lake
from mmrec.upkeep import damage, repair

TABLE = tables.vectors("text")


def key(number):
    return row_key("text", f"input {number}", "e")


def rows(*numbers):
    vectors = [[float(number)] for number in numbers]
    about = {"encoder_id": "e", "checksum": 0, "device": "cpu"}
    return pl.DataFrame({"key": [key(each) for each in numbers], **about, "vector": vectors})


def stored(lake, *numbers):
    found = lake.keyed(TABLE).stored(pl.Series([key(each) for each in numbers], dtype=pl.String))
    return sorted(found.to_list())


def values(lake, *numbers):
    return dict(
        lake.vectors(TABLE, pl.DataFrame({"key": [key(each) for each in numbers]})).select("key", "vector").rows()
    )


def notes(lake):
    return sorted((Path(lake.uri(TABLE)) / keyed.FOLDER).iterdir())


@pytest.fixture
def lake(tmp_path):
    lake = Lake(str(tmp_path / "a lake"))
    for begin in (0, 400, 800):
        lake.append(TABLE, rows(*range(begin, begin + 400)))
    return lake


def check(lake):
    """Everything that is asked of the keys, against what was written."""
    assert stored(lake, 0, 399, 400, 1199, 1200) == sorted(key(each) for each in (0, 399, 400, 1199))
    assert stored(lake) == []
    assert len(stored(lake, *range(1300))) == 1200
    assert values(lake, 5, 1100, 7000) == {key(5): [5.0], key(1100): [1100.0]}
    prefixes = [int(key(each)[:16], 16) for each in range(1200)]
    assert lake.keyed(TABLE).prefixes.sort().to_list() == sorted(prefixes)
    assert lake.keyed(TABLE).at(np.array([0, 400, 1199]), ["key"])["key"].len() == 3


def test_every_file_has_its_keys_noted_and_a_compaction_notes_them_anew(lake):
    assert len(notes(lake)) == len(lake.files(TABLE)) == 3
    check(lake)
    lake.compact(TABLE)
    assert {each.name for each in notes(lake)} > set(lake.files(TABLE))
    check(Lake(lake.root))


def test_without_notes_or_with_damaged_ones_the_files_of_rows_are_read(lake):
    lost, cut, turned = notes(lake)
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-9])
    turned.write_bytes(bytes([turned.read_bytes()[0] ^ 1]) + turned.read_bytes()[1:])
    check(Lake(lake.root))


def test_notes_that_are_whole_are_what_is_read(lake, monkeypatch):
    monkeypatch.setattr(keyed, "_of_rows", lambda files: pytest.fail("a file of rows was read for its keys"))
    check(Lake(lake.root))


def test_a_lost_file_of_rows_is_not_told_from_its_notes(lake):
    (Path(lake.uri(TABLE)) / lake.files(TABLE)[0]).unlink()
    with pytest.raises(FileNotFoundError):
        stored(Lake(lake.root), 0)


def test_a_killed_writer_leaves_no_notes_and_the_next_commit_makes_them(lake, monkeypatch):
    killed = Lake(lake.root)
    monkeypatch.setattr(keyed, "note", lambda file: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        killed.append(TABLE, rows(5000))
    monkeypatch.undo()
    assert stored(Lake(lake.root), 5000) == [key(5000)]
    Lake(lake.root).append(TABLE, rows(5001))
    assert len(notes(lake)) == 5


def test_keys_that_begin_alike_are_told_apart(tmp_path):
    lake, alike = Lake(str(tmp_path)), [f"{'a' * 16}{number}" for number in range(3)]
    lake.append(TABLE, rows(0, 1).with_columns(key=pl.Series(alike[:2])))
    assert lake.keyed(TABLE).stored(pl.Series(alike)).sort().to_list() == alike[:2]
    assert lake.vectors(TABLE, pl.DataFrame({"key": [alike[1]]}))["vector"].to_list() == [[1.0]]


def test_damaged_and_lost_notes_are_mended(shop):
    lake = Lake(shop.settings.lake_root)
    folder = Path(lake.uri(TABLE)) / keyed.FOLDER
    whole = {each.name: each.read_bytes() for each in folder.iterdir()}
    first = folder / lake.files(TABLE)[0]
    first.write_bytes(b"nothing")
    [found] = damage.found(lake, shop.settings)
    assert (found.table, found.told) == (TABLE, f"{first.name} has damaged notes of its keys")
    assert list(repair.repair(lake, shop.settings)) == [f"{TABLE}: {first.name} has its keys noted again"]
    first.unlink()
    assert list(repair.repair(lake, shop.settings)) == [f"{TABLE}: the keys of 1 files were noted"]
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == whole
    assert list(repair.repair(lake, shop.settings)) == []
