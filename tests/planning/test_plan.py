"""What a run would do, said before it is paid for: exact where it can be, at most where an input has work."""

import subprocess
import sys

import pytest

from mmrec.builds.costs import INPUTS, NEVER
from mmrec.errors import MmrecError
from mmrec.planning.plan import UPSTREAM, Row
from mmrec.planning.walk import plan

_PLAN = """
import sys
from pathlib import Path
from mmrec.lake.store import Lake
from mmrec.planning.walk import plan
from mmrec.settings import load
settings = load(Path(sys.argv[1]) / "mmrec.toml", environment={})
rows = plan(Lake(settings.lake_root), settings, sys.argv[2:]).rows
print(len(rows), sorted({"torch", "transformers", "great_expectations", "dagster", "pandas"} & set(sys.modules)))
"""


def planned(shop, days=None):
    return plan(shop.lake, shop.settings, days or shop.days[-1:]).rows


def by_asset(rows):
    found = {}
    for row in rows:
        found.setdefault(row.asset, []).append(row)
    return found


def test_on_an_empty_lake_everything_was_never_built_and_bounds_say_at_most(new_shop):
    rows = planned(new_shop, new_shop.days[-2:])
    assert [row.asset for row in rows] == list(new_shop.assets)
    assert {row.reason for row in rows if not row.asset.startswith("embeddings/")} == {NEVER}
    events = sum(len(new_shop.lines(day)) for day in new_shop.days)
    all_days = (4, new_shop.days[0], new_shop.days[-1])
    found = {row.asset: row for row in rows}
    assert found["raw/interactions"] == Row("raw/interactions", NEVER, events, False, *all_days)
    assert found["raw/items"] == Row("raw/items", NEVER, 15, False)
    assert found["validated/interactions"] == Row("validated/interactions", NEVER, events, True, *all_days)
    assert found["embeddings/text"] == Row("embeddings/text", "new", 13, True)
    assert found["embeddings/image"] == Row("embeddings/image", "new", 10, True)
    assert found["fused/items"] == Row("fused/items", NEVER, 14, True)
    assert found["model/factors"] == Row("model/factors", NEVER, 2 * 12, True, 2, *new_shop.days[-2:])
    assert found["recommendations/top_k"].rows == 2 * 12 * 3
    assert all(row.at_most for row in rows if row.asset not in ("raw/interactions", "raw/items"))


def test_bounds_hold(new_shop, built):
    """Of the files that the built shop was made of."""
    bounds = {row.asset: row.rows for row in planned(new_shop, new_shop.days)}
    for asset, report in built.reports.items():
        if asset not in ("model/evaluation", "recommendations/snapshot"):
            assert report.total("computed") <= bounds[asset], asset


def test_planning_writes_nothing(new_shop):
    planned(new_shop)
    assert not (new_shop.folder / "lake").exists()


def test_after_a_run_there_is_nothing_to_do(built):
    assert planned(built, built.days) == []


def test_edited_events_are_exactly_the_rows_of_their_period(shop):
    day = shop.days[1]
    shop.write_events(day, shop.lines(day)[:-2])
    found = by_asset(planned(shop))
    assert found["raw/interactions"] == [Row("raw/interactions", INPUTS, len(shop.lines(day)), False, 1, day, day)]
    assert "raw/items" not in found
    assert "embeddings/text" not in found
    assert {row.reason for asset, rows in found.items() if asset != "raw/interactions" for row in rows} == {UPSTREAM}
    assert found["model/factors"][0].at_most


def test_after_landing_the_period_is_the_only_one_to_judge(shop):
    day = shop.days[1]
    shop.write_events(day, shop.lines(day)[:-2])
    shop.run("raw/interactions")
    [row] = by_asset(planned(shop))["validated/interactions"]
    assert (row.reason, row.rows, row.at_most, row.periods, row.first) == (INPUTS, len(shop.lines(day)), True, 1, day)


def test_an_edit_is_exactly_its_rows_before_anything_is_paid_for(shop):
    shop.edit_item("item-03", about="Something else")
    shop.edit_item("item-04", about="Something else")
    shop.edit_item("item-05", title="Only a title")
    shop.add_item("item-99,New,Quite new,")
    shop.add_item("item-98,Neither text nor picture,,")
    found = by_asset(planned(shop))
    assert found["raw/items"] == [Row("raw/items", INPUTS, 5, False)]
    assert found["validated/items"] == [Row("validated/items", UPSTREAM, 5, False)]
    texts = [Row("embeddings/text", "content changed", 1, False), Row("embeddings/text", "new", 1, False)]
    assert found["embeddings/text"] == texts
    assert found["fused/items"] == [Row("fused/items", UPSTREAM, 3, True)]
    assert not set(found) & {"raw/media", "raw/interactions", "validated/interactions", "embeddings/image"}
    reports = shop.run(*shop.content)
    for asset in ("raw/items", "validated/items", "embeddings/text"):
        assert reports[asset].total("computed") == sum(row.rows for row in found[asset]), asset
    assert reports["fused/items"].total("computed") == 3  # one that has nothing is as others that have nothing
    assert set(by_asset(planned(shop))) == set(shop.answers) - {"model/evaluation"}  # no event names the new items


