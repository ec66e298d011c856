"""Every command that answers in JSON, of one shape."""

import json
import shlex

import polars as pl
import pytest

from mmrec.verification import oracle
from mmrec.verification.comparing import Compared
from mmrec.verification.differences import Difference


def test_plan(mmrec, built, new_shop):
    nothing = mmrec(built, "plan", "--json", "--budget", "1s")
    assert (nothing.code, nothing.json["rows"], nothing.json["verdict"]) == (0, [], "nothing to do")
    assert mmrec(built, "plan").out.strip() == "nothing to do: everything is up to date"
    answer = mmrec(new_shop, "plan", "--last", "2", "--json")
    rows = answer.json["rows"]
    assert (answer.code, answer.json["verdict"], answer.json["unknown"]) == (10, "work to do", list(new_shop.assets))
    assert [row["asset"] for row in rows] == list(new_shop.assets)
    named = {"asset", "reason", "rows", "at_most", "periods", "first", "last", "by_period", "seconds", "bytes"}
    named |= {"work", "unit", "fits"}
    assert set(rows[0]) == named
    assert {row["periods"] for row in rows if row["asset"] == "model/factors"} == {2}
    shown = mmrec(new_shop, "plan").out
    assert "at most" in shown
    assert f"{new_shop.days[0]} … {new_shop.days[-1]} (4)" in shown
    assert "12 people folded in, 1 fit" in shown
    table = mmrec(new_shop, "plan", "--markdown").out
    assert "| model/factors | never built | 12 people folded in, 1 fit | at most 12 |" in table


def test_a_plan_is_held_against_a_budget(mmrec, shop):
    """An edited text, whose cost is known from the first build; exit codes say what a script needs to know."""
    shop.edit_item("item-04", about="another thing")
    under, over = mmrec(shop, "plan", "--budget", "1h"), mmrec(shop, "plan", "--budget", "0.000001")
    assert (under.code, over.code) == (10, 11)
    assert "under budget of 60 min" in under.out
    assert "over budget" in over.out
    costs = mmrec(shop, "plan", "--json").json
    assert costs["seconds"] == pytest.approx(sum(row["seconds"] for row in costs["rows"]))
    assert costs["bytes"] > 0
    assert mmrec(shop, "plan", "--budget", "soon").error.startswith("the budget is 'soon'; expected a time such as 90s")


def test_a_run_dearer_than_its_budget_does_nothing(mmrec, new_shop):
    """On an empty lake nothing says what a run costs, and an unknown cost is under no budget."""
    answer = mmrec(new_shop, "run", "--budget", "1h")
    assert answer.code == 11
    assert "nothing was built here yet" in answer.out
    assert "nothing was run" in answer.err.splitlines()[-1]
    assert not new_shop.lake.exists("raw/items")


def test_recommend(mmrec, built):
    answer = mmrec(built, "recommend", "--user", built.people[3], "--json").json
    assert set(answer) == {"period", "list", "stand_in_media", "items"}
    assert [set(row) for row in answer["items"]] == [{"rank", "item_id", "title", "score", "reason"}] * 3
    shown = mmrec(built, "recommend", "--user", built.people[3]).out
    for row in answer["items"]:
        assert row["title"] in shown
        assert row["reason"] in shown


def test_why(mmrec, built):
    answer = mmrec(built, "why", "--user", built.people[3], "--json").json
    expected = {"period", "item_id", "title", "rank", "score", "cold", "events", "events_in_all", "through", "content"}
    assert set(answer) >= expected | {"model", "verdicts", "snapshot"}
    assert set(answer["events"][0]) >= {"item_id", "share", "source_file", "source_row", "event", "time", "title"}
    shown = mmrec(built, "why", "--user", built.people[3]).out
    assert answer["title"] in shown
    assert answer["events"][0]["source_file"] in shown
    assert "shares of all of them sum to the score" in shown
    assert answer["content"]["text"]["key"][:16] in shown


def test_similar(mmrec, built):
    answer = mmrec(built, "similar", "--item", "item-02", "--by", "image", "--json").json
    assert set(answer) == {"item_id", "title", "by", "has", "stand_in_media", "items"}
    assert {frozenset(row) for row in answer["items"]} == {
        frozenset({"rank", "item_id", "title", "similarity", "compared_by"})
    }
    shown = mmrec(built, "similar", "--item", "item-02").out
    assert "like Title 2 (item item-02)" in shown
    assert "text, picture" in shown
    assert "stand-ins" not in shown


def test_export(mmrec, built, tmp_path):
    answer = mmrec(built, "export", "--to", str(tmp_path / "one"), "--period", built.days[2], "--json").json
    assert (answer["period"], answer["people"], answer["items"]) == (built.days[2], 12, 15)
    shown = mmrec(built, "export", "--to", str(tmp_path / "two")).out
    assert f"12 people and 15 items as of {built.days[-1]}: {tmp_path / 'two'} (factors.safetensors, " in shown
    assert "these files name people" in shown
    assert "is not empty" in mmrec(built, "export", "--to", str(tmp_path / "two")).error


