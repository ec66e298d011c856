"""Whatever wins the search: new items and people known by their words alone have a place in a whole pipeline."""

from dataclasses import replace

import polars as pl
import pytest

from mmrec.evaluation import selection, steered
from mmrec.evaluation.selection import Selection
from mmrec.models import candidates
from mmrec.models.candidates import ITEM_KNN, POPULARITY
from mmrec.planning import graph
from mmrec.published import unplaced
from mmrec.queries import ad_hoc, recommend, sentence, why

LONELY, NEW = "zq-person-lonely", "item-99"
RESORTS = ("plain", ITEM_KNN, pytest.param(POPULARITY, marks=pytest.mark.full))


def winner(problem, resort):
    """A candidate without content, with the map beside it, as the search would give it."""
    plain = replace(problem.start, block_weights=None, links=None)
    others = {each.last_resort: each for each in candidates.last_resorts(plain)}
    return candidates.with_placing(others.get(resort, plain), dict.fromkeys(problem.blocks, 1.0))


@pytest.fixture(params=RESORTS)
def shop(request, fused_shop, monkeypatch):
    """A shop with an item that nobody has met, and a person who has only written a profile."""
    monkeypatch.setattr(selection, "select", lambda problem, *_: Selection(winner(problem, request.param), True, ""))
    fused_shop.add_item(f"{NEW},New,A thing number 4,")
    (fused_shop.data / "people.csv").write_text(f"user_id,consent,about\n{LONELY},yes,A thing number 7\n")
    users = {"files": ["people.csv"], "columns": {"text": ["about"]}}
    shop = fused_shop.configure(users=users, recommendations={"k": 8, "explore": 0.2})
    day = shop.days[-1]
    for node in graph.nodes(shop.settings):
        report = node.run(shop.lake, shop.settings, [day] if node.partitioned else [])
        assert not report.problem, report.problem
    return shop


def test_everybody_and_everything_with_a_text_has_a_place(shop):
    lake, settings, day = shop.lake, shop.settings, shop.days[-1]
    told = " ".join(unplaced.warnings(lake, settings, day))  # the shop has an item without text and picture
    assert NEW not in told and "people" not in told
    assert ad_hoc.for_items(lake, settings, [NEW])["items"]
    assert recommend.recommend(lake, settings, LONELY)["items"]
    assert sentence.for_text(lake, settings, "thing number 4")["items"]
    listed = lake.scan("recommendations/top_k").filter(pl.col("item_id") == NEW).collect()
    assert listed.height > len(shop.people)  # of k = 8 two places are for new items, and nobody has met it
    reasons = lake.scan("recommendations/reasons").filter(pl.col("rank") > 6, pl.col("item_id") == NEW).collect()
    assert reasons["reason"].str.starts_with("New: shown to learn who likes it").all()
    person = listed["user_id"].sort()[0]
    told = why.why(lake, settings, person, NEW)
    assert told["cold"] and sum(told["through"].values()) == pytest.approx(told["score"])
    events = shop.scan("model/evaluation").filter(pl.col("minus") == steered.EXPLORING)
    assert set(events["model"]) <= {selection.MODEL}
