"""A stand-in for every stage's work, and a graph that runs on it: what is told is what a test says."""

import dagster as dg

from mmrec.builds.report import WHOLE, Check, PeriodReport, StageReport
from mmrec.planning.graph import Node
from mmrec.quality import contracts
from mmrec_assets.assembly import build_defs
from resources.lake import LakeResource

PERIODS = ["2024-01-01", "2024-01-02", "2024-01-03"]
RANGE = {"dagster/asset_partition_range_start": PERIODS[0], "dagster/asset_partition_range_end": PERIODS[-1]}


class Stage:
    def __init__(self, monkeypatch):
        self.versions, self.refused, self.problem, self.judges, self.raises = {}, {}, None, True, None
        monkeypatch.setattr(
            Node, "run", lambda node, lake, settings, periods, *_, **__: self.report(node, settings, periods)
        )

    def report(self, node, settings, periods):
        if self.raises and node.asset == self.raises[0]:
            raise self.raises[1]
        keys = periods if node.partitioned else [WHOLE]
        made = {
            key: PeriodReport(
                rows=10,
                data_version=self.versions.get((node.asset, key), f"{node.asset}@{key}"),
                computed=10,
                refused=self.refused.get((node.asset, key)),
            )
            for key in keys
        }
        checks = [
            Check(spec.name, key, spec.blocking, not (made[key].refused and spec.name == "keys"), "unique", "2 twice")
            for spec in contracts.checks(node.asset, settings)
            for key in keys
            if self.judges
        ]
        return StageReport(node.asset, made, 0.5, 3, {"raw/items": 2}, checks=checks, problem=self.problem)


class Case:
    """Runs chosen assets of the graph on one instance and reads what was recorded."""

    def __init__(self, settings):
        self.defs = build_defs(settings, lake=LakeResource(root=settings.lake_root))
        self.instance = dg.DagsterInstance.ephemeral()

    def run(self, selection, partition=None, tags=None):
        job = self.defs.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name.split("/")) for name in selection]
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=keys,
            partition_key=partition,
            tags=tags,
            raise_on_error=False,
        )

    def newest(self, key, partition=None):
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
        records = self.instance.fetch_materializations(wanted, limit=1).records
        return records[0].asset_materialization if records else None

    def verdicts(self, result, name):
        records = self.instance.get_records_for_run(
            result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
        events = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in records]
        return {event.partition: event for event in events if event.check_name == name}

    def stale(self, key, partition=None):
        from dagster._core.definitions.data_version import CachingStaleStatusResolver
        from dagster._core.loader import LoadingContextForTest

        graph = self.defs.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        return resolver.get_status(key, partition).value
