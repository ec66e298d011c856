"""Lists re-ranked for diversity: made for whom a change can reach, equal to all made anew, foreseen and explained."""

import polars as pl
import pytest

from mmrec.evaluation import metrics, steered
from mmrec.lists import top_k
from mmrec.lists.top_k import State, Steering
from mmrec.models import diversity
from mmrec.planning.walk import plan
from mmrec.published.features import Features
from mmrec.published.state import aligned, load
from mmrec.queries import compare, why
from tests.helpers.listed import FACTORS, ORDER, REASONS, TOP_K, rows

K, DIVERSITY = 4, 0.7


@pytest.fixture
def shop(fused_shop):
    return fused_shop.configure(recommendations={"k": K, "diversity": DIVERSITY})


def anew(shop, day):
    """A day's lists, made without looking at any that are there."""
    served = load(shop.lake, shop.settings, day)
    state = State.of(served, K, Steering.of(shop.lake, shop.settings.recommendations))
    features = Features(shop.lake)
    content = diversity.directions(aligned(features.matrix, features.item_ids, served.item_ids))
    return top_k.brought_up_to_date(served, state, None, "1", content).rows.sort(ORDER[TOP_K])


def of_day(shop, day):
    return rows(shop, TOP_K).filter(pl.col("period") == day)


def test_lists_are_those_of_the_rule_over_the_best_candidates(shop):
    day = shop.days[-1]
    shop.run(*shop.events, FACTORS, TOP_K, periods=[day])
    served = load(shop.lake, shop.settings, day)
    best = served.scores.top_k(served.seen, diversity.candidates(K), served.item_order, served.servable)
    features = Features(shop.lake)
    content = aligned(features.matrix, features.item_ids, served.item_ids)
    wanted, _ = diversity.reranked(best, diversity.directions(content), K, DIVERSITY)
    found = of_day(shop, day).group_by("user_id", maintain_order=True).agg("item_id")
    assert found["item_id"].to_list() == [[served.item_ids[at] for at in row if at >= 0] for row in wanted]
    plain, _ = served.scores.top_k(served.seen, K, served.item_order, served.servable)
    assert (wanted != plain).any()
    assert metrics.diversity(wanted, content).mean() > metrics.diversity(plain, content).mean()


def test_only_people_whose_list_can_change_are_computed(shop):
    (third, fourth), everybody = shop.days[-2:], len(shop.people)
    shop.write_events(fourth, shop.lines(fourth)[:1])
    shop.run(*shop.events)
    shop.run(FACTORS, TOP_K, periods=[third])
    counts = shop.run(FACTORS, TOP_K, periods=[fourth])[TOP_K].facts
    assert counts == {"k": K, "diversity": DIVERSITY, "people_computed": 1, "people_merged": 0, "people_copied": 11}
    code = of_day(shop, fourth)["state"].unique()
    assert of_day(shop, fourth).drop("state").equals(anew(shop, fourth).drop("state")) and code.len() == 1
    shop.edit_item("item-03", about="Something else")  # it may stand among anybody's candidates
    shop.run(*shop.content, *shop.events, "fused/items")
    said = next(row for row in plan(shop.lake, shop.settings, [fourth]).rows if row.asset == TOP_K)
    report = shop.run(FACTORS, TOP_K, periods=[fourth])[TOP_K]
    assert report.facts["people_computed"] == everybody
    assert said.work == report.total("work")
    assert of_day(shop, fourth).drop("state").equals(anew(shop, fourth).drop("state"))


def test_what_was_made_by_score_alone_is_no_start(shop):
    day = shop.days[-1]
    shop.configure(recommendations={"diversity": 0.0})
    shop.run(*shop.events, FACTORS, TOP_K, periods=[day])
    plain = of_day(shop, day)
    for share, same in ((DIVERSITY, False), (0.0, True)):
        shop.configure(recommendations={"diversity": share})
        assert shop.run(TOP_K, periods=[day]).facts["people_computed"] == len(shop.people)
        assert of_day(shop, day).equals(plain) == same


def test_reasons_shares_and_figures_are_of_the_lists_that_are_shown(shop):
    day = shop.days[-1]
    shop.configure(recommendations={"explore": 0.25})
    shop.run(*shop.events, periods=shop.days)
    shop.run(*shop.answers, periods=[day])
    listed = of_day(shop, day)
    assert rows(shop, REASONS).filter(pl.col("period") == day)["item_id"].equals(listed["item_id"])
    orders = listed.group_by("user_id", maintain_order=True).agg(sorted=pl.col("score").is_sorted(descending=True))
    for person, is_sorted in orders.iter_rows():
        told = why.why(shop.lake, shop.settings, person)
        assert told["rank"] == 1 and told["reranked"] == (not is_sorted)
        assert sum(told["through"].values()) == pytest.approx(told["score"])
    assert not orders["sorted"].all()
    stored = set(shop.scan("model/evaluation")["model"])
    figures = compare.compare(shop.lake, shop.settings, ["popularity"])["figures"]
    assert {*steered.NAMES} <= stored
    assert {*steered.NAMES} <= {row["model"] for row in figures}
    costs = [row for row in figures if row["minus"] == steered.DIVERSE and row["metric"] == "NDCG@20"]
    assert {row["split"] for row in costs} == {"validation", "test"}
