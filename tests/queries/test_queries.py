"""A list, why an item is on it, and what was rejected: exact shares, one clear line for what is unknown, no ids."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.queries import recommend, why
from mmrec.queries import rejected as rejected_rows

_ASK = """
import sys
from pathlib import Path
from mmrec.queries import recommend, rejected, why
from mmrec.lake.store import Lake
from mmrec.settings import load
settings = load(Path(sys.argv[1]) / "mmrec.toml", environment={})
lake = Lake(settings.lake_root)
assert recommend.recommend(lake, settings, sys.argv[2])["items"]
assert rejected.rejected(lake)["rows"] == 0
print(sorted({"torch", "transformers", "great_expectations", "dagster", "pandas"} & set(sys.modules)))
assert why.why(lake, settings, sys.argv[2])["events"]
print(sorted({"torch", "transformers", "great_expectations", "dagster", "pandas"} & set(sys.modules)))
"""


def refused(call, *arguments, **options):
    with pytest.raises(MmrecError) as caught:
        call(*arguments, **options)
    told = str(caught.value)
    assert "\n" not in told
    assert "zq-person" not in told
    return told


# -- recommend ---------------------------------------------------------------------------------------------------------


def test_a_list_has_rank_item_title_score_and_reason(built):
    answer = recommend.recommend(built.lake, built.settings, built.people[3])
    assert (answer["period"], answer["stand_in_media"]) == (built.days[-1], [])
    assert [row["rank"] for row in answer["items"]] == [1, 2, 3]
    scores = [row["score"] for row in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    for row in answer["items"]:
        assert row["title"] == f"Title {int(row['item_id'][-2:])}"
        assert row["reason"].endswith(".")


def test_a_list_of_an_earlier_period(built):
    first = recommend.recommend(built.lake, built.settings, built.people[3], built.days[0])
    assert first["period"] == built.days[0]
    assert first["items"] != recommend.recommend(built.lake, built.settings, built.people[3])["items"]


def test_an_unknown_person_is_one_clear_line_without_the_id(built):
    for ask in (recommend.recommend, why.why):
        told = refused(ask, built.lake, built.settings, "zq-person-nobody")
        assert told.startswith(f"this person has no published list as of {built.days[-1]}")
        assert "mmrec rejected" in told


def test_nothing_published_says_what_to_type(new_shop):
    for ask in (recommend.recommend, why.why):
        told = refused(ask, new_shop.lake, new_shop.settings, new_shop.people[0])
        assert told.startswith("nothing is published yet; type `mmrec run`")


def test_a_period_that_is_not_published_names_those_that_are(fused_shop):
    fused_shop.run(*fused_shop.answers, periods=fused_shop.days[:2])
    told = refused(recommend.recommend, fused_shop.lake, fused_shop.settings, fused_shop.people[0], fused_shop.days[3])
    assert told == f"period {fused_shop.days[3]} is not published; published are: {', '.join(fused_shop.days[:2])}"
    assert (
        recommend.recommend(fused_shop.lake, fused_shop.settings, fused_shop.people[0])["period"] == fused_shop.days[1]
    )


# -- why ---------------------------------------------------------------------------------------------------------------


def test_the_shares_of_everything_sum_to_the_score(built, monkeypatch):
    monkeypatch.setattr(why, "TOP_EVENTS", 1000)
    for person in built.people[:4]:
        listed = recommend.recommend(built.lake, built.settings, person)["items"]
        for row in listed:
            answer = why.why(built.lake, built.settings, person, row["item_id"])
            assert (answer["score"], answer["rank"], answer["title"]) == (row["score"], row["rank"], row["title"])
            assert np.isclose(sum(event["share"] for event in answer["events"]), row["score"])
            assert np.isclose(sum(answer["through"].values()), row["score"])
            assert len(answer["events"]) == answer["events_in_all"]


def test_without_an_item_it_is_the_first_of_the_list(built):
    first = recommend.recommend(built.lake, built.settings, built.people[2])["items"][0]
    answer = why.why(built.lake, built.settings, built.people[2])
    assert (answer["item_id"], answer["rank"]) == (first["item_id"], 1)


def test_every_event_names_the_row_it_was_delivered_in(built):
    person = built.people[1]
    answer = why.why(built.lake, built.settings, person)
    assert answer["events"]
    for event in answer["events"]:
        day = event["source_file"].removeprefix("events-").removesuffix(".csv")
        line = built.lines(day)[event["source_row"] - 1]
        assert line.startswith(f"{person},{event['item_id']},{event['time']:%Y-%m-%dT%H:%M:%S},{event['event']}")
    shares = [event["share"] for event in answer["events"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) <= why.TOP_EVENTS


def test_an_item_is_followed_back_to_its_bytes_and_encoders(built):
    content = why.why(built.lake, built.settings, built.people[1], "item-04")["content"]
    assert (content["source_file"], content["source_row"]) == ("items.csv", 5)
    keys = {m: built.scan(f"embeddings/{m}/current", item_id="item-04").row(0, named=True) for m in ("text", "image")}
    for modality, given in (("text", "A thing number 4"), ("image", "item-04.png")):
        found = content[modality]
        assert (found["input"], found["key"], found["encoder_id"], found["input_sha256"]) == (
            given,
            keys[modality]["key"],
            keys[modality]["encoder_id"],
            keys[modality]["input_hash"],
        )
    assert (content["text"]["encoder"], content["image"]["encoder"]) == ("hash:8", "hash:4")


def test_the_verdicts_of_what_carried_the_score_are_shown(built):
    answer = why.why(built.lake, built.settings, built.people[1])
    found = {(row["asset"], row["period"]): row for row in answer["verdicts"]}
    assert ("validated/items", "") in found
    assert {p for asset, p in found if asset == "validated/interactions"} <= set(built.days)
    assert len(found) > 1
    assert all(row["passed"] for row in found.values())


def test_model_and_snapshot_are_named(built):
    answer = why.why(built.lake, built.settings, built.people[1])
    [version] = built.scan("model/versions", boundary=built.days[2]).iter_rows(named=True)
    assert (answer["model"]["version"], answer["model"]["boundary"]) == (version["version"], built.days[2])
    assert answer["model"]["candidate"] in version["choice"]
    assert answer["snapshot"]["recommendations/top_k"] == built.lake.version("recommendations/top_k")


def test_an_item_that_is_not_on_the_list_can_be_asked_about_too(built):
    listed = {row["item_id"] for row in recommend.recommend(built.lake, built.settings, built.people[1])["items"]}
    other = next(item for item in built.items if item not in listed)
    answer = why.why(built.lake, built.settings, built.people[1], other)
    assert answer["rank"] is None
    assert isinstance(answer["score"], float)


def test_an_unknown_item_is_one_clear_line(built):
    told = refused(why.why, built.lake, built.settings, built.people[1], "item-404")
    assert told.startswith("no item is called 'item-404'")
    assert "mmrec sql" in told


def test_why_answers_from_the_snapshot_and_not_from_what_was_written_since(shop):
    person = shop.people[1]
    before = why.why(shop.lake, shop.settings, person)
    day = shop.days[-1]
    shop.write_events(day, [*shop.lines(day), f"{person},item-12,{day}T23:58:00,purchase,,"])
    shop.edit_item(before["item_id"], title="Another title")
    shop.run(*shop.content, *shop.events, "model/factors", "recommendations/top_k")
    after = why.why(shop.lake, shop.settings, person)
    assert after | {"verdicts": 0} == before | {"verdicts": 0}


# -- rejected ----------------------------------------------------------------------------------------------------------


def test_rejected_rows_are_counted_by_rule_and_shown_with_the_row(judged_shop):
    day = judged_shop.days[1]
    judged_shop.write_events(
        day, [*judged_shop.lines(day), f",item-01,{day},view,,", f"{judged_shop.people[0]},item-01,{day},view,five,"]
    )
    judged_shop.add_item(",No id,,")
    (judged_shop.data / "pictures" / "item-03.png").unlink()
    judged_shop.run(*judged_shop.content, *judged_shop.events)
    answer = rejected_rows.rejected(judged_shop.lake)
    assert answer["rows"] == 3
    assert answer["by_rule"] == [
        {"table": "interactions", "kind": "rejected", "rule": "user_missing", "rows": 1},
        {"table": "interactions", "kind": "rejected", "rule": "value_unusable", "rows": 1},
        {"table": "items", "kind": "rejected", "rule": "item_missing", "rows": 1},
    ]
    assert answer["by_kind"] == {"rejected": 3, "duplicate": 0, "ignored": 0}
    last = len(judged_shop.lines(day))
    shown = {(row["table"], row["source_file"], row["source_row"]): row for row in answer["shown"]}
    assert set(shown) == {
        ("interactions", f"events-{day}.csv", last - 1),
        ("interactions", f"events-{day}.csv", last),
        ("items", "items.csv", 16),
    }
    assert judged_shop.people[0] in shown["interactions", f"events-{day}.csv", last]["row"]
    missing = {"item_id": "item-03", "reason": "the file does not exist", "modality": "image", "user_id": None}
    assert answer["failures"] == [missing]
    assert rejected_rows.rejected(judged_shop.lake, day)["rows"] == 2
    assert rejected_rows.rejected(judged_shop.lake, day)["failures"] == []
    assert len(rejected_rows.rejected(judged_shop.lake, limit=1)["shown"]) == 1
    assert rejected_rows.rejected(judged_shop.lake, limit=1)["rows"] == 3


def test_nothing_rejected_is_said_as_nothing(built):
    assert rejected_rows.rejected(built.lake) == {
        "rows": 0,
        "by_kind": {"rejected": 0, "duplicate": 0, "ignored": 0},
        "by_rule": [],
        "shown": [],
        "failures": [],
    }


@pytest.mark.full  # of the short suite are the commands, in tests/cli/test_cli_errors.py
def test_answers_import_nothing_heavy(built):
    command = [sys.executable, "-c", _ASK, str(built.folder), built.people[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["[]", "[]"]), done.stderr


def test_sql_answers_over_the_same_lake(built):
    found = built.lake.sql(
        "SELECT i.item_id, count(DISTINCT t.user_id) AS people FROM recommendations.top_k t "
        f"JOIN validated.items i USING (item_id) WHERE t.period = '{built.days[-1]}' GROUP BY ALL ORDER BY ALL"
    )
    expected = built.scan("recommendations/top_k", period=built.days[-1]).group_by("item_id").len().sort("item_id")
    assert found.rows() == expected.rows()
    assert built.lake.sql("SELECT count(*) FROM embeddings.text_vectors").item() == 13
    assert (
        built.lake.sql("SELECT max(time) AS t FROM validated.interactions").item()
        == built.scan("validated/interactions").select(pl.col("time").max()).item()
    )
