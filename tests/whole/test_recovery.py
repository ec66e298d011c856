"""What a killed run, an undone change, a renamed person or a changed calendar leaves behind: nothing wrong."""

import polars as pl
import pytest

from mmrec.builds import ledger
from mmrec.queries import recommend

DAYS = [f"2024-01-0{day}" for day in (1, 2, 3, 4)]


@pytest.fixture
def killed_after_the_table(monkeypatch):
    """Runs something and kills it between its table's commit and the ledger's new key."""

    def kill(work):
        record = ledger.record

        def dying(lake, reports, keys, recipe=""):
            if any(keys.values()):
                raise KeyboardInterrupt
            record(lake, reports, keys, recipe)

        with monkeypatch.context() as patch:
            patch.setattr("mmrec.builds.ledger.record", dying)
            with pytest.raises(KeyboardInterrupt):
                work()

    return kill


def test_a_killed_landing_whose_file_is_restored_loses_no_row(shop, killed_after_the_table):
    day = shop.days[1]
    whole = shop.events_file(day).read_text()
    before = shop.rows("raw/interactions")
    shop.events_file(day).write_text("\n".join(whole.splitlines()[:5]) + "\n")
    killed_after_the_table(lambda: shop.run("raw/interactions"))
    assert shop.rows("raw/interactions") < before
    shop.events_file(day).write_text(whole)
    shop.run("raw/interactions")
    assert shop.rows("raw/interactions") == before


def test_killed_lists_of_a_setting_that_is_taken_back_are_made_again(shop, killed_after_the_table):
    k = shop.settings.recommendations.k
    before = shop.scan("recommendations/top_k").sort(pl.all())
    shop.configure(recommendations={"k": k + 2})
    killed_after_the_table(lambda: shop.run("recommendations/top_k"))
    assert shop.rows("recommendations/top_k") > before.height
    shop.configure(recommendations={"k": k})
    shop.run(*shop.answers)
    assert shop.scan("recommendations/top_k").sort(pl.all()).equals(before)


def test_a_renamed_person_has_the_list_and_the_old_name_has_none(shop):
    for day in shop.days:
        path = shop.events_file(day)
        path.write_text(path.read_text().replace("zq-person-03", "zq-renamed"))
    shop.run(*shop.events, "model/factors", "recommendations/top_k")
    listed = set(shop.scan("recommendations/top_k", period=shop.days[-1])["user_id"])
    assert "zq-renamed" in listed
    assert "zq-person-03" not in listed
    assert listed == set(shop.scan("model/users", period=shop.days[-1])["user_id"])


def test_parts_of_two_states_are_not_published_together(shop):
    shop.configure(recommendations={"k": shop.settings.recommendations.k + 2})
    published = shop.rows("ledger/snapshots")
    shop.run("recommendations/top_k")
    report = shop.run("recommendations/snapshot", strict=False)
    assert "of one state" in report.refusals[0]
    assert shop.rows("ledger/snapshots") == published
    shop.run(*shop.answers)
    assert shop.rows("ledger/snapshots") > published
    answer = recommend.recommend(shop.lake, shop.settings, shop.people[0])
    assert all(row["reason"] for row in answer["items"])


def test_factors_before_anything_landed_are_refused_and_poison_nothing(new_shop):
    new_shop.run(*new_shop.content)
    report = new_shop.run("model/factors", strict=False)
    assert "nothing has landed yet" in report.refusals[0]
    assert new_shop.rows("model/versions") == 0
    new_shop.run(*new_shop.events, "model/factors", "recommendations/top_k")
    assert new_shop.rows("recommendations/top_k") > 0


@pytest.mark.full
def test_a_calendar_that_begins_before_the_first_event_still_serves(new_shop):
    new_shop.configure(calendar={"start": "2023-12-31"}, model={"refit": 5})
    days = ["2023-12-31", *new_shop.days]
    new_shop.run(periods=days)
    assert set(new_shop.scan("recommendations/top_k")["period"]) == set(new_shop.days)
    assert new_shop.scan("model/versions")["boundary"].to_list() == [new_shop.days[0]]
    assert new_shop.scan("model/versions")["events"].min() > 0


def test_periods_of_an_earlier_calendar_do_not_count(shop):
    landed = shop.rows("validated/interactions")
    later = shop.days[1:]
    shop.configure(calendar={"start": later[0]})
    for day in shop.days[:1]:
        shop.events_file(day).unlink()
    shop.run(*shop.events, "model/factors", periods=later)
    users = shop.scan("model/users", period=later[-1])
    assert users["events"].sum() < landed
    good = shop.scan("validated/interactions").filter(pl.col("period").is_in(later) & pl.col("item_id").is_not_null())
    assert users["events"].sum() == good.height


@pytest.mark.full
def test_a_run_goes_on_with_what_is_published_and_names_the_bad_day_and_the_bad_file(new_shop, monkeypatch, tmp_path):
    from mmrec_assets.cli import runs

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    new_shop.spoil(new_shop.days[1])
    (new_shop.data / "events-renamed.csv").write_text("a,b\n1,2\n")
    ran = runs.run(new_shop.settings, new_shop.days[-1:])
    told = " ".join(ran.failures)
    assert "events-renamed.csv" in told
    assert new_shop.days[1] in told
    assert new_shop.rows("recommendations/top_k") > 0
    assert new_shop.days[1] not in set(new_shop.scan("validated/interactions")["period"])


def test_a_row_dated_after_the_calendar_is_read_again_when_its_day_has_come(judged_shop):
    """The same bytes mean more rows once the calendar goes on; files without such rows are not touched."""
    shop, day = judged_shop, judged_shop.days[-1]
    late = f"{shop.people[0]},{shop.items[0]},2024-01-06T09:00:00,rating,4,"
    shop.write_events(day, [*shop.lines(day), late])
    shop.run(*shop.events)
    assert shop.scan("validated/rejected", rule="time_unusable").height == 1
    before = shop.scan("validated/interactions", period=day)
    shop.configure(calendar={"end": "2024-01-08"})
    days = [*shop.days, "2024-01-05", "2024-01-06", "2024-01-07"]
    reports = shop.run(*shop.events, periods=days)
    assert shop.scan("validated/interactions", period="2024-01-06").height == 1
    assert shop.scan("validated/rejected", rule="time_unusable").is_empty()
    assert shop.scan("validated/interactions", period=day).equals(before)
    assert shop.scan("raw/interactions", period=day).height == len(shop.lines(day)) - 1
    assert {p for p, each in reports["raw/interactions"].periods.items() if each.computed} == {"2024-01-06"}
