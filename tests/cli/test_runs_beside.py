"""Runs beside each other while files land: each is judged against the landing that it has read itself, and no reader
sees a half state.
"""

import json
import os
import random
import subprocess
import sys
import threading

import pytest

from mmrec import tables
from mmrec.planning import graph, walk
from mmrec.published import events
from mmrec_assets.assembly import build_defs
from mmrec_assets.cli import runs
from mmrec_assets.running.landing import Landing
from tests.helpers.pipeline import RANGE
from tests.helpers.reading import check_snapshots, check_vectors
from tests.helpers.shop import DAYS
from tests.whole.test_proof_readers import read_beside

TITLES = ("landing", "content and events", "model and recommendations")
LATE = DAYS[3]  # lands while a run goes on


@pytest.fixture
def early_shop(new_shop, monkeypatch, tmp_path):
    """A shop whose last day's file has not come yet. The other days are judged, and the first has a late event."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    new_shop.late = new_shop.events_file(LATE).read_text()
    new_shop.events_file(LATE).unlink()
    new_shop.run(*new_shop.assets[:5])
    new_shop.write_events(
        DAYS[0], [*new_shop.lines(DAYS[0]), f"{new_shop.people[0]},item-01,{DAYS[0]}T23:00:00,view,,"]
    )
    return new_shop


def land_elsewhere(shop):
    """The last day's file comes, and another run lands it, and judges nothing."""
    shop.events_file(LATE).write_text(shop.late)
    shop.run("raw/interactions", periods=DAYS)


@pytest.mark.parametrize("at", [TITLES[1], *(pytest.param(TITLES[at], marks=pytest.mark.full) for at in (0, 2))])
def test_a_run_goes_on_when_another_one_lands_a_day_meanwhile(early_shop, at):
    """After the plan, between landing and judging, and between judging and the lists."""

    def before(run_id, title, instance):
        if title == at:
            land_elsewhere(early_shop)

    ran = runs.run(early_shop.settings, DAYS[-1:], before)
    assert ran.failures == []
    assert set(early_shop.scan("recommendations/top_k", period=LATE)["user_id"]) == set(early_shop.people)
    assert LATE not in set(early_shop.scan("validated/interactions")["period"])
    late = f"raw/interactions: 1 period landed while this run went on ({LATE}): type `mmrec run` again"
    assert (late in ran.warnings) == (at == TITLES[0])
    assert not [line for line in ran.warnings if "of which" in line]
    assert walk.event_periods(early_shop.lake, early_shop.settings) == [LATE], "the next run takes it"


def test_a_period_that_landed_after_the_plan_is_left_to_the_next_run(early_shop):
    """Whatever nobody has judged, and the run does not take; what it takes it must judge."""
    land_elsewhere(early_shop)
    version = early_shop.lake.version(tables.LANDING)
    landed = Landing(version).without_late(early_shop.lake, DAYS[:1])
    assert landed == Landing(version, [LATE])
    assert Landing(version).without_late(early_shop.lake, DAYS) == Landing(version)
    gates = [events.gate(each.shown(early_shop.lake), DAYS) for each in (landed, Landing(version))]
    assert [gate.open for gate in gates] == [DAYS, DAYS[:3]]
    run_id = "one"
    assert Landing.of(run_id, landed.tags(run_id)) == landed
    assert Landing.of("another", landed.tags(run_id)) is None
    assert Landing.of(run_id, {}) is None


@pytest.mark.full
def test_a_run_of_the_page_is_judged_against_its_own_landing(early_shop, monkeypatch):
    """Another run lands a day right after this one has landed what there was."""
    job = build_defs(early_shop.settings).resolve_job_def("refresh")
    land, keys_of = graph._FUNCTIONS["raw/interactions"]

    def landing_twice(*arguments):
        report = land(*arguments)
        monkeypatch.setitem(graph._FUNCTIONS, "raw/interactions", (land, keys_of))
        land_elsewhere(early_shop)
        return report

    monkeypatch.setitem(graph._FUNCTIONS, "raw/interactions", (landing_twice, keys_of))
    days = {**RANGE, "dagster/asset_partition_range_end": DAYS[2]}
    served = [node.asset for node in graph.nodes(early_shop.settings)]
    with runs.dg.DagsterInstance.ephemeral() as instance:
        keys = [runs.dg.AssetKey(asset.split("/")) for asset in served]
        result = job.execute_in_process(instance=instance, tags=days, asset_selection=keys, raise_on_error=False)
        assert result.success
        inherited = instance.get_run_by_id(result.run_id).tags
        again = {**inherited, "dagster/asset_partition_range_end": LATE}
        model = [key for key in keys if key.path[0] == "model"]
        later = job.execute_in_process(instance=instance, tags=again, asset_selection=model, raise_on_error=False)
        assert not later.success, "a run that is made again from another one is judged against the newest landing"


