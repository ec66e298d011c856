"""Changes are passed on without a click, and only changes: conditions over real runs of the whole graph."""

import dagster as dg
import pytest

from mmrec.builds.report import Check
from mmrec.quality import contracts, suites
from tests.helpers.pipeline import RANGE, Pipeline
from tests.helpers.shop import DAYS, PEOPLE

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Daemon:
    """Evaluates the conditions tick by tick, and runs what they ask for."""

    def __init__(self, pipeline):
        self.pipeline, self.cursor = pipeline, None
        self.graph = pipeline.defs.resolve_asset_graph()

    def tick(self):
        """Asset → the partitions asked for (None where it has none)."""
        found = dg.evaluate_automation_conditions(
            defs=self.pipeline.defs, instance=self.pipeline.instance, cursor=self.cursor
        )
        self.cursor = found.cursor
        asked = {}
        for key in self.graph.materializable_asset_keys:
            partitioned = self.graph.get(key).is_partitioned
            asked["/".join(key.path)] = (
                found.get_requested_partitions(key) if partitioned else found.get_num_requested(key)
            )
        return {asset: what if isinstance(what, set) else None for asset, what in asked.items() if what}

    def settle(self):
        """Ticks and runs until nothing is asked for; every (asset, partition) that was."""
        asked = []
        for _ in range(8):
            wanted = self.tick()
            if not wanted:
                return asked
            asked += [(asset, part) for asset, parts in wanted.items() for part in sorted(parts or [None], key=str)]
            whole = [asset for asset, parts in wanted.items() if parts is None]
            self.run(whole, None)
            for part in sorted({part for parts in wanted.values() for part in parts or ()}):
                self.run([asset for asset, parts in wanted.items() if part in (parts or ())], part)
        raise AssertionError(f"never settles: {asked}")

    def run(self, assets, part):
        if assets:
            keys = [dg.AssetKey(asset.split("/")) for asset in assets]
            assert self.pipeline.refresh(part, asset_selection=keys, run_config=QUIET).success


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    def judge(asset, candidate, settings):
        return [
            Check(s.name, candidate.period, s.blocking, True, "good", "good") for s in contracts.checks(asset, settings)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suites, "judge", judge)
        pipeline = Pipeline(tmp_path_factory.mktemp("automation"))
        assert pipeline.refresh(tags=RANGE, run_config=QUIET).success
        made = Daemon(pipeline)
        made.settle()
        yield made


def computed(daemon, asset, part=None):
    [record] = daemon.pipeline.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset.split("/")), asset_partitions=[part] if part else None), limit=1
    ).records
    return record.asset_materialization.metadata["rows_computed"].value


def test_a_run_that_changes_nothing_asks_for_nothing(daemon):
    assert daemon.pipeline.refresh(tags=RANGE, run_config=QUIET).success
    assert daemon.tick() == {}


def test_an_edited_text_is_passed_on_to_the_lists_and_stops_there(daemon):
    daemon.pipeline.shop.edit_item("item-04", about="another thing")
    daemon.run(["raw/items"], None)
    asked = daemon.settle()
    assert {asset for asset, _ in asked} >= {"validated/items", "embeddings/text", "fused/items", "model/factors"}
    assert ("recommendations/snapshot", DAYS[-1]) in asked
    assert (computed(daemon, "embeddings/text"), computed(daemon, "embeddings/image")) == (1, 0)
    assert daemon.tick() == {}


@pytest.mark.full
def test_a_late_event_is_passed_on_to_its_period_and_the_later_ones(daemon):
    shop, day = daemon.pipeline.shop, DAYS[1]
    shop.write_events(day, [*shop.lines(day), f"{PEOPLE[2]},item-01,{day}T10:00:00,view,,"])
    daemon.run(["raw/interactions"], day)
    asked = daemon.settle()
    assert {part for asset, part in asked if asset == "validated/interactions"} == {day}
    assert {part for asset, part in asked if asset == "model/factors"} == set(DAYS[1:])
    assert "embeddings/text" not in {asset for asset, _ in asked}
    assert daemon.tick() == {}
