"""Lists for somebody the lake does not know: some items, and what is popular."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.models import factorization
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.published import state
from mmrec.queries import ad_hoc
from mmrec.queries import recommend as recommend_module


def listed(answer):
    return [(row["item_id"], row["score"]) for row in answer["items"]]


def snapshot(shop):
    return {
        table: shop.lake.version(table) for table in ("model/users", "recommendations/top_k", "embeddings/text/words")
    }


def test_items_are_folded_in_as_liked_and_not_listed_again(built):
    answer = ad_hoc.for_items(built.lake, built.settings, ["item-02", "item-00", "item-02"])
    model = state.load(built.lake, built.settings, built.days[-1])
    positions = np.array([model.item_ids.index(item) for item in ("item-00", "item-02")])
    own = Histories.build(np.zeros(2, int), positions, np.ones(2), n_users=1)
    users = factorization.fold_in(model.factors, own)
    scores = Scores(users, model.H, own, model.links).exact(np.zeros(1, int), np.arange(len(model.H))[None])[0]
    wanted = sorted((-score, item) for score, item in zip(scores, model.item_ids, strict=True))
    wanted = [(item, -score) for score, item in wanted if item not in ("item-00", "item-02")][:3]
    assert listed(answer) == wanted
    assert "you liked" in answer["items"][0]["reason"]


def test_what_is_popular_is_counted_in_people(built):
    answer = ad_hoc.popular(built.lake, built.settings, built.days[1])
    people = built.scan("validated/interactions").filter(pl.col("period") <= built.days[1]).drop_nulls("item_id")
    counts = (
        people.group_by("item_id").agg(n=pl.col("user_id").n_unique()).sort("n", "item_id", descending=[True, False])
    )
    assert listed(answer) == [(item, float(n)) for item, n in counts.head(3).iter_rows()]
    assert answer["items"][0]["reason"] == f"{counts['n'][0]} people chose it."


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda shop: ad_hoc.for_items(shop.lake, shop.settings, ["item-00", "nothing"]), "unknown are: nothing"),
        (lambda shop: ad_hoc.for_items(shop.lake, shop.settings, []), "none is named"),
        (lambda shop: ad_hoc.popular(shop.lake, shop.settings, "2023-01-01"), "period 2023-01-01 is not published"),
    ],
)
def test_what_cannot_be_answered_says_why(built, ask, told):
    with pytest.raises(MmrecError) as error:
        ask(built)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_person_gets_a_line_or_the_popular_list(built):
    with pytest.raises(recommend_module.UnknownPerson, match="ask for --popular"):
        recommend_module.recommend(built.lake, built.settings, "zq-person-nobody")


def recommend(shop, *options):
    command = [sys.executable, "-X", "importtime", "-m", "mmrec_assets.cli.command", "recommend", "--json", *options]
    environment = {**os.environ, "MMREC_CONFIG": str(shop.folder / "mmrec.toml")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


def test_the_command_loads_what_it_needs_and_nothing_else(built):
    """Cold: a person's list needs neither torch nor Dagster; a sentence needs torch for one small solve."""
    known, unknown = recommend(built, "--user", built.people[0]), recommend(built, "--user", "zq-nobody", "--popular")
    sentence = recommend(built, "--text", "A thing number 3")
    assert [each.returncode for each in (known, unknown, sentence)] == [0, 0, 0]
    kinds = [json.loads(each.stdout)["list"] for each in (known, unknown, sentence)]
    assert kinds == ["published", "popular", "asked"]
    for each, heavy in ((known, ("torch", "transformers")), (unknown, ("torch",)), (sentence, ("transformers",))):
        imported = {line.rpartition("|")[2].strip() for line in each.stderr.splitlines()}
        assert not imported & {*heavy, "dagster", "great_expectations", "torchvision"}
