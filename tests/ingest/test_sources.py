"""Delivered files: every good row survives, every line that does not fit says why, every unusable file is named."""

import datetime as dt
import gzip
import json
import math
import os
import time
import uuid

import polars as pl
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.errors import MmrecError
from mmrec.ingest import jsonlines, sources
from mmrec.ingest import parquet as parquet_module
from mmrec.ingest.sources import RefusedFile, Stat

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
    assert found[0] == ("u\ufffd", "i1", "1", "the line holds bytes that are not UTF-8; save the file as UTF-8")
    assert found[1] == ("u\x00", "i2", "2", None)
    assert found[2] == ("u3", "i3", "3", None)
    slow = read("b.csv", f"{HEADER}\n".encode() + b"u\xff,i1,1\nu\x00,i2,2\nu3,i3,3\nx\n")
    assert slow[:3] == found


def test_two_ids_that_differ_in_a_byte_that_is_no_text_never_become_one(read):
    for data in ("u\xe9,i,1\nu\xe8,i,2\n".encode("latin-1"), b'u\xe9,i,1\nu\xe8,i,2\n"short"\n'):
        assert all(row[-1] for row in read("a.csv", f"{HEADER}\n".encode() + data))
    assert read("b.csv", f"{HEADER}\nu\ufffd,i,1\n") == [("u\ufffd", "i", "1", None)]  # a character like any other


def test_utf_16_is_refused_by_name(refused):
    text = f"{HEADER}\nu1,i1,1\n"
    for data in (text.encode("utf-16"), b"\xfe\xff" + text.encode("utf-16-be"), text.encode("utf-16-le")):
        assert refused("a.csv", data) == "is written in UTF-16; UTF-8 is expected: save it as UTF-8"
    assert "UTF-16" in refused("a.jsonl", jsonl(FIRST).encode("utf-16"))
    assert refused("a.csv", b"PK\x03\x04 a workbook\0").startswith("holds no text in its first line")


def test_spaces_around_a_name_and_blank_lines_before_the_header_do_not_matter(read):
    assert read("a.csv", "\r\n\n user_id ,item_id, time\nu1,i1,1\nu2,i2,2\n") == ROWS
    assert read("b.csv", ' user_id ,item_id, time\nu1,i1,1\nu2,i2,2\n"short"\n')[:2] == ROWS


def test_a_name_that_stands_twice_is_refused_where_it_is_asked_for(read, refused):
    assert read("a.csv", "more,user_id,item_id,time,more\nx,u1,i1,1,y\nx,u2,i2,2,y\n") == ROWS
    told = refused("b.csv", "user_id,item_id,time,user_id\nu1,i1,1,u2\n")
    assert told == "has 2 columns called user_id; one is expected: rename one"


def test_tabs_and_packed_files(read, refused):
    tabs = "user_id\titem_id\ttime\nu1\ti1\t1\nu2\ti2\t2\n"
    assert read("a.tsv", tabs) == ROWS
    assert read("a.TSV.gz", gzip.compress(tabs.encode())) == ROWS
    assert read("a.csv.gz", gzip.compress(b"\xef\xbb\xbf" + tabs.encode())) == ROWS
    assert read("a.jsonl.gz", gzip.compress(jsonl(FIRST, SECOND).encode())) == ROWS
    assert read("a.csv", gzip.compress(tabs.encode())) == ROWS  # its name does not say that it is packed
    assert read("b.csv.gz", tabs) == ROWS  # nor that it is not
    assert refused("c.csv.gz", gzip.compress(tabs.encode())[:-9]).startswith("cannot be unpacked as gzip: ")
    assert refused("d.csv.gz", gzip.compress(tabs.encode() * 99)[:40] + b"x" * 99).startswith("cannot be unpacked")


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


def test_a_parquet_column_that_is_absent_refuses_the_file(refused, tmp_path):
    data = parquet(tmp_path, user_id=["u"], item_id=["i"])
    assert refused("a.parquet", data) == "has no column time; its header is: user_id, item_id"


def test_numbers_lists_and_objects_become_text(read, tmp_path):
    columns = {
        "float": [7.0, None, float("nan"), 0.5, 1e20],
        "big": [12345678901234567890, 0, None, 1, 2],
        "tags": [["a", None, "b"], [], None, ["c"], ["d"]],
        "numbers": [[1.0, 2.5], None, None, None, None],
        "object": [{"a": 1, "b": "x"}, None, None, None, None],
        "category": pl.Series(["007", None, "1e5", "", "x"], dtype=pl.Categorical),
        "price": pl.Series(["1.50", None, None, None, None]).cast(pl.Decimal(10, 2)),
        "pair": pl.Series([[1, 2], None, None, None, None], dtype=pl.Array(pl.Int64, 2)),
        "bytes": [b"u1", None, None, None, None],
    }
    found = read("a.parquet", parquet(tmp_path, **columns), {name: name for name in columns})
    assert [row[0] for row in found] == ["7", None, None, "0.5", "1e+20"]
    assert [row[1] for row in found] == ["12345678901234567890", "0", None, "1", "2"]
    assert [row[2] for row in found] == ["a b", "", None, "c", "d"]
    assert [row[5] for row in found] == ["007", None, "1e5", "", "x"]
    assert (found[0][3], json.loads(found[0][4])) == ("1 2.5", {"a": 1, "b": "x"})
    assert found[0][6:] == ("1.50", "1 2", "u1", None)


