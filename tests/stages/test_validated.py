"""Validate, then publish: what did not change is neither judged nor written, and all that landed is accounted for."""

import subprocess
import sys

import pytest

from mmrec.quality import contracts
from tests.helpers.validated_shop import BAD, EVENTS, computed, land_and_judge, published

pytestmark = pytest.mark.usefixtures("great_expectations")

_NO_OP = """
import sys
from pathlib import Path
from mmrec.planning import graph
from mmrec.lake.store import Lake
from mmrec.settings import load
settings = load(Path(sys.argv[1]) / "mmrec.toml", environment={})
for asset in ("raw/items", "raw/media", "raw/interactions", "validated/items", "validated/interactions"):
    report = graph.node(settings, asset).run(Lake(settings.lake_root), settings, sys.argv[2:])
    assert report.total("computed") == 0, asset
    assert report.total("rows") > 0, asset
    assert not report.refusals
print(sorted({"great_expectations", "torch", "pandas", "dagster"} & set(sys.modules)))
"""


def with_catalogue(shop):
    """The catalogue before the events."""
    shop.run("raw/items", "raw/media", "validated/items")
    return land_and_judge(shop, strict=True)


# -- nothing changed ---------------------------------------------------------------------------------------------------


def test_valid_and_rejected_are_everything_that_landed(judged_shop):
    day = judged_shop.days[1]
    lines = judged_shop.lines(day)
    judged_shop.write_events(
        day, [*lines[:-4], *[line.replace("zq-person", "", 1)[3:] for line in lines[-4:-1]], "broken"]
    )
    report = land_and_judge(judged_shop, strict=True)
    for period, each in report.periods.items():
        assert each.rows + each.rejected == judged_shop.scan("raw/interactions", period=period).height
    assert report.periods[day].rejected == 4


def test_a_second_run_computes_nothing_and_imports_no_great_expectations(judged_shop):
    command = [sys.executable, "-c", _NO_OP, str(judged_shop.folder), *judged_shop.days]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_second_run_writes_nothing(judged_shop):
    before = {table: judged_shop.lake.version(table) for table in (EVENTS, "validated/items", "validated/rejected")}
    versions = {p: each.data_version for p, each in land_and_judge(judged_shop).periods.items()}
    report = land_and_judge(judged_shop)
    assert {p: each.data_version for p, each in report.periods.items()} == versions
    assert {table: judged_shop.lake.version(table) for table in before} == before
    assert sum(each.reused for each in report.periods.values()) == judged_shop.rows(EVENTS)


def test_a_row_that_only_moved_is_the_same_row(judged_shop):
    day = judged_shop.days[0]
    before = land_and_judge(judged_shop).periods[day].data_version
    judged_shop.write_events(day, judged_shop.lines(day)[::-1])
    report = land_and_judge(judged_shop, strict=True)
    assert (report.periods[day].data_version, report.periods[day].computed) == (before, 0)
    lines = judged_shop.lines(day)
    for row in published(judged_shop, day).iter_rows(named=True):
        assert lines[row["source_row"] - 1].startswith(f"{row['user_id']},{row['item_id'] or ''},")


def test_a_run_of_one_period_leaves_the_others_alone(judged_shop):
    first, second = judged_shop.days[:2]
    for day in (first, second):
        judged_shop.write_events(day, judged_shop.lines(day)[1:])
    before = published(judged_shop, second)
    assert set(land_and_judge(judged_shop, [first]).periods) == {first}
    assert published(judged_shop, second).equals(before)


def test_a_period_that_was_never_landed_says_what_to_do(new_shop):
    new_shop.run("raw/items", "raw/media", "validated/items")
    report = new_shop.run(EVENTS, strict=False)
    assert report.refusals == [
        f"4 periods were never landed ({', '.join(new_shop.days)}); materialize raw/interactions for them first"
    ]


# -- what a period was judged against ----------------------------------------------------------------------------------


def test_editing_a_title_or_adding_an_item_touches_no_period(judged_shop):
    judged_shop.edit_item("item-03", title="Another title", about="Another text")
    judged_shop.add_item("item-99,New,new,")
    versions = judged_shop.rows("ledger/verdicts")
    report = with_catalogue(judged_shop)
    assert computed(report) == set()
    assert judged_shop.rows("ledger/verdicts") == versions + len(
        contracts.checks("validated/items", judged_shop.settings)
    )
    assert judged_shop.rows("validated/items") == 16


def test_an_event_of_an_item_that_the_catalogue_does_not_name_is_kept(judged_shop):
    day = judged_shop.days[2]
    judged_shop.write_events(day, [*judged_shop.lines(day), f"{judged_shop.people[0]},item-77,{day}T01:02:03,view,,"])
    report = land_and_judge(judged_shop, strict=True).periods[day]
    assert (report.computed, report.rejected) == (1, 0)
    judged_shop.add_item("item-77,Known now,text,")
    judged_shop.remove_item(judged_shop.rare)
    assert computed(with_catalogue(judged_shop)) == set()
    assert judged_shop.scan(EVENTS, item_id="item-77").height == 1
    assert judged_shop.scan(EVENTS, item_id=judged_shop.rare).height == 2
    assert judged_shop.rows("validated/rejected") == 0