def test_late_rows_are_warned_of_and_those_that_another_run_has_judged_are_not(judged_shop):
    day = judged_shop.days[0]
    seen = judged_shop.lake.version("ledger/landing")
    mine = judged_shop.lake.showing({tables.LANDING: judged_shop.lake.scan(tables.LANDING, seen)})
    judged_shop.write_events(day, [*judged_shop.lines(day), f"{judged_shop.people[0]},item-01,{day}T23:00:00,view,,"])
    judged_shop.run("raw/interactions", periods=judged_shop.days[1:])
    assert events.gate(mine, judged_shop.days).warnings == []
    [late] = events.gate(judged_shop.lake, judged_shop.days).warnings
    assert late.startswith("38 rows have landed in period 2024-01-01, of which 37 were judged")
    judged_shop.run(*judged_shop.events)
    assert events.gate(mine, judged_shop.days).warnings == []
    assert events.gate(judged_shop.lake, judged_shop.days).warnings == []


# -- several real runs -------------------------------------------------------------------------------------------------

RUNNERS, RUNS_EACH, LAST = 3, 4, 24  # processes at a time, runs of each, days of January
COMMAND = (sys.executable, "-m", "mmrec_assets.cli.command")


class Landings:
    """Files that land while `work` goes on: a new day, a late event, an edited item, in turn; each whole at once."""

    def __init__(self, shop):
        self.shop, self.done, self.landed = shop, threading.Event(), 0
        self.days = [f"2024-01-{day:02}" for day in range(5, LAST)]

    def land(self):
        draw = random.Random(3)
        while not self.done.wait(draw.uniform(0.5, 3)) and self.days:
            self.landed += 1
            if self.landed % 3 == 0:
                self.shop.edit_item(self.shop.items[self.landed % 9], about=f"Something else {self.landed}")
                continue
            day = self.days.pop(0) if self.landed % 3 == 1 else draw.choice(DAYS)
            lines = self.shop.lines(draw.choice(DAYS)) if day not in DAYS else self.shop.lines(day)
            lines = [line.replace(line.split(",")[2][:10], day) for line in lines]
            late = f"{draw.choice(self.shop.people)},{self.shop.items[1]},{day}T23:{self.landed:02}:00,rating,4,"
            fresh = self.shop.data / "fresh"
            fresh.write_text("\n".join([self.shop.event_header, *lines, late]) + "\n")
            fresh.rename(self.shop.events_file(day))


def run_again_and_again(shop, ended):
    environment = {**os.environ, "MMREC_CONFIG": str(shop.folder / "mmrec.toml")}
    for _ in range(RUNS_EACH):
        done = subprocess.run([*COMMAND, "run", "--json"], env=environment, capture_output=True, text=True, check=False)
        ended.append((done.returncode, done.stderr))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_runs_beside_each_other_all_end_well_while_files_land_and_no_reader_sees_a_half_state(shop):
    """The bad end of a run would be another one's landing, or lists and reasons of two states."""
    config = shop.folder / "mmrec.toml"
    config.write_text(config.read_text().replace("2024-01-05", f"2024-01-{LAST}"))
    landing, ended = Landings(shop), []
    threads = [threading.Thread(target=run_again_and_again, args=(shop, ended)) for _ in range(RUNNERS)]

    def work():
        lander = threading.Thread(target=landing.land)
        for thread in (lander, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        landing.done.set()
        lander.join()

    reads = read_beside(shop, work)
    assert [error for code, error in ended if code] == []
    assert len(ended) == RUNNERS * RUNS_EACH
    assert landing.landed > 10
    assert min(reads) > 10
    assert check_snapshots(shop.settings.lake_root) >= len(DAYS)
    check_vectors(shop.settings.lake_root)
    environment = {**os.environ, "MMREC_CONFIG": str(config)}
    last = subprocess.run([*COMMAND, "run", "--json"], env=environment, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    left = subprocess.run([*COMMAND, "plan", "--json"], env=environment, capture_output=True, text=True, check=False)
    assert json.loads(left.stdout)["rows"] == []
