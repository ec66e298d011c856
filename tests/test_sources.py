"""Delivered files: every good row survives, every line that does not fit says why, every unusable file is named."""

import datetime as dt
import json
import os
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec import sources
from mmrec.errors import MmrecError
from mmrec.sources import RefusedFile, Stat

COLUMNS = {"user": "user_id", "item": "item_id", "time": "time"}
HEADER = "user_id,item_id,time"


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it: rows of (user, item, time, problem)."""

    def write_and_read(name, data, columns=COLUMNS):
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        found = sources.read(tmp_path, name, columns)
        assert found["source_file"].unique().to_list() in ([name], [])
        assert found["source_row"].to_list() == list(range(1, found.height + 1))
        return [(*row[:-3], row[-1]) for row in found.rows()]

    return write_and_read


@pytest.fixture
def refused(read):
    def told(*arguments):
        with pytest.raises(RefusedFile) as caught:
            read(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return told


ROWS = [("u1", "i1", "1", None), ("u2", "i2", "2", None)]

# -- CSV ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_separators_line_ends_and_byte_order_marks(read, separator, end, mark):
    lines = [separator.join(cells) for cells in (HEADER.split(","), ["u1", "i1", "1"], ["u2", "i2", "2"])]
    assert read("a.csv", mark + end.join([*lines, ""]).encode()) == ROWS
    assert read("b.csv", mark + end.join(lines).encode()) == ROWS  # without a last line end


def test_columns_may_stand_in_any_order_and_others_are_left_out(read):
    assert read("a.csv", "time,more,user_id,item_id\n1,x,u1,i1\n2,y,u2,i2\n") == ROWS


def test_quotes_hold_separators_line_ends_and_quotes(read):
    data = f'{HEADER}\n"u,1","a ""b""",1\nu2,"two\nlines",2\n'
    assert read("a.csv", data) == [("u,1", 'a "b"', "1", None), ("u2", "two\nlines", "2", None)]


def test_a_quoted_header_is_a_header(read):
    assert read("a.csv", '"user_id","item_id","time"\nu1,i1,1\nu2,i2,2\n') == ROWS


