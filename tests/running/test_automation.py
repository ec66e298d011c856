"""The schedule asks for the newest landed period, once for each state of the source files, or says why not."""

import uuid

import dagster as dg
import pytest

from mmrec.errors import MmrecError
from mmrec.planning import walk
from mmrec.settings import Settings
from mmrec.stages.raw import deliveries
from mmrec_assets.assembly import build_defs
from mmrec_assets.running import automation

RANGE = "dagster/asset_partition_range"


@pytest.fixture
def settings(tmp_path):
    return Settings.model_validate(
        {
            "name": "tiny",
            "data": tmp_path,
            "lake": {"root": str(tmp_path / "lake")},
            "calendar": {"start": "2024-01-01", "end": "2024-01-11"},
            "interactions": {"files": ["events*.csv"], "event": "view"},
            "events": {"view": 1.0},
            "items": {"files": ["items.csv"]},
            "schedule": {"cron": "30 4 * * *", "timezone": "Europe/Berlin"},
        }
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def land(settings, name, *days):
    (settings.data / "items.csv").write_text("item_id,title\ni1,One\n")
    rows = [f"u{index},i1,{day}T10:00:00" for index, day in enumerate(days)]
    (settings.data / name).write_text("\n".join(["user_id,item_id,time", *rows]) + "\n")


def launched(instance, request, status):
    """The run that the daemon would have made of a request."""
    run = dg.DagsterRun(job_name="refresh", run_id=str(uuid.uuid4()), tags=request.tags, status=status)
    return instance.add_run(run)


def test_the_schedule_is_stopped_and_ticks_as_the_settings_say(settings):
    schedule = build_defs(settings).resolve_schedule_def("refresh_newest_landed_period")
    assert schedule.cron_schedule == "30 4 * * *"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "refresh"


def test_it_asks_for_the_newest_landed_period(settings, instance):
    land(settings, "events1.csv", "2024-01-02", "2024-01-04")
    request = automation.request(instance, settings)
    assert request.tags[f"{RANGE}_start"] == "2024-01-01"  # on an empty lake every period up to it has work
    assert request.tags[f"{RANGE}_end"] == "2024-01-04"


def test_it_skips_when_nothing_new_landed_and_says_since_when(settings, instance):
    land(settings, "events1.csv", "2024-01-02")
    run = launched(instance, automation.request(instance, settings), dg.DagsterRunStatus.SUCCESS)
    again = automation.request(instance, settings)
    assert isinstance(again, dg.SkipReason)
    assert again.skip_message == f"nothing new landed since run {run.run_id[:8]} (SUCCESS) for period 2024-01-02"


def test_a_run_that_failed_is_asked_for_again(settings, instance):
    land(settings, "events1.csv", "2024-01-02")
    first = automation.request(instance, settings)
    launched(instance, first, dg.DagsterRunStatus.FAILURE)
    second = automation.request(instance, settings)
    assert second.run_key != first.run_key
    launched(instance, second, dg.DagsterRunStatus.STARTED)
    assert isinstance(automation.request(instance, settings), dg.SkipReason)


def test_a_late_file_of_an_old_period_is_asked_for_with_the_newest(settings, instance):
    land(settings, "events1.csv", "2024-01-04")
    first = automation.request(instance, settings)
    launched(instance, first, dg.DagsterRunStatus.SUCCESS)
    land(settings, "events2.csv", "2024-01-02")
    second = automation.request(instance, settings)
    assert second.tags[f"{RANGE}_end"] == "2024-01-04"
    assert second.tags[f"{RANGE}_start"] <= "2024-01-02"
    assert second.run_key != first.run_key


def test_when_only_the_newest_period_has_work_one_partition_is_asked_for(settings, instance, monkeypatch):
    land(settings, "events1.csv", "2024-01-04")
    monkeypatch.setattr(walk, "event_periods", lambda *_: ["2024-01-04"])
    assert automation.request(instance, settings).partition_key == "2024-01-04"


def test_it_skips_with_the_message_when_there_are_no_files(settings, instance):
    reason = automation.request(instance, settings)
    assert "no file matches events*.csv" in reason.skip_message


def test_it_skips_when_no_row_falls_into_the_calendar(settings, instance, monkeypatch):
    land(settings, "events1.csv", "2024-01-02")
    monkeypatch.setattr(deliveries, "landed_digest", lambda *_: (None, "digest"))
    assert "no event file holds a row" in automation.request(instance, settings).skip_message


def test_an_unexpected_error_is_not_taken_for_a_reason(settings, instance, monkeypatch):
    def broken(*_):
        raise OSError("disk")

    monkeypatch.setattr(deliveries, "landed_digest", broken)
    with pytest.raises(OSError, match="disk"):
        automation.request(instance, settings)
    assert not issubclass(OSError, MmrecError)


def test_the_tick_hands_the_request_on(settings, tmp_path):
    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    land(settings, "events1.csv", "2024-01-02")
    defs = build_defs(settings)
    schedule = defs.resolve_schedule_def("refresh_newest_landed_period")
    context = dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def())
    [request] = schedule.evaluate_tick(context).run_requests
    assert request.tags[f"{RANGE}_end"] == "2024-01-02"
