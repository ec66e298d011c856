"""The tiny shop as a pipeline: one lake, one instance, runs of the job that refreshes everything."""

import dagster as dg

from mmrec.planning import graph
from mmrec_assets.assembly import build_defs
from tests.helpers.shop import DAYS, Shop, write_shop

RANGE = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}


class Pipeline:
    """One data set, one lake, one instance; runs of the job that refreshes everything."""

    def __init__(self, folder):
        self.shop = Shop(write_shop(folder))
        self.settings = self.shop.settings
        self.defs = build_defs(self.settings)
        self.instance = dg.DagsterInstance.ephemeral()

    def refresh(self, partition=None, tags=None, **more):
        job = self.defs.resolve_job_def("refresh")
        return job.execute_in_process(instance=self.instance, partition_key=partition, tags=tags, **more)

    def materializations(self, result):
        """(asset, partition) → the newest event of a run, and every event."""
        wanted = dg.DagsterEventType.ASSET_MATERIALIZATION
        records = self.instance.get_records_for_run(result.run_id, of_type=wanted).records
        events = [record.event_log_entry.asset_materialization for record in records]
        return {("/".join(each.asset_key.path), each.partition): each for each in events}, events


def expected(settings, days):
    return {(n.asset, day) for n in graph.nodes(settings) for day in (days if n.partitioned else [None])}
