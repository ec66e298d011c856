"""What period D serves depends on the settings and on events up to D, never on what was clicked before."""

import hashlib

import numpy as np
import polars as pl
import pytest

from mmrec.builds.publishing import Damaged
from mmrec.published import state

pytestmark = pytest.mark.usefixtures("quick_judge")
EVENTS, FACTORS, EVALUATION = "validated/interactions", "model/factors", "model/evaluation"


def after_events(shop, *more, strict=True):
    """Lands and judges the events anew, then runs these assets."""
    shop.run(*shop.events, strict=strict)
    return shop.run(*more) if more else None


def after_content(shop, *more, strict=True):
    """Brings the catalogue up to the fused items, and the events with it, then runs these assets."""
    shop.run(*shop.content, strict=strict)
    return after_events(shop, *more, strict=strict)


def factors(shop, *days):
    """(period, person) → the bytes of the factor."""
    found = shop.scan("model/users").filter(pl.col("period").is_in(days or shop.days))
    return {(p, u): np.array(f).tobytes() for p, u, f in found.select("period", "user_id", "factor").iter_rows()}


def versions(shop):
    return dict(shop.scan("model/versions").select("boundary", "version").iter_rows())


def view(shop, person, item, day, hour=23):
    shop.write_events(day, [*shop.lines(day), f"{person},{item},{day}T{hour}:59:59,view,,"])


# -- what is made ------------------------------------------------------------------------------------------------------


def test_everybody_with_an_event_so_far_has_a_factor(built):
    assert set(factors(built)) == {(day, person) for day in built.days for person in built.people}
    assert {len(each) for each in factors(built).values()} == {4 * 8}


def test_a_version_is_fitted_at_each_boundary_and_serves_the_periods_behind_it(built):
    first, second, third, fourth = built.days
    assert set(versions(built)) == {first, third}
    used = dict(built.scan("model/users").select("period", "version").unique().iter_rows())
    assert used == {first: versions(built)[first], second: versions(built)[first]} | dict.fromkeys(
        (third, fourth), versions(built)[third]
    )


def test_a_version_says_what_it_was_fitted_on(built):
    found = {row["boundary"]: row for row in built.scan("model/versions").iter_rows(named=True)}
    for day in (built.days[0], built.days[2]):
        published = built.scan(EVENTS).filter(pl.col("period") <= day)
        events = published.drop_nulls("item_id")
        assert (found[day]["events"], found[day]["people"]) == (published.height, 12)
        counts = built.scan("model/items", version=versions(built)[day])
        assert counts["item_id"].to_list() == built.items
        own = dict(events.unique(["user_id", "item_id"]).group_by("item_id").len().iter_rows())
        assert {item: n > 0 for item, n in counts.select("item_id", "events").iter_rows()} == {
            item: item in own for item in built.items
        }


def test_a_search_is_no_event_of_the_model(built):
    counts = dict(built.scan("model/users", period=built.days[-1]).select("user_id", "events").iter_rows())
    expected = built.scan(EVENTS).filter(pl.col("item_id").is_not_null()).group_by("user_id").len()
    assert counts == dict(expected.iter_rows())


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_period_never_sees_a_later_event(fused_shop, built):
    new = "zq-person-later"
    for hour in range(20, 24):
        view(fused_shop, new, fused_shop.items[-1], fused_shop.days[3], hour)
        view(fused_shop, fused_shop.people[0], fused_shop.items[-1], fused_shop.days[3], hour)
    after_events(fused_shop, FACTORS)
    earlier = fused_shop.days[:3]
    assert factors(fused_shop, *earlier) == factors(built, *earlier)
    assert versions(fused_shop) == versions(built)
    assert {period for period, person in factors(fused_shop) if person == new} == {fused_shop.days[3]}
    changed = {person for (_, person), bits in factors(fused_shop, fused_shop.days[3]).items()}
    before = factors(built, built.days[3])
    now = factors(fused_shop, fused_shop.days[3])
    assert {key[1] for key in now if before.get(key) != now[key]} == {new, fused_shop.people[0]}
    assert new in changed


def test_a_later_boundary_does_see_it(fused_shop, built):
    view(fused_shop, fused_shop.people[0], fused_shop.items[-1], fused_shop.days[2])
    after_events(fused_shop, FACTORS)
    first, third = fused_shop.days[0], fused_shop.days[2]
    assert versions(fused_shop)[first] == versions(built)[first]
    assert versions(fused_shop)[third] != versions(built)[third]