def test_with_a_share_of_unknown_items_set_a_period_is_held_against_the_catalogue(judged_shop):
    judged_shop.configure(quality={"max_unknown_item_share": 0.02})
    assert with_catalogue(judged_shop).refusals == []
    judged_shop.remove_item(judged_shop.rare)
    report = judged_shop.run("raw/items", "raw/media", "validated/items", EVENTS, strict=False)[EVENTS]
    refused = {period: each.refused for period, each in report.periods.items() if each.refused}
    assert set(refused) == set(judged_shop.days[1:3])
    assert "at most 2% name an unknown item" in refused[judged_shop.days[1]]
    assert "item_unknown" in refused[judged_shop.days[1]]
    judged_shop.configure(quality={"max_unknown_item_share": 0.5})
    assert land_and_judge(judged_shop).refusals == []


# -- kept out without being bad ----------------------------------------------------------------------------------------


def test_landed_is_valid_and_rejected_and_duplicate_and_ignored(judged_shop):
    day = judged_shop.days[1]
    lines = judged_shop.lines(day)
    person = judged_shop.people[0]
    shown = [f"{person},item-0{at},{day}T09:00:0{at},impression,," for at in range(5)]
    odd = [f"{person},item-0{at},{day}T09:00:0{at},wishlist,," for at in range(3)]
    judged_shop.write_events(day, [*lines, *lines, *shown, *odd, f",item-01,{day}T09:00:00,view,,"])
    judged_shop.configure(events={"ignore": ["impression"]})
    report = land_and_judge(judged_shop, strict=True)
    counts = report.periods[day].facts
    assert counts == {"rows_rejected": 1, "rows_duplicate": len(lines), "rows_ignored": 8}
    assert report.periods[day].rows == len(lines)
    landed = judged_shop.scan("raw/interactions", period=day).height
    assert landed == report.periods[day].rows + sum(counts.values())
    kept_out = judged_shop.scan("validated/rejected", period=day)
    assert kept_out.filter(kind="ignored")["row"].is_null().all()
    assert kept_out.filter(kind="duplicate")["row"].is_not_null().all()
    [warning] = report.warnings
    assert warning.startswith("3 landed events are kept out, because their type is not named in [events]: wishlist (3)")
    judged_shop.configure(events={"ignore": ["impression", "wishlist"]})
    assert land_and_judge(judged_shop, strict=True).warnings == []


def test_a_delivery_that_comes_again_and_again_refuses_nothing(judged_shop):
    day = judged_shop.days[1]
    before = published(judged_shop, day)
    judged_shop.write_events(day, judged_shop.lines(day) * 9)
    report = land_and_judge(judged_shop, strict=True)
    assert published(judged_shop, day).equals(before)
    assert report.periods[day].facts["rows_duplicate"] == 8 * before.height


# -- the catalogue -----------------------------------------------------------------------------------------------------


def test_an_item_carries_the_hash_of_each_of_its_inputs(judged_shop):
    found = {row["item_id"]: row for row in judged_shop.scan("validated/items").iter_rows(named=True)}
    media = dict(judged_shop.scan("raw/media").select("uri", "sha256").iter_rows())
    for item in judged_shop.items:
        row = found[item]
        assert (row["text_hash"] is None) == (item in judged_shop.without_text)
        assert row["image_hash"] == media.get(row["image"])
        assert (row["image_hash"] is not None) == (item in judged_shop.with_picture)


def test_a_picture_with_other_bytes_changes_its_item_alone(judged_shop):
    (judged_shop.data / "pictures" / "item-02.png").write_bytes(b"other bytes")
    report = judged_shop.run("raw/items", "raw/media", "validated/items")["validated/items"]
    assert report.periods[""].computed == 1
    assert report.periods[""].reused == 14


# -- people ------------------------------------------------------------------------------------------------------------


def test_no_report_shows_a_person(new_shop, told, caplog, capsys):
    day = new_shop.days[1]
    person = new_shop.people[3]
    new_shop.spoil(BAD)
    mixed_up = [f"item-01,{person},{day}T05:00:00,view,,", f"{person},item-01,{person},view,,"]
    mixed_up += [f"{person},item-01,{day}T06:00:00,{person},,", f"{person},item-01,{day}T06:00:00,view,{person},"]
    new_shop.write_events(day, [*new_shop.lines(day), *mixed_up, f"{person},{person}"])
    reports = new_shop.run(*new_shop.assets[:5], strict=False)
    assert reports[EVENTS].periods[day].rejected == 3  # of the other two, one names an item that nobody sells
    assert "different values stand there instead" in reports[EVENTS].warnings[0]
    for report in reports.values():
        assert "zq-person" not in told(report)
        assert "words of" not in told(report)
        assert "zq-person" not in "".join(report.refusals)
    seen = capsys.readouterr()
    assert "zq-person" not in seen.out + seen.err + caplog.text
