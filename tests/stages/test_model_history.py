"""Complete history or nothing, too little of it, and the figures that stand beside the model."""

import polars as pl
import pytest

from tests.helpers.model_shop import EVALUATION, EVENTS, FACTORS, after_content, after_events, factors, versions

# -- complete history or nothing ---------------------------------------------------------------------------------------


def test_the_newest_period_alone_on_an_empty_lake_is_refused_with_what_to_do(new_shop):
    newest = new_shop.days[-1]
    refused = new_shop.run(*new_shop.assets[:9], periods=[newest], strict=False)[FACTORS]
    assert refused.refusals == [
        f"{newest}: 3 landed periods up to it are not judged ({new_shop.days[0]} … {new_shop.days[2]}): materialize "
        "raw/interactions and validated/interactions for all partitions, or type `mmrec run`"
    ]
    assert new_shop.rows("model/users") == 0
    assert new_shop.rows("model/versions") == 0
    for asset in new_shop.answers[1:4]:
        assert new_shop.run(asset, periods=[newest], strict=False).periods[newest].refused


def test_periods_before_the_gap_are_served_all_the_same(fused_shop):
    gap = fused_shop.days[2]
    ledger = fused_shop.scan("ledger/verdicts").filter(pl.col("period") != gap)
    fused_shop.lake.replace("ledger/verdicts", ledger)
    report = fused_shop.run(FACTORS, strict=False)
    assert {p for p, each in report.periods.items() if each.refused} == set(fused_shop.days[2:])
    assert {period for period, _ in factors(fused_shop)} == set(fused_shop.days[:2])


def test_a_model_reads_published_rows_only_and_warns_of_a_refused_period(shop):
    bad = shop.days[1]
    before = factors(shop)
    rows = shop.scan(EVENTS, period=bad).height
    shop.spoil(bad)
    after_events(shop, strict=False)
    report = shop.run(FACTORS)
    told = f"period {bad} was refused by its contract and counts with its last published rows ({rows})"
    assert report.warnings[0] == told
    assert factors(shop) == before
    assert report.total("computed") == 0


@pytest.mark.full
def test_a_period_refused_from_the_first_counts_with_nothing(new_shop):
    bad = new_shop.days[1]
    new_shop.spoil(bad)
    after_content(new_shop, strict=False)
    report = new_shop.run(FACTORS, EVALUATION)[FACTORS]
    assert report.warnings[0] == f"period {bad} was refused by its contract and counts with its last published rows (0)"
    counts = new_shop.scan("model/users", period=bad)
    assert counts["events"].sum() == len(new_shop.lines(new_shop.days[0])) - 1
    assert not any("refused" in told for told in new_shop.run(FACTORS, periods=[new_shop.days[0]]).warnings)


@pytest.mark.full
def test_a_removed_item_in_a_refused_period_is_no_crash(shop):
    bad = shop.days[1]
    shop.configure(quality={"max_unknown_item_share": 0.5})
    shop.write_events(
        bad, [",".join([line.split(",")[0], "item-07", *line.split(",")[2:]]) for line in shop.lines(bad)]
    )
    after_content(shop)
    shop.remove_item("item-07")
    after_content(shop, strict=False)
    reports = shop.run(FACTORS, EVALUATION)
    assert bad in reports[FACTORS].warnings[0]
    assert "items that the catalogue does not name" in reports[FACTORS].warnings[1]


# -- too little --------------------------------------------------------------------------------------------------------


def test_periods_before_the_first_event_are_green_and_empty(new_shop):
    first, second, third, _ = new_shop.days
    for day in (first, second):
        new_shop.events_file(day).unlink()
    new_shop.run()
    assert {period for period, _ in factors(new_shop)} == set(new_shop.days[2:])
    reports = new_shop.run(*new_shop.answers)
    assert all(report.total("computed") == 0 for report in reports.values())
    assert reports[FACTORS].periods[first].rows == 0
    assert new_shop.scan("model/evaluation", period=second)["note"].to_list() == ["too little history: no event yet"]
    assert set(new_shop.scan("recommendations/top_k")["period"]) == set(new_shop.days[2:])
    assert third in versions(new_shop)


def test_too_little_history_is_said_and_stays_green(fused_shop):
    fused_shop.configure(model={"min_events": 30})
    report = fused_shop.run(EVALUATION, periods=[fused_shop.days[0]])
    [warning] = report.warnings
    assert warning.startswith("too little history: ")
    assert fused_shop.scan("model/evaluation")["people"].to_list() == [0]


# -- figures -----------------------------------------------------------------------------------------------------------


def test_the_model_stands_beside_its_rivals_and_few_people_have_no_interval(built):
    found = built.scan("model/evaluation", period=built.days[-1])
    rivals = ("popularity", "item-kNN", "EASE")
    assert set(found.select("model", "minus").unique().iter_rows()) == {
        ("mf", None),
        *((each, None) for each in rivals),
        *(("mf", each) for each in rivals),
    }
    assert set(found["split"]) == {"validation", "test"}
    main = found.filter((pl.col("metric") == "NDCG@20") & (pl.col("segment") == "all") & (pl.col("split") == "test"))
    assert main.height == 7
    assert main["low"].null_count() == main["high"].null_count() == 7
    assert main["note"].str.contains(r"0 of 12$|too few people for an interval: 12$").all()
    assert (main["people"] == 12).all()
    notes = dict(main.filter(pl.col("minus").is_null()).select("model", "note").iter_rows())
    assert notes["mf"].rpartition("; ")[0] in built.scan("model/versions", boundary=built.days[2])["choice"].item()
    assert notes["EASE"].startswith("λ = ")


def test_figures_come_with_the_headline_and_without_idle_warnings(built):
    report = built.run(EVALUATION)
    value = (
        built.scan("model/evaluation", period=built.days[-1], model="mf", split="test", metric="NDCG@20", segment="all")
        .filter(pl.col("minus").is_null())["value"]
        .item()
    )
    assert report.periods[built.days[-1]].facts["mf NDCG@20"] == value
    shown = report.tables["test figures"]
    assert shown["model"].to_list() == ["mf", "popularity", "item-kNN", "EASE"]
    assert shown.columns[:7] == ["model", "NDCG@20", "people", "NDCG@5", "NDCG@10", "NDCG@50", "Recall@5"]
    assert shown["NDCG@20"].str.contains("12").all()
    pairs = report.tables["paired differences"]
    assert pairs.filter(pl.col("metric") == "NDCG@20")["difference"].to_list() == [
        *("mf − popularity", "mf − item-kNN", "mf − EASE")
    ]
    assert pairs["p"].null_count() == pairs.height == 6, "of twelve people nothing is called certain"
    segments = report.tables["segments"]
    assert {"all", "warm items", "cold items", "people with many events"} <= set(segments["segment"])
    assert segments.columns == ["segment", "mf", "popularity", "item-kNN", "EASE"]
    assert report.warnings == []