def test_verify(mmrec, shop, monkeypatch):
    """A damaged score ends with 1 and is told with its row, without the person; where nothing differs it is 0."""
    rows = shop.scan("recommendations/top_k")
    score = pl.when((pl.col("user_id") == shop.people[5]) & (pl.col("rank") == 2)).then(9.0).otherwise("score")
    shop.lake.replace("recommendations/top_k", rows.with_columns(score=score))
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.encoders.load", None)  # stored vectors are taken as they are
        answer = mmrec(shop, "verify", "--last", "1", "--stored-vectors")
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[0].startswith(f"rebuilding events and content, and model and lists of {shop.days[-1]}; 3 other")
    told = next(at for at, line in enumerate(lines) if line.startswith("recommendations/top_k"))
    assert "1 row differs, numbers by at most" in lines[told]
    assert lines[told + 1] == f"    first: period {shop.days[-1]}, user_id person 1, rank 2: differs in score"
    assert lines[told + 2].endswith("found 9.0")
    assert shop.people[5] in mmrec(shop, "sql", shlex.split(lines[told + 3])[2]).out
    assert lines[-1].endswith("these do not: recommendations/top_k, ledger/snapshots")
    assert "zq-person" not in answer.out
    equal = Compared("raw/items", 15, "0" * 64)
    first = Difference({"period": "p", "user_id": "person 1"}, {"score": (1.0, 2.0)}, "differs in score", "mmrec sql …")
    outcomes = [equal, Compared("recommendations/top_k", 9, "1" * 64, 1, 1.0, first)]
    for given, code in ((outcomes, 1), (outcomes[:1], 0)):
        monkeypatch.setattr(oracle, "verify", lambda *_, given=given, **__: (each for each in given))
        answer = mmrec(shop, "verify", "--json")
        assert (answer.code, json.loads(answer.out)["equal"]) == (code, code == 0)
    monkeypatch.setattr(oracle, "verify", lambda *_, **__: (each for each in outcomes))
    told = json.loads(mmrec(shop, "verify", "--json").out)["tables"][1]
    assert (told["table"], told["equal"], told["differing"]) == ("recommendations/top_k", False, 1)
    assert told["first"]["columns"] == {"score": {"expected": 1.0, "found": 2.0}}


def test_impact(mmrec, built):
    answer = mmrec(built, "impact", "--item", "item-03", "--json").json
    assert answer["about"] == {"item": "item-03"}
    assert {row["period"] for row in answer["people"]} == set(built.days)
    assert "sql" not in answer
    asked = mmrec(built, "impact", "--item", "item-03", "--json", "--sql").json["sql"]
    assert mmrec(built, "sql", asked["people"], "--json").json == answer["people"]
    shown = mmrec(built, "impact", "--item", "item-03").out
    assert "Title 3" in shown
    assert "lists_at_most" in shown
    assert "SELECT" not in shown
    shown = mmrec(built, "impact", "--item", "item-03", "--sql").out
    assert "FROM recommendations.top_k WHERE item_id IN ('item-03')" in shown
    assert mmrec(built, "impact", "--file", "item-03.png", "--json").json["about"]["kind"] == "media"


def test_rejected(mmrec, built, judged_shop):
    assert mmrec(built, "rejected", "--json").json["by_kind"] == {"rejected": 0, "duplicate": 0, "ignored": 0}
    day = judged_shop.days[0]
    judged_shop.write_events(day, [*judged_shop.lines(day), f",item-01,{day},view,,[bold]"])
    judged_shop.run(*judged_shop.events)
    answer = mmrec(judged_shop, "rejected", "--period", day, "--json").json
    assert answer["by_rule"] == [{"table": "interactions", "kind": "rejected", "rule": "user_missing", "rows": 1}]
    assert answer["shown"][0]["reason"] == "user_id is empty"
    shown = mmrec(judged_shop, "rejected").out
    assert "1 rejected rows, 0 duplicates, 0 ignored; interactions user_missing: 1" in shown
    assert "[bold]" in shown


def test_sql(mmrec, built):
    query = "SELECT item_id, title FROM validated.items ORDER BY item_id LIMIT 2"
    assert mmrec(built, "sql", query, "--json").json == [
        {"item_id": "item-00", "title": "Title 0"},
        {"item_id": "item-01", "title": "Title 1"},
    ]
    shown = mmrec(built, "sql", query).out
    assert "Title 1" in shown
    assert "item_id" in shown
    assert "rows; the first 100 are shown" in mmrec(built, "sql", "SELECT * FROM validated.interactions").out


def test_times_and_vectors_are_written_as_json(mmrec, built):
    [row] = mmrec(built, "sql", "SELECT time, NULL AS none FROM validated.interactions LIMIT 1", "--json").json
    assert row["time"].startswith("2024-01-0")
    assert row["none"] is None
    [row] = mmrec(built, "sql", "SELECT vector FROM fused.items LIMIT 1", "--json").json
    assert len(row["vector"]) == 12
    assert "× 12" in mmrec(built, "sql", "SELECT vector FROM fused.items LIMIT 1").out
