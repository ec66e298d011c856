"""JSON: objects in lines or in an array, numbers keep their digits, a broken line costs no other."""

import gzip
import json
import math

import pytest

from mmrec.ingest import jsonlines, sources
from mmrec.ingest.sources import RefusedFile
from tests.helpers.delivered import COLUMNS, FIRST, ROWS, SECOND, jsonl


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
