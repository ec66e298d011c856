"""`mmrec compare`: the served model beside others, over a published snapshot, with nothing written."""

import json

import pytest

from mmrec.errors import MmrecError
from mmrec.evaluation.fusions import HIDDEN
from mmrec.published import versions
from mmrec.queries import compare
from mmrec_assets.cli import compared


@pytest.fixture(scope="module")
def answer(built):
    return compare.compare(built.lake, built.settings)


def test_every_model_stands_beside_the_served_one(built, answer):
    models = {row["model"] for row in answer["figures"]}
    assert {"mf", "popularity", "item-kNN", "EASE"} <= models
    assert answer["period"] == built.days[-1] and answer["people"] == 12
    assert sum(answer["events"].values()) == sum(
        row[0] for row in built.lake.sql("SELECT count(*) FROM validated.interactions WHERE item_id IS NOT NULL").rows()
    )


def test_nothing_is_written(built):
    before = {
        name: built.lake.version(name) for name in ("model/versions", "model/evaluation", "recommendations/top_k")
    }
    lists = built.scan("recommendations/top_k")
    compare.compare(built.lake, built.settings, ["popularity"], built.days[1])
    assert {name: built.lake.version(name) for name in before} == before
    assert built.scan("recommendations/top_k").equals(lists)


def test_the_figures_are_those_that_the_evaluation_stores(built, answer):
    stored = built.scan("model/evaluation", period=built.days[-1], model="popularity", split="test", segment="all")
    theirs = {row["metric"]: row["value"] for row in stored.iter_rows(named=True)}
    mine = {
        row["metric"]: row["value"]
        for row in answer["figures"]
        if (row["model"], row["split"], row["segment"]) == ("popularity", "test", "all")
    }
    assert mine.keys() == theirs.keys() and mine == pytest.approx(theirs, nan_ok=True)


def test_fusions_stand_beside_the_served_one_with_their_differences(built, answer):
    choice = versions.served_version(built.lake, built.days[-1]).choice
    others = {name for name, kind in compare.FUSIONS.items() if kind != choice.fusion} - {*compare.ONLY_BY_NAME}
    rows = [row for row in answer["figures"] if row["split"] == "test" and row["metric"] == "NDCG@20"]
    assert others and others <= {row["model"] for row in rows if row["minus"] is None}
    told = {(row["minus"], row["segment"]) for row in rows if row["minus"] in others}
    assert told == {(name, segment) for name in others for segment in ("all", "warm items", "cold items")}
    hidden = [row for row in answer["figures"] if row["segment"] == HIDDEN]
    assert {row["model"] for row in hidden if row["minus"] is None} == {"mf", *others}
    assert all(row["people"] > 0 and row["p"] is not None for row in hidden if row["minus"] in others)
    assert "items hidden from the fit" in compared.markdown({**answer, "too_little": None})


def test_some_models_are_named(built):
    few = compare.compare(built.lake, built.settings, ["item-kNN"])
    assert {row["model"] for row in few["figures"]} == {"mf", "item-kNN"}
    with pytest.raises(MmrecError, match=r"^no model is called 'BERT'; there are: popularity, item-kNN, EASE"):
        compare.compare(built.lake, built.settings, ["BERT"])


def test_the_command_prints_tables_markdown_and_json(mmrec, built):
    told = mmrec(built, "compare", "--models", "popularity").out
    assert "mf − popularity" in told and "too few people for an interval" in told
    assert "test was read once a model, by 2 models" in told and "split per_person: " in told
    lines = mmrec(built, "compare", "--models", "popularity", "--markdown").out.splitlines()
    assert any(line.startswith("| model | NDCG@20 [95 % interval] | NDCG@5 |") for line in lines)
    found = json.loads(mmrec(built, "compare", "--models", "popularity", "--json").out)
    assert {row["model"] for row in found["figures"]} == {"mf", "popularity"}


def test_too_little_history_is_one_line(built, answer):
    short = {**answer, "too_little": "too little history: 3 people have test items, expected at least 10"}
    page = compared.markdown(short)
    assert "too little history: 3 people" in page and "| model" not in page
