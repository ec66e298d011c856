"""Failed checks of any severity and failed runs reach a real receiver and the log file, once, without people."""

import json
import time

import dagster as dg
import pytest

from mmrec.errors import MmrecError
from mmrec_assets.running import alerts
from mmrec_assets.running.alerts import look
from resources.notifier import Notifier
from tests.helpers.receiver import Receiver

PERSON = "person-7f3a-zebra"  # an id that cannot be mistaken for anything else
PERIODS = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02"])


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def notifier(receiver, tmp_path, monkeypatch):
    monkeypatch.setattr("resources.notifier._PAUSE_SECONDS", 0.01)
    return Notifier(targets=receiver.address, log_file=str(tmp_path / "home" / "alerts.log"))


def begun(instance, notifier):
    """A cursor as of a moment ago."""
    cursor, told, _ = look(instance, notifier, None)
    assert told == 0
    return cursor


def outcome(asset, results, error=None, specs=None):
    """An asset whose run yields `results` and then fails with `error`, if there is one."""
    names = {result.check_name: result.severity == dg.AssetCheckSeverity.ERROR for result in results}
    key = dg.AssetKey(asset.split("/"))

    @dg.asset(
        key=key,
        check_specs=[dg.AssetCheckSpec(name, asset=key, blocking=blocking) for name, blocking in names.items()],
    )
    def made():
        yield dg.MaterializeResult(asset_key=key)
        yield from results
        if error:
            raise error

    return made


def failed(name, severity=dg.AssetCheckSeverity.ERROR):
    words = "expected at most 5 %; found 12 % (36 of 300 rows)"
    return dg.AssetCheckResult(check_name=name, passed=False, severity=severity, description=words)


def run(instance, asset):
    return dg.materialize([asset], instance=instance, raise_on_error=False, tags={"dagster/partition": "2024-01-02"})


def test_a_failed_check_of_any_severity_is_told(instance, notifier, receiver):
    cursor = begun(instance, notifier)
    run(instance, outcome("validated/items", [failed("volume", dg.AssetCheckSeverity.WARN)]))
    _, told, missed = look(instance, notifier, cursor)
    assert (told, missed) == (1, 0)
    [message] = receiver.received
    assert message["title"] == "mmrec: check volume of validated/items failed (warning)"
    assert "expected at most 5 %; found 12 % (36 of 300 rows)" in message["message"]
    assert "owner: team:data" in message["message"]
    assert "look: mmrec rejected --period 2024-01-02" in message["message"]


def test_a_failed_run_is_told_beside_its_failed_check(instance, notifier, receiver):
    cursor = begun(instance, notifier)
    error = dg.Failure("validated/items: failed its contract: rejected_share", allow_retries=False)
    run(instance, outcome("validated/items", [failed("rejected_share")], error))
    look(instance, notifier, cursor)
    titles = [message["title"] for message in receiver.received]
    assert titles[0] == "mmrec: check rejected_share of validated/items failed (error)"
    assert titles[1].endswith("failed for 2024-01-02")
    assert "validated/items: failed its contract: rejected_share" in receiver.received[1]["message"]
    assert "owner: team:data" in receiver.received[1]["message"]


def test_a_run_without_trouble_is_not_told(instance, notifier, receiver):
    cursor = begun(instance, notifier)
    run(instance, outcome("validated/items", [dg.AssetCheckResult(check_name="keys", passed=True)]))
    assert look(instance, notifier, cursor)[1:] == (0, 0)
    assert receiver.received == []


def test_a_run_is_told_once(instance, notifier, receiver):
    cursor = begun(instance, notifier)
    result = run(instance, outcome("validated/items", [failed("keys", dg.AssetCheckSeverity.WARN)]))
    cursor, told, _ = look(instance, notifier, cursor)
    instance.add_run_tags(result.run_id, {"touched": "later"})
    later, again, _ = look(instance, notifier, cursor)
    assert (told, again) == (1, 0)
    assert look(instance, notifier, later)[1] == 0


def test_runs_from_before_the_sensor_are_not_told(instance, notifier, receiver):
    run(instance, outcome("validated/items", [failed("keys", dg.AssetCheckSeverity.WARN)]))
    time.sleep(0.01)
    assert look(instance, notifier, begun(instance, notifier))[1] == 0


