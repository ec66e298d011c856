"""CSV: every good row survives, every line that does not fit says why, an unusable file is named."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.ingest import sources
from tests.helpers.delivered import FIRST, ROWS, SECOND, jsonl

HEADER = "user_id,item_id,time"


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