def test_decimals_that_are_whole_are_the_ids_they_are_elsewhere(read, tmp_path):
    ids = pl.Series(["7", "7.5", None, "12345678901234567890"]).cast(pl.Decimal(38, 10))
    found = read("a.parquet", parquet(tmp_path, id=ids), {"id": "id"})
    assert [row[0] for row in found] == ["7", "7.5000000000", None, "12345678901234567890"]


def test_uuids_are_written_as_usual_and_other_bytes_are_the_text_they_hold(read, tmp_path):
    ids = [uuid.UUID(int=at) for at in (0, 2**127)]  # all zeros would be text as well
    columns = {
        "marked": pyarrow.array([each.bytes for each in ids], pyarrow.uuid()),
        "bare": pyarrow.array([ids[1].bytes, None], pyarrow.binary(16)),
        "text": pyarrow.array([b"sixteen letters!", "é".encode()]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet", use_dictionary=False)
    found = read("a.parquet", (tmp_path / "a.parquet").read_bytes(), {name: name for name in columns})
    assert found == [(str(ids[0]), str(ids[1]), "sixteen letters!", None), (str(ids[1]), None, "é", None)]
    sampled = parquet_module.as_text(pl.scan_parquet(tmp_path / "a.parquet"), ["bare", "text"]).collect()
    assert sampled.rows() == [(*row[1:3], None) for row in found]


def test_an_id_that_is_an_object_is_refused_by_name(refused, tmp_path):
    data = parquet(tmp_path, user_id=[{"oid": "zq-person"}], item_id=["i"], time=[1])
    told = refused("a.parquet", data, {name: name for name in ("user_id", "item_id", "time")})
    assert told == "user_id is an object with the fields oid; text or a number is expected"


def test_bytes_in_a_parquet_column_that_are_no_text_refuse_the_file(refused, tmp_path):
    data = parquet(tmp_path, user_id=[b"\xff\xfe"], item_id=["i"], time=[1])
    assert refused("a.parquet", data).startswith("cannot be read as parquet: ")


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
        ('{"user_id": {"a": ' + "9" * 5000 + "}}", "the line is not JSON that can be read"),
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


NUMBERS = ["7", "-0", "1.0", "1e5", "1E+05", "0.10", "12345678901234567890", "1" * 40, "9007199254740993"]


@pytest.mark.parametrize("tail", ["", "broken\n", '{"user_id": "x", "item_id": "i", "time": 1}\n'])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_keeps_its_digits(read, number, tail):
    data = f'{{"user_id": {number}, "item_id": "{number}", "time": 1}}\n{tail}'
    assert read("a.jsonl", data)[0] == (number, number, "1", None)


@pytest.mark.parametrize("tail", ["", "broken\n"])
def test_null_and_nan_are_no_value_and_their_names_are(read, tail):
    rows = [{"user_id": "null", "item_id": "NaN", "time": True}, {"user_id": None, "item_id": math.nan, "time": 1}]
    found = read("a.jsonl", jsonl(*rows) + tail)[:2]
    assert found == [("null", "NaN", "true", None), (None, None, "1", None)]


def test_a_list_among_texts_and_a_null_in_a_list(read):
    rows = [{**FIRST, "item_id": ["a", None, True, 1.0]}, {**FIRST, "item_id": "b"}]
    assert [row[1] for row in read("a.jsonl", jsonl(*rows))] == ["a true 1.0", "b"]
    assert [row[1] for row in read("a.jsonl", jsonl(rows[1], {**FIRST, "item_id": ["a", None]}))] == ["b", "a"]
    assert [row[1] for row in read("a.jsonl", jsonl({**FIRST, "item_id": ["a", None]}))] == ["a"]


@pytest.mark.parametrize("tail", ["", "broken\n"])
def test_a_key_that_no_row_needs_may_be_absent_from_every_line(tmp_path, tail):
    event = {"user_id": "u1", "time": 1, "event": "view", "item_id": "i1"}
    columns = {**{name: name for name in event}, "query": "query", "value": "stars"}
    (tmp_path / "a.jsonl").write_text(jsonl(event) + tail)
    assert sources.read(tmp_path, "a.jsonl", columns).select("item_id", "query", "value").row(0) == ("i1", None, None)
    del event["item_id"]
    (tmp_path / "b.jsonl").write_text(jsonl({**event, "query": "red"}) + tail)
    assert sources.read(tmp_path, "b.jsonl", columns).select("item_id", "query").row(0) == (None, "red")
    with pytest.raises(RefusedFile, match="has no column item_id; its header is: user_id, time, event, query"):
        sources.read(tmp_path, "b.jsonl", {name: name for name in (*event, "item_id")} | {"query": None})


def test_a_key_that_some_lines_lack_is_missing_there(read):
    assert read("a.jsonl", jsonl(FIRST, {"user_id": "u2", "time": 2}))[1] == ("u2", None, "2", None)


def test_a_key_that_no_line_has_refuses_the_file(refused):
    assert refused("a.jsonl", jsonl({"user_id": "u", "item_id": "i", "at": 1})).startswith(
        "has no column time; its header is: "
    )
    assert "has no column" in refused("b.jsonl", jsonl({"user_id": "u", "item_id": "i", "at": 1}) + "broken\n")


def test_objects_that_lie_in_another_are_named_by_its_keys_and_ids_are_not(refused):
    assert refused("a.json", json.dumps({"meta": 1, "data": [FIRST]}, indent=1)) == (
        "has no column time; the keys of its objects are: meta, data"
    )
    assert refused("b.json", json.dumps({"zq-person-1": FIRST})).endswith("the keys of its objects are: 1 others")


def test_an_empty_file_of_lines_is_no_rows(read):
    assert read("a.jsonl", "") == []
    assert read("b.jsonl", "\n\n") == []


OBJECTS = [FIRST, SECOND]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2),
        json.dumps(OBJECTS, indent=2).replace("\n", "\r\n") + "\r\n",
        "\ufeff \n[\n" + ",\n".join(map(json.dumps, OBJECTS)) + "\n]\n\n",
        "\n".join(json.dumps(each, indent=2) for each in OBJECTS),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.json.gz"])
def test_objects_may_be_laid_out_over_lines_or_in_an_array(read, name, text):
    assert read(name, gzip.compress(text.encode()) if name.endswith("gz") else text) == ROWS


def test_an_array_keeps_digits_and_rejects_what_is_no_object(read):
    found = read("a.json", '[{"user_id": 1.0, "item_id": "i", "time": 1e5}, 5, [], null]')
    assert found[0] == ("1.0", "i", "1e5", None)
    assert [row[3] for row in found[1:]] == ["the line is not a JSON object"] * 3


@pytest.mark.parametrize("cut", [-1, -20])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_that_breaks_off_is_refused_and_a_sample_of_it_is_not(refused, cut, indent):
    text = json.dumps(OBJECTS, indent=indent)[:cut]
    assert refused("a.json", text).startswith("is JSON that is broken, or breaks off, behind character ")
    assert jsonlines.read(text.encode(), ["user_id"])["user_id"].to_list()[:1] == ["u1"]
    assert jsonlines.keys(text.encode()) == list(FIRST)
    assert "behind character" in refused("b.json", json.dumps(OBJECTS, indent=indent) + " {")


def test_a_first_line_that_is_broken_or_an_array_is_a_line_like_any_other(read):
    for line in ('{"user_id": "u9",', "[1, 2]", json.dumps(OBJECTS)):
        found = read("a.jsonl", line + "\n" + jsonl(*OBJECTS))
        assert found[1:] == ROWS
        assert found[0][3]


@pytest.mark.parametrize("value", [{"$oid": "zq-person"}, {"zq-person-7": 1}, {}])
@pytest.mark.parametrize("layout", [jsonl, lambda *rows: json.dumps(rows)])
def test_an_id_that_is_an_object_is_a_problem_that_quotes_none(tmp_path, value, layout):
    columns = {name: name for name in ("user_id", "item_id", "time")}
    (tmp_path / "a.jsonl").write_text(layout(FIRST, {**SECOND, "user_id": value}))
    found = sources.deliver(tmp_path, "a.jsonl", columns)
    shown = '{"$oid": …}' if "$oid" in value else "{…}"
    assert found.rows["problem"].to_list() == [
        None,
        f"user_id is an object such as {shown}; text or a number is expected",
    ]
    assert (found.lines.total, found.lines.rows, found.lines.rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("name", "data", "counts"),
    [
        ("a.jsonl", jsonl(FIRST) + "\n \n" + jsonl(SECOND), (4, 2, 0, 2)),
        ("a.jsonl", jsonl(FIRST) + "broken\n\n" + jsonl(SECOND).strip(), (4, 2, 1, 1)),
        ("a.jsonl", "", (0, 0, 0, 0)),
        ("a.json", json.dumps([FIRST, 1, SECOND], indent=1), (3, 2, 1, 0)),
    ],
)
def test_lines_of_json_are_accounted_for(tmp_path, name, data, counts):
    (tmp_path / name).write_text(data)
    lines = sources.deliver(tmp_path, name, COLUMNS).lines
    assert (lines.total, lines.rows, lines.rejected, lines.blank) == counts
    assert lines.add_up


def test_rows_of_parquet_are_accounted_for(tmp_path):
    parquet(tmp_path, user_id=["u", None], item_id=["i", "j"], time=[1, 2])
    lines = sources.deliver(tmp_path, "a.parquet", COLUMNS).lines
    assert (lines.total, lines.rows) == (2, 2)


# -- finding and hashing -----------------------------------------------------------------------------------------------


def test_files_are_found_by_pattern_sorted_and_once(tmp_path):
    for name in ("b.csv", "a.csv", "sub/c.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert sources.find(tmp_path, ["*.csv", "a.*", "**/*.jsonl"], "k") == ["a.csv", "b.csv", "sub/c.jsonl"]


def test_two_stars_stand_for_any_folders_without_the_hidden_ones(tmp_path):
    for name in ("a.csv", "one/b.csv", "one/two/c.csv.gz", ".mmrec/lake/d.csv", ".e.csv", "one/.f/g.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    everything = ["a.csv", "one/b.csv", "one/two/c.csv.gz"]
    assert sources.find(tmp_path, ["**/*.csv*"], "k") == everything
    assert sources.find(tmp_path, ["**"], "k") == everything
    assert sources.find(tmp_path, ["one/**"], "k") == everything[1:]
    assert sources.find(tmp_path, [".mmrec/*/*.csv"], "k") == [".mmrec/lake/d.csv"]


def test_a_file_name_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / os.fsdecode(b"a\xff.csv")).touch()
    with pytest.raises(MmrecError, match="has a name that is not UTF-8"):
        sources.find(tmp_path, ["*.csv"], "k")


@pytest.mark.parametrize("pattern", ["/etc/*.csv", "", "../*.csv", "sub/../../*.csv"])
def test_patterns_stay_inside_the_data_folder(tmp_path, pattern):
    with pytest.raises(MmrecError) as caught:
        sources.find(tmp_path, [pattern], "interactions.files")
    assert str(caught.value).startswith("interactions.files: ")


def test_no_file_and_files_of_another_kind_name_the_setting(tmp_path):
    with pytest.raises(MmrecError, match=r"items\.files: no file matches \*\.csv in .*; put files there or change"):
        sources.find(tmp_path, ["*.csv"], "items.files")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(MmrecError, match=r"items\.files: a\.xlsx is not one of \.csv, \.tsv, \.jsonl, "):
        sources.find(tmp_path, ["*"], "items.files")


def settled(path):
    """Waits until a file is no longer so fresh that it is hashed again in any case."""
    while time.time_ns() - path.stat().st_ctime_ns < 30_000_000:
        time.sleep(0.01)


def test_a_file_is_hashed_again_only_when_size_or_time_differ(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    settled(path)
    with path.open("rb") as file:
        first = sources.stat(file, None)
    assert first.ctime_ns == path.stat().st_ctime_ns
    lie = Stat(first.size_bytes, first.ctime_ns, "believed")
    with path.open("rb") as file:
        assert sources.stat(file, lie) is lie
    path.touch()
    settled(path)
    with path.open("rb") as file:
        assert sources.stat(file, lie).sha256 == first.sha256


def test_a_file_of_the_same_size_whose_time_was_set_back_is_hashed_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    settled(path)
    was = path.stat()
    with path.open("rb") as file:
        first = sources.stat(file, None)
    path.write_bytes(b"two")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    settled(path)
    assert path.stat().st_mtime_ns == was.st_mtime_ns
    assert not sources.untouched(path, first)
    with path.open("rb") as file:
        assert sources.stat(file, first).sha256 != first.sha256


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


def test_a_file_is_untouched_while_it_looks_as_it_did_and_can_be_read(tmp_path, monkeypatch):
    file = tmp_path / "0.png"
    file.write_bytes(b"one")
    settled(file)
    with file.open("rb") as opened:
        known = sources.stat(opened, None)
    assert sources.untouched(file, known)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)  # root may read everything
        assert not sources.untouched(file, known)
    file.touch()
    assert not sources.untouched(file, known)
    assert not sources.untouched(tmp_path / "absent.png", known)
    moved = file.rename(tmp_path / "1.png")
    settled(moved)
    with moved.open("rb") as opened:
        known = sources.stat(opened, None)
    file.symlink_to(moved)
    assert sources.untouched(moved, known)
    assert not sources.untouched(file, known)