@pytest.mark.parametrize("broken", ["u9", "u9,i9", "u9,i9,9,more"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_does_not_fit_is_a_row_with_a_problem_and_its_neighbours_stay(read, broken, place):
    lines = ["u1,i1,1", "u2,i2,2"]
    lines.insert(place, broken)
    found = read("a.csv", "\n".join([HEADER, *lines]) + "\n")
    assert found.pop(place) == (None, None, None, f"the line has {broken.count(',') + 1} fields, the header 3")
    assert found == ROWS


def test_a_short_line_of_a_file_with_quotes_is_found_too(read):
    data = f'{HEADER}\n"a, b",i1,1\nu2,i2\n"u3",i3,3\n'
    assert [row[-1] for row in read("a.csv", data)] == [None, "the line has 2 fields, the header 3", None]


@pytest.mark.parametrize("broken", ['u9,"i9,9', 'u9,i9,"9'])
def test_a_quote_that_nothing_closes_swallows_no_good_line(read, broken):
    found = read("a.csv", f"{HEADER}\nu1,i1,1\n{broken}\nu2,i2,2\nu3,i3,3\n")
    assert [found[0], found[2]] == ROWS
    assert found[3] == ("u3", "i3", "3", None)
    assert len(found) == 4


def test_blank_lines_are_no_rows(read):
    assert read("a.csv", f"{HEADER}\nu1,i1,1\n\nu2,i2,2\n\n\n") == ROWS


def test_empty_fields_are_missing_values(read):
    found = read("a.csv", f"{HEADER}\n,i1,1\nu2,,2\nu3,i3,\n")
    assert [row[:3] for row in found] == [(None, "i1", "1"), ("u2", None, "2"), ("u3", "i3", None)]


def test_bytes_that_are_no_text_cost_no_other_row(read):
    found = read("a.csv", f"{HEADER}\n".encode() + b"u\xff,i1,1\nu\x00,i2,2\nu3,i3,3\n")
    assert found[0][0] == "u\ufffd"
    assert found[1][0] == "u\x00"
    assert found[2] == ("u3", "i3", "3", None)
    slow = read("b.csv", f"{HEADER}\n".encode() + b"u\xff,i1,1\nu\x00,i2,2\nu3,i3,3\nx\n")
    assert slow[:3] == found


def test_a_lone_carriage_return_is_no_crash(read):
    found = read("a.csv", f"{HEADER}\nu1,i1,1\nu9,i\r9,9\nx\nu2,i2,2\n")
    assert [found[0], found[-1]] == ROWS
    assert all(row[-1] for row in found[1:-1])


def test_a_header_alone_is_no_rows(read):
    assert read("a.csv", HEADER) == []
    assert read("b.csv", HEADER + "\n") == []


def test_a_renamed_header_is_refused_and_shown(refused):
    assert refused("a.csv", "userid,item_id,time\nu1,i1,1\n") == (
        "has no column user_id; its header is: userid, item_id, time"
    )
    assert refused("b.csv", "User_Id,Item_Id,Time\nu1,i1,1\n").startswith("has no column item_id, time, user_id;")


def test_an_empty_file_is_refused(refused):
    assert refused("a.csv", "") == "has no column item_id, time, user_id; its header is: empty"
    assert refused("b.csv", "\n\n").endswith("its header is: empty")


def test_a_first_line_of_values_is_not_repeated(refused):
    told = refused("a.csv", "zq-person-7,item-1,2024-01-01T00:00:00\n")
    assert told.endswith("its first line holds 3 values instead of column names")
    assert "zq-person" not in told


def test_a_field_beyond_any_reason_refuses_the_file_by_name(refused):
    assert refused("a.csv", f"{HEADER}\nx\n" + "u" * (1 << 25) + ",i1,1\n").startswith("cannot be read as csv: field")


def test_several_columns_of_text_come_as_a_list(read):
    found = read("a.csv", "id,a,b\n1,x,\n2,y,z\n", {"id": "id", "text": ["b", "a"], "none": None})
    assert [row[:3] for row in found] == [("1", [None, "x"], None), ("2", ["z", "y"], None)]


CELLS = st.text(st.characters(blacklist_characters='",\r\n\0', blacklist_categories=["Cs"]), min_size=1, max_size=8)


@given(lines=st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=8))
def test_every_line_of_a_csv_is_a_row_as_it_is_or_one_with_a_problem(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv", numbered=True)
    text = "\n".join(["a,b,c", *[",".join(cells) for cells in lines]]) + "\n"
    (folder / "f.csv").write_bytes(text.encode())
    found = sources.read(folder, "f.csv", {"a": "a", "b": "b", "c": "c"}).select("a", "b", "c", "problem").rows()
    assert [row[3] is None for row in found] == [len(cells) == 3 for cells in lines]
    assert [list(row[:3]) for row in found if row[3] is None] == [cells for cells in lines if len(cells) == 3]


# -- Parquet -----------------------------------------------------------------------------------------------------------


def parquet(tmp_path, name="a.parquet", **columns):
    pl.DataFrame(columns).write_parquet(tmp_path / name)
    return (tmp_path / name).read_bytes()


def test_typed_columns_become_the_text_that_rules_read(read, tmp_path):
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 678)
    zoned = pl.Series([moment]).dt.replace_time_zone("Europe/Berlin")
    columns = {name: name for name in ("id", "naive", "zoned", "day", "value", "flag", "none")}
    data = parquet(
        tmp_path, id=[7], naive=[moment], zoned=zoned, day=[moment.date()], value=[4.5], flag=[True], none=[None]
    )
    assert read("a.parquet", data, columns) == [
        ("7", "2024-01-02T03:04:05.000678", "2024-01-02T03:04:05.000678+01:00", "2024-01-02", "4.5", "true", None, None)
    ]


def test_a_parquet_column_that_is_absent_or_nested_refuses_the_file(refused, tmp_path):
    data = parquet(tmp_path, user_id=["u"], item_id=["i"])
    assert refused("a.parquet", data) == "has no column time; its header is: user_id, item_id"
    data = parquet(tmp_path, user_id=["u"], item_id=[["i"]], time=[1])
    assert refused("a.parquet", data).startswith("column item_id holds List(String)")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"x" * 99])
def test_a_damaged_parquet_file_is_refused(refused, tmp_path, damage):
    data = parquet(tmp_path, user_id=["u"], item_id=["i"], time=[1])
    assert refused("a.parquet", damage(data)).startswith("cannot be read as parquet: ")


def test_flipped_bytes_in_a_parquet_file_never_crash(tmp_path):
    data = parquet(tmp_path, user_id=[f"u{n}" for n in range(99)], item_id=["i"] * 99, time=list(range(99)))
    for at in range(4, len(data), 23):
        damaged = bytearray(data)
        damaged[at] ^= 0xFF
        (tmp_path / "a.parquet").write_bytes(damaged)
        try:
            sources.read(tmp_path, "a.parquet", COLUMNS)
        except RefusedFile as error:
            assert "\n" not in str(error)


# -- JSON lines --------------------------------------------------------------------------------------------------------


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


FIRST, SECOND = {"user_id": "u1", "item_id": "i1", "time": 1}, {"user_id": "u2", "item_id": "i2", "time": 2}


