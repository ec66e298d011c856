"""A draft is tried on the sampled rows before it is written, and what becomes of them is said."""

import datetime as dt
import json

import pytest

from mmrec import drafting
from mmrec.drafting import ends
from mmrec.settings import load
from tests.helpers.drafted import (
    PERSON,
    START,
    TODAY,
    catalogue,
    draft,
    events,
    told,
    uncommented,
    write,
)


def folders(tmp_path, kind):
    """A folder in which something is not found, or not usable."""
    columns_ = {
        "a comment without people": {"comment": lambda at: f"this was really good {at}"},
        "ratings in weeks": {"rating": lambda at: 1 + at % 5},
        "types": {"kind": lambda at: ["shown", "buy"][at % 2]},
    }.get(kind, {})
    write(tmp_path / "events.csv", events(60, hours=20, **columns_))
    write(tmp_path / "items.csv", catalogue(photo=lambda at: f"{at}.png", sound=lambda at: f"http://x.y/{at}.wav"))
    if kind == "people without consent":
        people = [{"user_id": f"{PERSON}-{at}", "bio": f"I like words a lot {at}"} for at in range(6)]
        write(tmp_path / "people.csv", people)


KINDS = ["plain", "a comment without people", "ratings in weeks", "types", "people without consent"]


@pytest.mark.parametrize(
    ("kind", "today"), [*((kind, TODAY) for kind in KINDS), ("ratings in weeks", START.date() + dt.timedelta(days=52))]
)
def test_every_line_that_is_commented_out_loads_with_its_header(tmp_path, kind, today):
    folders(tmp_path, kind)
    drafted = drafting.draft(tmp_path, today)
    assert not drafted.warnings
    tried = []
    for line, text in uncommented(drafted.text):
        (tmp_path / "tried.toml").write_text(text)
        load(tmp_path / "tried.toml", environment={})
        tried.append(line.split()[1])
    assert {"image", "stand_in", "files", "review"} <= set(tried)


def test_reviews_without_consent_stay_out_and_it_is_said_why(tmp_path, init):
    folders(tmp_path, "a comment without people")
    assert "review" not in draft(tmp_path)["interactions"]["columns"]
    assert "found, but not usable yet: column comment holds people's own words" in init(tmp_path)


def test_people_whose_consent_is_not_known_stay_out_and_it_is_said_why(tmp_path):
    folders(tmp_path, "people without consent")
    assert "users" not in draft(tmp_path)
    said = told(tmp_path, "users.files")
    assert "no column says yes or no to whether a person's words may be used; add one and" in said
    assert '# files = ["people.csv"]' in said


@pytest.mark.parametrize(("prefix", "said"), [("", ""), ("U-", "written like 7 where this file writes item_7")])
def test_people_whom_the_events_do_not_name_are_told(tmp_path, prefix, said):
    people = [{"user_id": f"{prefix}{at}", "bio": f"I like words a lot {at}", "consent": "yes"} for at in range(4)]
    write(tmp_path / "people.csv", people)
    write(tmp_path / "events.csv", [row | {"user_id": row["user_id"][-1]} for row in events()])
    write(tmp_path / "items.csv", catalogue())
    assert said in told(tmp_path, "users.columns.user_id")
    assert ("none of the 6" in told(tmp_path, "users.columns.user_id")) == bool(said)


def test_what_becomes_of_the_sampled_rows_is_printed(tmp_path, init):
    rows = list(events(kind=lambda at: ["shown", "buy"][at % 2]))
    rows[1]["time"] = "some day"
    write(tmp_path / "events.csv", [*rows, rows[3]])
    write(tmp_path / "items.csv", [*catalogue(), {"item_id": "i9", "title": ""}])
    said = "29 of 61 events are good, 1 duplicate, 30 ignored, 1 rejected (time_unusable 1)"
    assert f"tried on the sampled rows: {said}; 8 of 9 items are good, 1 rejected (title_missing 1)" in init(tmp_path)


def test_days_of_which_too_much_is_rejected_are_a_warning(tmp_path):
    rows = list(events(40, hours=1, rating=lambda at: 3))
    bad = [row | {"user_id": "", "rating": 1} for row in events(30, hours=0.1)]
    write(tmp_path / "events.csv", [*rows, *bad])
    write(tmp_path / "items.csv", catalogue())
    [warning] = drafting.draft(tmp_path, TODAY).warnings
    assert (
        warning
        == "more than 50% of the sampled events of 1 of 3 periods are rejected, so these are refused: 2024-01-01"
    )


def test_a_big_array_of_json_is_read_up_to_where_the_sample_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(ends, "_WHOLE_BYTES", 3_000)
    rows = list(events(100, hours=1))
    (tmp_path / "events.jsonl").write_text(json.dumps(rows))
    write(tmp_path / "items.csv", catalogue())
    drafted_ = drafting.draft(tmp_path, TODAY)
    assert "rows, read in part" in " ".join(drafted_.text.split())
    assert "the first day of all events;" in drafted_.text
    assert not drafted_.warnings


def test_what_makes_a_draft_useless_is_told(tmp_path, monkeypatch):
    write(tmp_path / "events.csv", events(60, kind=lambda at: "buy"))
    write(tmp_path / "items.csv", catalogue())
    monkeypatch.setattr(drafting, "_name", lambda folder: "no name!")
    [warning] = drafting.draft(tmp_path, TODAY).warnings
    assert warning.startswith("nothing can run with this draft yet: mmrec.toml: name: found 'no name!'")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.csv", "user,item,time\n1,2,3,4,5\n4,5,6,7,8\n", "none of whose 2 rows can be read: the line has 5 fields"),
        ("e.jsonl", "[]", "e.jsonl holds one JSON array; one object a line is expected"),
        ("e.jsonl", "1\n2\n", "e.jsonl holds no line that is a JSON object; one object a line is expected"),
        ("e.csv", "", "e.csv is empty"),
        ("e.jsonl", " \n\n", "e.jsonl is empty"),
        ("e.csv", "user,item,time\n", "e.csv (user, item, time) without any row"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_cause(tmp_path, init, name, content, said):
    (tmp_path / name).write_text(content)
    write(tmp_path / "items.csv", catalogue())
    assert said in init(tmp_path)