def test_a_late_event_is_folded_in_and_does_not_refit(shop):
    before, fitted = factors(shop), versions(shop)
    person, day = shop.people[4], shop.days[0]
    view(shop, person, "item-12", day)
    report = after_events(shop, FACTORS)
    assert versions(shop) == fitted
    assert report.facts["versions_fitted"] == 0
    now = factors(shop)
    assert {key for key in now if now[key] != before[key]} == {(each, person) for each in shop.days}
    assert report.total("computed") == 4
    assert report.total("reused") == 4 * 11


def test_a_late_event_of_the_last_day_touches_the_last_day_alone(shop):
    before = {period: each.data_version for period, each in shop.run(FACTORS).periods.items()}
    view(shop, shop.people[4], "item-12", shop.days[-1])
    report = after_events(shop, FACTORS)
    assert {p for p, each in report.periods.items() if each.data_version != before[p]} == {shop.days[-1]}
    assert report.total("computed") == 1


# -- nothing twice -----------------------------------------------------------------------------------------------------


def test_a_second_run_computes_and_writes_nothing(shop):
    tables = ("model/users", "model/versions", "model/arrays", "model/evaluation", "ledger/builds")
    before = {table: shop.lake.version(table) for table in tables}
    for asset in (FACTORS, EVALUATION):
        report = shop.run(asset)
        assert report.total("computed") == 0
        assert report.total("reused") == report.total("rows") > 0
    assert {table: shop.lake.version(table) for table in tables} == before


def test_one_range_or_period_by_period_gives_the_same_bits(fused_shop, built):
    for day in reversed(fused_shop.days):
        fused_shop.run(FACTORS, periods=[day])
    assert factors(fused_shop) == factors(built)
    assert versions(fused_shop) == versions(built)
    assert fused_shop.rows("model/versions") == 2


def test_a_change_of_weights_is_another_model(shop):
    fitted = versions(shop)
    shop.configure(events={"weights": {"purchase": 9.0}})
    report = after_events(shop, FACTORS)
    assert report.facts["versions_fitted"] == 2
    assert shop.rows("model/versions") == 4
    shop.configure(events={"weights": {"purchase": 3.0}})
    again = after_events(shop, FACTORS)
    assert again.facts["versions_fitted"] == 0
    assert set(shop.scan("model/users")["version"]) == set(fitted.values())


