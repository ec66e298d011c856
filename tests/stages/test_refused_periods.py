"""A refused period costs only itself: its last rows stay, and mending its file publishes it."""

import pytest

from mmrec.errors import MmrecError
from mmrec.quality import suites
from mmrec.quality import verdicts as judging
from tests.helpers.validated_shop import BAD, EVENTS, computed, land_and_judge, published

pytestmark = pytest.mark.usefixtures("great_expectations")


@pytest.fixture(scope="module")
def refused(make_shop, tmp_path_factory):
    """A shop with a day of which four in five ratings are out of range, judged for the first time; only read."""
    shop = make_shop(tmp_path_factory.mktemp("refused"))
    count = shop.spoil(BAD)
    shop.run("raw/items", "raw/media", "validated/items")
    return shop, count, land_and_judge(shop)


@pytest.fixture
def bad(refused, make_shop, tmp_path):
    """A copy of it."""
    return make_shop(tmp_path, like=refused[0]), *refused[1:]


def test_a_bad_period_of_a_range_is_refused_and_the_others_are_published(refused):
    shop, _, report = refused
    assert {period for period, each in report.periods.items() if each.refused} == {BAD}
    assert published(shop, BAD).is_empty()
    for day in shop.days:
        assert day == BAD or published(shop, day).height == len(shop.lines(day))


def test_the_refusal_names_period_check_expected_and_found(refused):
    shop, count, report = refused
    landed = len(shop.lines(BAD))
    with pytest.raises(MmrecError) as caught:
        report.raise_if_refused()
    told = str(caught.value)
    assert told.startswith(
        f"{EVENTS}: {BAD}: failed its contract: rejected_share (expected at most 50% rejected; found "
    )
    assert f"{count} of {landed} rows" in told
    assert f"mmrec rejected --period {BAD}" in told
    assert "2024-01-02" not in told
    [check] = [each for each in report.checks if not each.passed]
    assert (check.name, check.period, check.blocking) == ("rejected_share", BAD, True)
    assert (check.expected, check.found.split(" (")[0]) == ("at most 50% rejected", f"{count} of {landed} rows")


def test_the_rejected_rows_of_a_refused_period_are_written(refused):
    shop, count, report = refused
    found = shop.scan("validated/rejected", period=BAD)
    assert found["rule"].value_counts().rows() == [("value_out_of_range", count)]
    assert found["source_row"].to_list() == list(range(1, count + 1))
    assert set(found["source_file"]) == {f"events-{BAD}.csv"}
    assert report.periods[BAD].rejected == count


def test_a_refused_period_is_judged_but_not_built(refused):
    shop, *_ = refused
    judged = judging.judged_periods(shop.lake, EVENTS)
    assert judged == {day: day != BAD for day in shop.days}
    assert BAD not in set(shop.scan("ledger/builds", asset=EVENTS)["period"])


def test_a_bad_period_keeps_its_last_published_rows(judged_shop):
    before = published(judged_shop, BAD)
    judged_shop.spoil(BAD)
    report = land_and_judge(judged_shop)
    assert published(judged_shop, BAD).equals(before)
    assert f"its last published rows stay ({before.height})" in report.periods[BAD].refused
    assert report.periods[BAD].rows == before.height
    assert computed(report) == set()


def test_mending_the_file_publishes_the_period_and_changes_the_verdict(bad):
    shop, *_ = bad
    mended = [line.replace(",9,", ",5,") for line in shop.lines(BAD)]
    shop.write_events(BAD, mended)
    report = land_and_judge(shop, strict=True)
    assert computed(report) == {BAD}
    assert published(shop, BAD).height == len(mended)
    assert shop.scan("validated/rejected", period=BAD).is_empty()
    assert judging.judged_periods(shop.lake, EVENTS)[BAD]


def test_taking_back_a_bad_delivery_takes_back_its_verdict_and_its_rejected_rows(judged_shop):
    good = judged_shop.lines(BAD)
    judged_shop.spoil(BAD)
    land_and_judge(judged_shop)
    judged_shop.write_events(BAD, good)
    report = land_and_judge(judged_shop, strict=True)
    assert computed(report) == set()
    assert judging.judged_periods(judged_shop.lake, EVENTS)[BAD]
    assert judged_shop.scan("validated/rejected", period=BAD).is_empty()
    verdicts = judged_shop.rows("ledger/verdicts")
    land_and_judge(judged_shop)
    assert judged_shop.rows("ledger/verdicts") == verdicts


def test_delivering_the_same_bad_file_again_is_refused_again(judged_shop):
    good = judged_shop.lines(BAD)
    judged_shop.spoil(BAD)
    spoilt = judged_shop.lines(BAD)
    for lines in (spoilt, good, spoilt):
        judged_shop.write_events(BAD, lines)
        report = land_and_judge(judged_shop)
    assert report.periods[BAD].refused
    assert judging.judged_periods(judged_shop.lake, EVENTS) == {day: day != BAD for day in judged_shop.days}


def test_a_refused_period_stays_refused_without_being_judged_again(bad, monkeypatch):
    shop, *_ = bad
    monkeypatch.setattr(suites, "judge", lambda *_: pytest.fail("judged again"))
    verdicts = shop.rows("ledger/verdicts")
    assert land_and_judge(shop).periods[BAD].refused
    assert shop.rows("ledger/verdicts") == verdicts


def test_a_looser_threshold_lets_the_period_through(bad):
    shop, count, _ = bad
    shop.configure(quality={"max_rejected_share": 0.9})
    report = land_and_judge(shop, strict=True)
    assert published(shop, BAD).height == len(shop.lines(BAD)) - count
    assert report.periods[BAD].rejected == count


def test_a_catalogue_that_fails_its_contract_keeps_the_last_one(judged_shop):
    before = judged_shop.scan("validated/items").sort("item_id")
    judged_shop.write_catalogue([f",{line.partition(',')[2]}" for line in judged_shop.catalogue()])
    report = judged_shop.run("raw/items", "raw/media", "validated/items", strict=False)["validated/items"]
    assert report.refusals[0].startswith(
        "failed its contract: rejected_share (expected at most 50% rejected; found 15 of 15"
    )
    assert judged_shop.scan("validated/items").sort("item_id").equals(before)
    assert judged_shop.scan("validated/rejected", table="items").height == 15
