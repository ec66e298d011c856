"""`kill -9` of `mmrec run` inside any asset: the next run says so in one line, waits for nothing, and ends well."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from mmrec_assets.cli import runs
from tests.helpers.shop import DAYS, Shop
from tests.helpers.webserver import ROOT, Dagster, wait_for

LIGHT, EMBEDDING = "validated/items", "embeddings/text"
WORKSPACE = (
    "load_from:\n  - python_module: {module_name: tests.helpers.held_run, attribute: defs, location_name: mmrec}\n"
)


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path / "dagster"


def killed_inside(shop, asset, file):
    """Starts a run, waits until it is inside an asset, and kills it."""
    environment = {**os.environ, "MMREC_CONFIG": str(shop.folder / "mmrec.toml")}
    command = [sys.executable, "-m", "tests.helpers.held_run", asset, str(file)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_for("run inside the asset", file.exists, pause=0.05)
        assert int(file.read_text()) == process.pid
        process.kill()
    assert process.returncode == -signal.SIGKILL


def statuses(home):
    with sqlite3.connect(home / "history" / "runs.db") as runs_of:
        return [status for (status,) in runs_of.execute("SELECT status FROM runs")]


def runs_again(shop, asset, home):
    """The next run: it says what it found in one line, waits for nothing, and makes everything."""
    lines = []
    ran = runs.run(shop.settings, DAYS[-1:], tell=lines.append, wait_seconds=0)
    assert ran.failures == []
    [line] = lines
    assert "was killed, or its machine was started anew: marked as failed" in line
    assert ("the device that it held is free again" in line) == asset.startswith("embeddings/")
    assert sorted(set(statuses(home))) == ["FAILURE", "SUCCESS"]
    assert statuses(home).count("FAILURE") == 1
    assert shop.rows("recommendations/top_k") > 0


@pytest.mark.full
def test_after_a_kill_inside_an_embedding_the_next_run_does_not_wait(fused_shop, home, tmp_path):
    fused_shop.edit_item("item-02", about="Something else")
    killed_inside(fused_shop, EMBEDDING, tmp_path / "inside")
    runs_again(fused_shop, EMBEDDING, home)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("asset", Shop.assets)
def test_after_a_kill_inside_any_asset_the_next_run_ends_well(new_shop, asset, home, tmp_path):
    killed_inside(new_shop, asset, tmp_path / "inside")
    runs_again(new_shop, asset, home)


# -- with the daemon ---------------------------------------------------------------------------------------------------


@pytest.fixture
def dagster(tmp_path, monkeypatch, request):
    """Webserver and daemon over a code location whose first run is held inside an asset, where a test names one."""
    made = Dagster(tmp_path)
    held = {"HELD_ASSET": getattr(request, "param", "none"), "HELD_FILE": str(tmp_path / "inside")}
    made.environment |= {**held, "PYTHONPATH": str(ROOT)}
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    made.workspace = tmp_path / "workspace.yaml"
    monkeypatch.setenv("DAGSTER_HOME", made.environment["DAGSTER_HOME"])
    try:
        made.start()
        yield made
    finally:
        made.stop()


def launch(dagster, asset):
    """Asks the page for a run of one asset, for all days where it has days."""
    keys = [{"path": asset.split("/")}]
    launched = dagster.ask(
        """mutation ($keys: [AssetKeyInput!]!) {launchPipelineExecution(executionParams: {
             mode: "default", selector: {repositoryName: "__repository__", repositoryLocationName: "mmrec",
                                         pipelineName: "__ASSET_JOB", assetSelection: $keys}}) {
             __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}""",
        keys=keys,
    )["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def ended(dagster, run_id):
    [status] = [run["status"] for run in dagster.runs() if run["runId"] == run_id]
    return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None


@pytest.mark.full
@pytest.mark.timeout(900)
def test_with_the_daemon_a_run_of_the_page_does_not_wait_for_a_killed_one(dagster, tmp_path):
    shop = Shop(tmp_path)
    shop.run(*shop.assets[:5])
    killed_inside(shop, EMBEDDING, tmp_path / "killed")
    run_id = launch(dagster, EMBEDDING)
    assert wait_for("end of the run of the page", lambda: ended(dagster, run_id)) == "SUCCESS"
    assert "FAILURE" in {run["status"] for run in dagster.runs()}
    assert "STARTED" not in {run["status"] for run in dagster.runs()}


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("asset", Shop.assets)
def test_with_the_daemon_the_next_run_ends_well_after_a_kill_inside_any_asset(dagster, asset, tmp_path):
    shop = Shop(tmp_path)
    killed_inside(shop, asset, tmp_path / "killed")
    ran = runs.run(shop.settings, DAYS[-1:], tell=print, wait_seconds=60)
    assert ran.failures == []
    assert {run["status"] for run in dagster.runs()} == {"SUCCESS", "FAILURE"}


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("dagster", [EMBEDDING], indirect=True)
def test_a_killed_run_of_the_page_holds_up_nobody(dagster, tmp_path):
    shop = Shop(tmp_path)
    shop.run(*shop.assets[:5])
    run_id = launch(dagster, EMBEDDING)
    inside = tmp_path / "inside"
    wait_for("run inside the asset", inside.exists)
    os.kill(int(inside.read_text()), signal.SIGKILL)
    assert wait_for("end of the killed run", lambda: ended(dagster, run_id), 120) == "FAILURE"
    ran = runs.run(shop.settings, DAYS[-1:], tell=print, wait_seconds=60)
    assert ran.failures == []
    assert shop.rows(f"{EMBEDDING}/vectors") > 0