def test_one_object_a_line(read):
    assert read("a.jsonl", jsonl(FIRST, SECOND)) == ROWS
    assert read("b.jsonl", "\ufeff" + jsonl(FIRST, SECOND).replace("\n", "\r\n\r\n")) == ROWS


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ('{"user_id": "u9",', "the line is not JSON: "),
        ("nonsense", "the line is not JSON: "),
        ("[1, 2]", "the line is not a JSON object"),
        ('"text"', "the line is not a JSON object"),
        ('{"user_id": ' + "[" * 100_000 + "]" * 100_000 + "}", "the line is not JSON that can be read"),
        ('{"user_id": ' + "9" * 5000 + "}", "the line is not JSON that can be read"),
    ],
)
def test_a_broken_line_is_a_row_with_a_problem_and_its_neighbours_stay(read, broken, problem):
    found = read("a.jsonl", jsonl(FIRST) + broken + "\n" + jsonl(SECOND))
    assert [found[0], found[2]] == ROWS
    assert found[1][:3] == (None, None, None)
    assert found[1][3].startswith(problem)
    assert len(found) == 3


@pytest.mark.parametrize("tail", ["", "broken\n"])
def test_characters_that_end_lines_elsewhere_do_not_end_one_here(read, tail):
    row = {**FIRST, "item_id": "a\u2028b\x85c"}
    assert read("a.jsonl", json.dumps(row, ensure_ascii=False) + "\n" + tail)[0][1] == "a\u2028b\x85c"


@pytest.mark.parametrize("tail", ["", "broken\n"])
def test_half_a_surrogate_pair_costs_no_other_row(read, tail):
    found = read("a.jsonl", '{"user_id": "u\\ud800", "item_id": "i", "time": 1}\n' + jsonl(SECOND) + tail)
    assert found[1] == ROWS[1]
    assert found[0][1:3] == ("i", "1")


@pytest.mark.parametrize("tail", ["", "broken\n"])
def test_values_of_any_kind_become_text(read, tail):
    row = {"user_id": 7, "item_id": ["a", "b"], "time": {"s": 1}}
    found = read("a.jsonl", jsonl(row) + tail)[0]
    assert found[:2] == ("7", "a b")
    assert json.loads(found[2]) == {"s": 1}


def test_a_key_that_some_lines_lack_is_missing_there(read):
    assert read("a.jsonl", jsonl(FIRST, {"user_id": "u2", "time": 2}))[1] == ("u2", None, "2", None)


def test_a_key_that_no_line_has_refuses_the_file(refused):
    assert refused("a.jsonl", jsonl({"user_id": "u", "item_id": "i", "at": 1})).startswith(
        "has no column time; its header is: "
    )
    assert "has no column" in refused("b.jsonl", jsonl({"user_id": "u", "item_id": "i", "at": 1}) + "broken\n")


def test_an_empty_file_of_lines_is_no_rows(read):
    assert read("a.jsonl", "") == []
    assert read("b.jsonl", "\n\n") == []


# -- finding and hashing -----------------------------------------------------------------------------------------------


def test_files_are_found_by_pattern_sorted_and_once(tmp_path):
    for name in ("b.csv", "a.csv", "sub/c.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert sources.find(tmp_path, ["*.csv", "a.*", "**/*.jsonl"], "k") == ["a.csv", "b.csv", "sub/c.jsonl"]


@pytest.mark.parametrize("pattern", ["/etc/*.csv", ""])
def test_patterns_stay_inside_the_data_folder(tmp_path, pattern):
    with pytest.raises(MmrecError) as caught:
        sources.find(tmp_path, [pattern], "interactions.files")
    assert str(caught.value).startswith("interactions.files: ")


def test_no_file_and_files_of_another_kind_name_the_setting(tmp_path):
    with pytest.raises(MmrecError, match=r"items\.files: no file matches \*\.csv in .*; put files there or change"):
        sources.find(tmp_path, ["*.csv"], "items.files")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(MmrecError, match=r"items\.files: a\.xlsx is not one of \.csv, \.parquet, \.jsonl"):
        sources.find(tmp_path, ["*"], "items.files")


def test_a_file_is_hashed_again_only_when_size_or_time_differ(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    old = time.time_ns() - 60 * 10**9
    os.utime(path, ns=(old, old))
    with path.open("rb") as file:
        first = sources.stat(file, None)
    assert first.mtime_ns == old
    lie = Stat(first.size_bytes, first.mtime_ns, "believed")
    with path.open("rb") as file:
        assert sources.stat(file, lie) is lie
    os.utime(path, ns=(old + 1, old + 1))
    with path.open("rb") as file:
        assert sources.stat(file, lie).sha256 == first.sha256


def test_a_file_that_is_still_fresh_is_hashed_again_the_next_time(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    with path.open("rb") as file:
        first = sources.stat(file, None)
    now = path.stat().st_mtime_ns
    path.write_bytes(b"two")  # within the same tick, of the same size
    os.utime(path, ns=(now, now))
    with path.open("rb") as file:
        assert sources.stat(file, first).sha256 != first.sha256