def test_what_is_done_by_hand_is_no_longer_planned(shop):
    shop.edit_item("item-03", about="Something else")
    shop.run("raw/items", "raw/media", "validated/items")
    found = by_asset(planned(shop))
    assert found["embeddings/text"] == [Row("embeddings/text", "content changed", 1, False)]
    assert "validated/items" not in found
    shop.run("embeddings/text")
    assert "embeddings/text" not in by_asset(planned(shop))


def test_an_encoder_that_is_switched_names_its_reason_and_back_costs_nothing(shop):
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})
    found = by_asset(planned(shop))
    assert found["embeddings/text"] == [Row("embeddings/text", "encoder changed", 13, False)]
    assert found["fused/items"] == [Row("fused/items", UPSTREAM, 14, True)]
    shop.run("embeddings/text")
    assert shop.run("fused/items").total("computed") == 14  # two items have nothing
    shop.configure(embeddings={"text": {"encoder": "hash:8"}})
    assert by_asset(planned(shop))["embeddings/text"] == [Row("embeddings/text", "encoder changed", 0, False)]


def test_files_that_will_be_refused_are_named_and_what_had_landed_stays(shop):
    day, items = shop.days[1], shop.data / "items.csv"
    shop.events_file(day).write_text("who,what\na,b\n")
    items.write_text(items.read_text().replace("title", "name", 1))
    found = plan(shop.lake, shop.settings, shop.days)
    assert [line.split()[0] for line in found.refused] == [shop.events_file(day).name, "items.csv"]
    assert found.as_dict()["refused"] == found.refused
    assert found.rows == []
    reports = shop.run(strict=False)
    assert sum(report.total("computed") for report in reports.values()) == 0
    for file in found.refused:
        assert any(file in (report.problem or "") for report in reports.values())


def test_a_bad_delivery_that_was_taken_back_is_judged_once_more(shop):
    day = shop.days[1]
    good = shop.lines(day)
    shop.spoil(day)
    shop.run(*shop.events, strict=False)
    shop.write_events(day, good)
    shop.run("raw/interactions")
    [row] = by_asset(planned(shop))["validated/interactions"]
    assert (row.reason, row.periods, row.first) == (INPUTS, 1, day)
    shop.run("validated/interactions")
    assert planned(shop) == []


def test_a_changed_picture_is_seen_without_landing_it(shop):
    (shop.data / "pictures" / "item-02.png").write_bytes(b"other")
    found = by_asset(planned(shop))
    assert found["raw/media"][0].reason == INPUTS
    assert not found["raw/media"][0].at_most


def test_a_period_that_was_not_served_yet_is_one_to_build(fused_shop):
    fused_shop.run(*fused_shop.answers, periods=fused_shop.days[:3])
    found = by_asset(planned(fused_shop, fused_shop.days))
    assert set(found) == {*fused_shop.answers} - {"recommendations/similar_items"}
    never = [row for rows in found.values() for row in rows if row.reason == NEVER]
    assert [(row.asset, row.periods, row.first) for row in never] == [
        (asset, 1, fused_shop.days[3]) for asset in fused_shop.answers if asset in found
    ]


def test_a_longer_list_is_work_of_the_lists_alone(shop):
    shop.configure(recommendations={"k": 5})
    found = by_asset(planned(shop))
    assert set(found) == {"recommendations/top_k", "recommendations/reasons", "recommendations/snapshot"}
    assert found["recommendations/top_k"][0].rows == 12 * 5


def test_a_missing_catalogue_is_one_line(new_shop):
    (new_shop.data / "items.csv").unlink()
    with pytest.raises(MmrecError, match=r"items\.files: no file matches items\*\.csv"):
        planned(new_shop)


@pytest.mark.full  # of the short suite is `mmrec plan`, in tests/cli/test_cli_errors.py
def test_planning_imports_nothing_heavy(built):
    command = [sys.executable, "-c", _PLAN, str(built.folder), built.days[-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "0 []"), done.stderr


def test_a_new_day_makes_earlier_ones_wait_for_nothing(shop):
    """What landed late in the last day is one period's work for the events, and for everything served as of it."""
    day = shop.days[-1]
    shop.write_events(day, [*shop.lines(day), f"{shop.people[2]},{shop.items[1]},{day}T23:00:00,view,,"])
    found = by_asset(planned(shop, shop.days))
    for asset in ("raw/interactions", "validated/interactions", "model/factors", "recommendations/top_k"):
        [row] = found[asset]
        assert (row.periods, row.first) == (1, day), asset
    assert not {"validated/items", "embeddings/text", "fused/items"} & set(found)
