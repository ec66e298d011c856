"""What period D serves depends on the settings and on events up to D, never on what was clicked before."""

import hashlib

import numpy as np
import polars as pl
import pytest

from mmrec.builds.publishing import Damaged
from mmrec.published import state
from tests.helpers.model_shop import EVALUATION, EVENTS, FACTORS, after_events, factors, versions, view

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