def test_a_run_that_dies_while_a_version_is_stored_leaves_none_and_the_next_run_makes_it(
    fused_shop, built, monkeypatch
):
    from mmrec.lake.store import Lake

    append = Lake.append

    def dying(self, table, rows):
        if table == "model/versions":
            raise KeyboardInterrupt
        return append(self, table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", dying)
        with pytest.raises(KeyboardInterrupt):
            fused_shop.run(FACTORS)
    assert fused_shop.rows("model/versions") == 0
    fused_shop.run(FACTORS)
    assert factors(fused_shop) == factors(built)


# -- content -----------------------------------------------------------------------------------------------------------


def test_a_new_item_after_the_fit_is_placed_by_its_content(shop):
    fitted = versions(shop)
    shop.add_item("item-99,New,A thing number 4,item-04.png")
    report = after_content(shop, FACTORS)
    assert report.facts["versions_fitted"] == 0
    assert versions(shop) == fitted
    now = state.load(shop.lake, shop.settings, shop.days[-1])
    new, twin = now.item_ids.index("item-99"), now.item_ids.index("item-04")
    assert now.factors.B is not None
    assert (now.cold[new], now.cold[twin], now.servable[new]) == (True, False, True)
    assert np.array_equal(now.known.features[new], now.known.features[twin])
    assert np.allclose(now.factors.H[new], now.factors.B @ now.known.features[new])
    assert np.abs(now.factors.H[new]).max() > 0


def test_an_event_on_a_new_item_reaches_the_person_at_once(shop):
    before = factors(shop)
    shop.add_item("item-99,New,A thing number 4,item-04.png")
    after_content(shop, FACTORS)
    assert factors(shop) == before
    view(shop, shop.people[2], "item-99", shop.days[-1])
    report = after_content(shop, FACTORS)
    assert report.total("computed") == 1
    assert {key for key, bits in factors(shop).items() if bits != before[key]} == {(shop.days[-1], shop.people[2])}


def test_a_removed_item_is_no_longer_servable_and_its_events_still_count(shop):
    shop.remove_item(shop.rare)
    after_content(shop, FACTORS)
    now = state.load(shop.lake, shop.settings, shop.days[-1])
    assert not now.servable[now.item_ids.index(shop.rare)]
    counts = dict(shop.scan("model/users", period=shop.days[-1]).select("user_id", "events").iter_rows())
    assert counts[shop.people[1]] == sum(
        line.startswith(shop.people[1]) for day in shop.days for line in shop.lines(day)
    )


def test_an_item_without_any_modality_is_learned_from_its_events(built):
    now = state.load(built.lake, built.settings, built.days[-1])
    rare, never = now.item_ids.index(built.rare), now.item_ids.index(built.items[-1])
    assert not now.cold[rare]
    assert np.abs(now.factors.H[rare]).max() > 0
    assert now.cold[never]
    assert np.abs(now.factors.H[never]).max() == 0


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


def test_an_edit_of_content_between_two_refits_computes_no_evaluation(shop):
    before = shop.scan("model/evaluation")
    shop.edit_item("item-03", about="Something else", title="Another title")
    shop.edit_item("item-05", picture="item-01.png")
    shop.add_item("item-99,New,A thing that nobody asked for,")
    shop.run(*shop.assets[:5], *shop.content[3:], periods=shop.days)
    reports = shop.run(*shop.answers)
    assert reports[EVALUATION].total("computed") == 0
    assert shop.scan("model/evaluation").equals(before)
    assert shop.run(*shop.answers)[EVALUATION].total("computed") == 0


def test_an_item_that_events_name_is_evaluated_with_what_it_shows_today(shop):
    first = shop.run(EVALUATION).periods
    shop.add_item("item-99,New,A thing number 4,")
    view(shop, shop.people[2], "item-99", shop.days[3])
    shop.run(*shop.assets[:5], *shop.content[3:])
    named = shop.run(*shop.answers)[EVALUATION].periods
    assert {day for day in shop.days if named[day].data_version != first[day].data_version} == {shop.days[3]}
    shop.edit_item("item-99", about="Quite another thing")
    shop.run(*shop.assets[:5], *shop.content[3:])
    edited = shop.run(*shop.answers)[EVALUATION].periods
    assert {day for day in shop.days if edited[day].data_version != named[day].data_version} == {shop.days[3]}


def test_an_item_that_leaves_the_catalogue_is_evaluated_no_more(shop):
    first = shop.run(EVALUATION).periods
    shop.remove_item("item-03")
    shop.run(*shop.assets[:5], *shop.content[3:])
    after = shop.run(*shop.answers)[EVALUATION].periods
    assert all(after[day].data_version != first[day].data_version for day in shop.days)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_flipped_bits_in_a_stored_array_are_found(shop):
    stored = shop.scan("model/arrays")
    name = versions(shop)[shop.days[2]]
    at = (pl.col("version") == name) & (pl.col("name") == "B")
    spoilt = bytearray(stored.filter(at)["data"].item())
    spoilt[11] ^= 1
    damaged = stored.with_columns(data=pl.when(at).then(pl.lit(bytes(spoilt))).otherwise("data"))
    shop.lake.replace("model/arrays", damaged)
    with pytest.raises(Damaged, match=f"array B of item-factor version {name} differs from its sha256"):
        state.load(shop.lake, shop.settings, shop.days[-1])


def test_arrays_come_back_as_they_were_fitted(built):
    for row in built.scan("model/arrays").iter_rows(named=True):
        assert hashlib.sha256(row["data"]).hexdigest() == row["sha256"]
        assert np.frombuffer(row["data"], dtype=row["dtype"]).size == np.prod(row["shape"])


# -- people ------------------------------------------------------------------------------------------------------------


def test_no_report_shows_a_person(shop, told, caplog, capsys):
    view(shop, shop.people[2], "item-12", shop.days[0])
    after_events(shop)
    for report in shop.run(*shop.answers).values():
        assert not {"user_id", "reason", "evidence"} & set(report.sample.columns)
        assert "zq-person" not in told(report)
        assert "words of" not in told(report)
    seen = capsys.readouterr()
    assert "zq-person" not in seen.out + seen.err + caplog.text
