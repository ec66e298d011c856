"""Seals: a changed byte of a table is told before a row of it is read, and logs come back from their copies."""

import json
import shutil

import polars as pl
import pytest

from mmrec import tables
from mmrec.lake import seals
from mmrec.lake.seals import Damaged
from mmrec.lake.store import Lake

TABLE = tables.SIMILAR_ITEMS


def rows(count, begin=0):
    contract = tables.contract(TABLE)
    made = pl.DataFrame({"item_id": [f"i{begin + n}" for n in range(count)], "rank": [1] * count})
    values = {pl.String: "x", pl.Int64: 1, pl.Float64: 0.5}
    return contract.conform(
        made.with_columns(
            pl.lit(values[c.dtype]).alias(c.name) for c in contract.columns_ if c.name not in made.columns
        )
    )


@pytest.fixture
def lake(tmp_path):
    lake = Lake(str(tmp_path / "a lake"))
    for begin in range(3):
        lake.append(TABLE, rows(4, 10 * begin))
    return lake


def folder(lake):
    return seals.Path(lake.uri(TABLE))


def log(lake, version):
    return folder(lake) / seals.LOG / f"{version:020}.json"


def changed(file, at):
    data = bytearray(file.read_bytes())
    data[at] ^= 4
    file.write_bytes(data)


def read(lake):
    return Lake(lake.root).scan(TABLE).collect().height


@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.8, 0.999])
def test_a_changed_bit_of_a_file_is_told_wherever_it_is(lake, place):
    file = folder(lake) / lake.files(TABLE)[0]
    changed(file, int(place * file.stat().st_size))
    with pytest.raises(Damaged, match=f"the table {TABLE} is damaged: {file.name} differs .*; type `mmrec repair`"):
        read(lake)


def test_a_cut_file_and_a_lost_one_are_told(lake):
    first, second, _ = (folder(lake) / name for name in sorted(lake.files(TABLE)))
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(Damaged, match="differs"):
        read(lake)
    first.unlink()
    second.unlink()
    with pytest.raises(Damaged, match="is gone"):
        read(lake)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_part_of_the_log_comes_back_from_its_copy(lake, version):
    whole = log(lake, version).read_bytes()
    for hurt in (lambda: changed(log(lake, version), 40), log(lake, version).unlink):
        hurt()
        with pytest.raises(Damaged, match="_delta_log"):
            read(lake)
        [found] = seals.damages(folder(lake), [])
        assert seals.restore(folder(lake), found)
        assert log(lake, version).read_bytes() == whole
        assert read(lake) == 12


def test_a_lost_newest_commit_is_no_older_table(lake):
    log(lake, 2).unlink()
    with pytest.raises(Damaged, match=r"00002\.json is gone"):
        read(lake)


@pytest.mark.parametrize("at", [0, -5])
def test_a_damaged_seal_of_the_log_is_written_again(lake, at):
    mark = folder(lake) / "_seals/log" / log(lake, 1).name
    whole = mark.read_bytes()
    changed(mark, at)
    with pytest.raises(Damaged, match=r"seal|copy"):
        read(lake)
    [found] = seals.damages(folder(lake), [])
    assert found.kind == "seal"
    assert seals.restore(folder(lake), found)
    assert mark.read_bytes() == whole


def test_what_a_killed_writer_did_not_seal_is_read_and_sealed_by_the_next_commit(lake):
    sealed = sorted(each.name for each in (folder(lake) / "_seals").iterdir())
    for version in (1, 2):
        (folder(lake) / "_seals/log" / log(lake, version).name).unlink()
    for name in lake.files(TABLE):
        (folder(lake) / "_seals" / name).unlink()
    assert read(lake) == 12
    Lake(lake.root).append(TABLE, rows(1, 90))
    assert {*sealed} - {*(each.name for each in (folder(lake) / "_seals").iterdir())} == {_of_the_first(lake)}
    assert read(lake) == 13


def _of_the_first(lake):
    """The file of the first commit, which was sealed and whose seal was taken away: it is not looked at again."""
    [added] = [json.loads(line)["add"]["path"] for line in log(lake, 0).read_text().splitlines() if '"add"' in line]
    return added


def test_checkpoints_are_sealed_and_come_back(lake):
    for begin in range(20):
        lake.append(TABLE, rows(1, 100 + begin))
    checkpoint = max(folder(lake).glob("_delta_log/*.checkpoint.parquet"))
    whole = checkpoint.read_bytes()
    changed(checkpoint, 100)
    with pytest.raises(Damaged, match="checkpoint"):
        read(lake)
    for found in seals.damages(folder(lake), []):
        assert seals.restore(folder(lake), found)
    assert checkpoint.read_bytes() == whole
    assert read(lake) == 32


def test_periods_that_are_not_asked_for_are_not_read(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    contract = tables.contract(tables.LIST_STATES)
    assert "period" not in contract.partition_by  # then a period is a filter, not a file
    contract = tables.contract(tables.REASONS)
    texts = {c.name: "x" for c in contract.columns_ if c.dtype == pl.String}
    one = {**texts, "rank": 1, "checksum": 1, "content_share": 0.5, "named": ["x"]}
    made = [pl.DataFrame([{**one, "period": period}]) for period in ("2024-01-01", "2024-01-02")]
    lake.append(tables.REASONS, contract.conform(pl.concat(made), partial=True))
    [hurt] = [name for name in lake.files(tables.REASONS) if "2024-01-02" in name]
    changed(seals.Path(lake.uri(tables.REASONS)) / hurt, 50)
    assert Lake(lake.root).scan(tables.REASONS, periods=["2024-01-01"]).collect().height == 1
    with pytest.raises(Damaged):
        Lake(lake.root).scan(tables.REASONS, periods=["2024-01-02"])


def test_a_copied_lake_is_whole(lake, tmp_path):
    shutil.copytree(lake.root, tmp_path / "copy")
    assert read(Lake(str(tmp_path / "copy"))) == 12


def test_a_lost_seal_is_found_and_written_again(lake):
    marks = [folder(lake) / "_seals" / lake.files(TABLE)[0]]
    marks += [folder(lake) / "_seals/log" / log(lake, version).name for version in (1, 2)]  # 2 is the newest commit
    for mark in marks:
        whole = mark.read_bytes()
        mark.unlink()
        assert read(lake) == 12
        [found] = seals.damages(folder(lake), lake.files(TABLE))
        assert found.told == "has no seal: it is lost, or its writer was killed"
        assert seals.restore(folder(lake), found)
        assert mark.read_bytes() == whole