def test_many_runs_are_told_over_several_looks(instance, notifier, receiver, monkeypatch):
    monkeypatch.setattr(alerts, "_RUNS_A_TICK", 2)
    cursor, counts = begun(instance, notifier), []
    for _ in range(3):
        run(instance, outcome("validated/items", [failed("keys", dg.AssetCheckSeverity.WARN)]))
    for _ in range(3):
        cursor, told, _ = look(instance, notifier, cursor)
        counts.append(told)
    assert counts == [2, 1, 0]


def test_each_period_is_named_and_the_sum_is_not_told_again(instance, notifier, receiver):
    key = dg.AssetKey(["validated", "interactions"])

    @dg.asset(key=key, check_specs=[dg.AssetCheckSpec("keys", asset=key)])
    def made(context):
        yield dg.MaterializeResult()
        for period in PERIODS.get_partition_keys():
            words = f"expected unique; found {period[-1]} twice"
            context.log_event(
                dg.AssetCheckEvaluation(key, "keys", passed=False, partition=period, description=words, blocking=True)
            )
        yield dg.AssetCheckResult(check_name="keys", passed=False, severity=dg.AssetCheckSeverity.WARN)

    cursor = begun(instance, notifier)
    run(instance, made)
    look(instance, notifier, cursor)
    [message] = receiver.received
    assert message["title"] == "mmrec: check keys of validated/interactions failed in 2024-01-01, 2024-01-02 (error)"
    assert message["message"].splitlines()[:-1] == [
        "2024-01-01: expected unique; found 1 twice",
        "2024-01-02: expected unique; found 2 twice",
        "owner: team:data",
        "look: mmrec rejected --period 2024-01-01",
    ]


def test_of_an_unexpected_error_only_its_kind_is_told(instance, notifier, receiver, tmp_path):
    cursor = begun(instance, notifier)
    run(instance, outcome("model/factors", [], KeyError(PERSON)))
    look(instance, notifier, cursor)
    [message] = receiver.received
    assert "an unexpected KeyError" in message["message"]
    assert "owner: team:ml" in message["message"]
    assert PERSON not in json.dumps(receiver.received) + (tmp_path / "home" / "alerts.log").read_text()


def test_the_command_of_a_model_check_is_a_query(instance, notifier, receiver):
    cursor = begun(instance, notifier)
    run(instance, outcome("model/evaluation", [failed("not_below_popularity", dg.AssetCheckSeverity.WARN)]))
    look(instance, notifier, cursor)
    words = receiver.received[0]["message"]
    assert "look: mmrec sql \"SELECT * FROM model.evaluation WHERE period = '2024-01-02'\"" in words


def test_every_alert_is_in_the_log_file_and_no_address_is(instance, notifier, receiver, tmp_path):
    receiver.status = 500
    assert notifier.send("title", "body") == 1
    log = (tmp_path / "home" / "alerts.log").read_text()
    assert "title\nbody" in log
    assert "not delivered to 1 of 1 targets" in log
    assert "secret-token" not in log
    assert len(receiver.received) == 3


def test_one_target_that_is_down_does_not_keep_the_others_from_hearing(notifier, receiver):
    both = Notifier(targets=f"nonsense, {receiver.address}\n", log_file=notifier.log_file)
    assert both.send("title", "body") == 1
    assert len(receiver.received) == 1


def test_without_targets_there_is_still_a_log(tmp_path):
    assert Notifier(log_file=str(tmp_path / "alerts.log")).send("title", "body") == 0
    assert "body" in (tmp_path / "alerts.log").read_text()


def test_the_sensor_runs_from_the_first_day_and_keeps_its_cursor(instance, notifier):
    sensor = alerts.sensor()
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    context = dg.build_sensor_context(instance=instance, resources={"notifier": notifier})
    assert sensor.evaluate_tick(context).skip_message == "0 alerts"
    first = context.cursor
    run(instance, outcome("raw/items", [], MmrecError("no file")))
    later = dg.build_sensor_context(instance=instance, resources={"notifier": notifier}, cursor=first)
    assert sensor.evaluate_tick(later).skip_message == "1 alerts"
