"""Dagster's files as the project opens them hold what Dagster itself would have written, and each reads the other's."""

import sqlite3
import threading
from collections import Counter
from importlib import resources
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage

from mmrec_assets.running import storage
from mmrec_assets.running.instance import home, instance_of
from tests.helpers.declaring import make_settings

OURS, DAGSTERS = "mmrec_assets.running.storage", "dagster._core.storage.sqlite_storage"
DAYS = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02"])
RANGE = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-02"}


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def landed():
    return dg.MaterializeResult(metadata={"rows": 7})


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[landed],
    check_specs=[dg.AssetCheckSpec("good", asset="model")],
)
def model():
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="good")])


JOB = dg.Definitions(
    assets=[landed, model], jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)]
).resolve_job_def("all")


def opened(folder, module):
    """An instance whose runs and events lie in a folder, opened by our storage or by Dagster's."""
    name = "Storage" if module == OURS else "DagsterSqliteStorage"
    custom = {"module": module, "class": name, "config": {"base_dir": str(folder)}}
    return dg.DagsterInstance.local_temp(
        str(folder), overrides={"storage": {"custom": custom}, "telemetry": {"enabled": False}}
    )


def carry_out(instance):
    return JOB.execute_in_process(instance=instance, tags=RANGE).run_id


def told(instance, run_id):
    """What is read of a run: its events in their order, and the newest ones of assets and checks."""
    of_run = [each.dagster_event for each in instance.all_logs(run_id) if each.dagster_event]
    check = dg.AssetCheckKey(dg.AssetKey("model"), "good")
    checked = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    return {
        "events": [(each.event_type_value, each.asset_key, each.partition) for each in of_run],
        "status": instance.get_run_by_id(run_id).status,
        "partitions": instance.get_materialized_partitions(dg.AssetKey("model")),
        "newest": instance.get_latest_materialization_event(dg.AssetKey("landed")).run_id == run_id,
        "check": (checked.run_id == run_id, checked.status),
    }


def tables(file):
    """The columns of every table, and the revision."""
    with sqlite3.connect(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        [journal] = connection.execute("PRAGMA journal_mode").fetchone()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return {n: [c[1] for c in each] for n, each in columns.items()}, journal, version


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Two folders, each with a run by one of the two: where it lies, the run's id, and what is read of it there."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
        for module in (OURS, DAGSTERS):
            folder = tmp_path_factory.mktemp("home")
            with opened(folder, module) as instance:
                run_id = carry_out(instance)
                found[module] = folder, run_id, told(instance, run_id)
    return found


@pytest.fixture
def ours(left):
    """The one that our storage has made, opened by it again, and its run."""
    folder, run_id, _ = left[OURS]
    with opened(folder, OURS) as instance:
        yield instance, run_id


def test_a_run_leaves_what_dagster_leaves(left):
    (_, _, of_ours), (_, _, of_dagsters) = left[OURS], left[DAGSTERS]
    assert Counter(kind for kind, _, _ in of_ours["events"])["ASSET_MATERIALIZATION"] == 4
    assert of_ours == of_dagsters
    files = {module: folder / "history" / "runs" for module, (folder, _, _) in left.items()}
    assert tables(files[OURS] / "index.db") == tables(files[DAGSTERS] / "index.db")
    of_run = {module: tables(files[module] / f"{run_id}.db") for module, (_, run_id, _) in left.items()}
    assert of_run[OURS] == of_run[DAGSTERS]


@pytest.mark.parametrize(("first", "then"), [(OURS, DAGSTERS), (DAGSTERS, OURS)])
def test_each_goes_on_where_the_other_was(left, first, then):
    folder, before, known = left[first]
    with opened(folder, then) as instance:
        assert told(instance, before) == known
        after = carry_out(instance)
        assert told(instance, after) == known
    with opened(folder, first) as instance:
        assert told(instance, after) == known


def test_our_dagster_yaml_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with instance_of(home(make_settings())) as instance:
        assert isinstance(instance.run_storage, storage.Runs)
        assert isinstance(instance.event_log_storage, storage.Events)
        assert instance.event_log_storage.path_for_shard("index").startswith(str(tmp_path))
    named = yaml.safe_load(resources.files("mmrec_assets").joinpath("dagster.yaml").read_text())["storage"]["custom"]
    assert named["config"] == {"base_dir": {"env": "DAGSTER_HOME"}}


def test_where_all_is_there_no_migration_is_looked_at(left, monkeypatch):
    looked = []
    monkeypatch.setattr(sqlite_event_log, "check_alembic_revision", lambda *given: looked.append(given))
    monkeypatch.setattr(sqlite_run_storage, "check_alembic_revision", lambda *given: looked.append(given))
    with opened(left[OURS][0], OURS) as instance:
        carry_out(instance)
    assert not looked


def test_of_a_batch_that_fails_nothing_is_kept(ours):
    instance, run_id = ours
    logs = instance.all_logs(run_id)
    made = [each for each in logs if each.dagster_event and each.dagster_event.is_step_materialization]
    newest = instance.event_log_storage.get_maximum_record_id()
    with pytest.raises(Exception, match="EventLogEntry"):
        instance.event_log_storage.store_event_batch([*made, None])
    assert len(instance.all_logs(run_id)) == len(logs)
    assert instance.event_log_storage.get_maximum_record_id() == newest
    instance.event_log_storage.store_event_batch(made)
    assert len(instance.all_logs(run_id)) == len(logs) + len(made)


def test_the_file_that_the_page_watches_is_written_to_with_every_event(ours):
    instance, run_id = ours
    event, file = instance.all_logs(run_id)[0], Path(instance.event_log_storage.path_for_shard(run_id))
    before = file.read_bytes()
    instance.event_log_storage.store_event(event)
    assert not file.with_name(f"{file.name}-wal").exists()
    assert file.read_bytes() != before


def test_threads_store_side_by_side(ours):
    instance, run_id = ours
    before, event = len(instance.all_logs(run_id)), instance.all_logs(run_id)[0]
    storing = instance.event_log_storage.store_event
    stored = [threading.Thread(target=lambda: [storing(event) for _ in range(5)]) for _ in range(4)]
    for each in stored:
        each.start()
    for each in stored:
        each.join()
    assert len(instance.all_logs(run_id)) == before + 20
