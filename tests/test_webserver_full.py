"""The real webserver, daemon and a real browser: "Materialize all" on an empty lake is one green backfill."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mmrec import graph
from mmrec.lake import Lake
from tests import tiny

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 300
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the W3C name of an element's reference


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, look, seconds=PATIENCE_SECONDS, pause=0.5):
    """The first answer of `look` that is not empty; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(pause)
    raise AssertionError(f"no {what} within {seconds} s")


def fetch(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


class Process:
    """A program of this test's own, in a group of its own, which ends with the test."""

    def __init__(self, command, log, **environment):
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self):
        for sign in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, sign)
            try:
                self.process.wait(timeout=20)
                return
            except subprocess.TimeoutExpired:
                continue


class Dagster:
    """Webserver and daemon on loopback, over a lake and an instance of their own."""

    def __init__(self, folder):
        self.settings = tiny.write(folder)
        home = folder / "home"
        home.mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.processes = []
        self.folder = folder
        self.environment = {"DAGSTER_HOME": str(home), "MMREC_CONFIG": str(folder / "mmrec.toml"), "MMREC_ALERTS": ""}

    def start(self):
        """Webserver first, then daemon: two processes that make the same new instance get in each other's way."""
        tools, workspace = Path(sys.executable).parent, ["-w", ROOT / "workspace.yaml"]
        port = self.url.rpartition(":")[2]
        server = [tools / "dagster-webserver", "-h", "127.0.0.1", "-p", port, *workspace]
        self.processes.append(Process(server, self.folder / "webserver.log", **self.environment))
        wait_for("webserver", lambda: answers(f"{self.url}/server_info"), 90)
        daemon = [tools / "dagster-daemon", "run", *workspace]
        self.processes.append(Process(daemon, self.folder / "daemon.log", **self.environment))

    def stop(self):
        for process in self.processes:
            process.stop()

    def ask(self, query, **variables):
        answer = fetch(f"{self.url}/graphql", {"query": query, "variables": variables})
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def backfills(self):
        data = self.ask("{partitionBackfillsOrError {... on PartitionBackfills {results {id status}}}}")
        return data["partitionBackfillsOrError"]["results"]

    def runs(self):
        data = self.ask("{runsOrError {... on Runs {results {runId status tags {key value}}}}}")
        return data["runsOrError"]["results"]

    def partitions(self, asset):
        """(materialized, failed) partitions of an asset; for one without partitions, its materializations."""
        data = self.ask(
            """query ($key: AssetKeyInput!) {assetNodeOrError(assetKey: $key) {... on AssetNode {
                 isPartitioned assetMaterializations(limit: 1) {runId}
                 partitionStats {numMaterialized numFailed}}}}""",
            key={"path": asset.split("/")},
        )["assetNodeOrError"]
        if data["isPartitioned"]:
            return data["partitionStats"]["numMaterialized"], data["partitionStats"]["numFailed"]
        return len(data["assetMaterializations"]), 0

    def ended_backfill(self):
        """The one backfill, once it has ended; fails with the daemon's last words when it did not end well."""
        found = [b for b in self.backfills() if b["status"] not in ("REQUESTED", "CANCELING", "FAILING")]
        return found[0] if found else None


@pytest.fixture
def dagster(tmp_path):
    made = Dagster(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def check_everything_is_green(dagster):
    ended = wait_for("ended backfill", dagster.ended_backfill, pause=2)
    log = dagster.processes[1].log.read_text()[-3000:]
    assert ended["status"] == "COMPLETED_SUCCESS", log
    runs = dagster.runs()
    assert {run["status"] for run in runs} == {"SUCCESS"}, log
    assert len(runs) <= 6, "a backfill of single runs takes a few runs, not one a period"
    for node in graph.nodes(dagster.settings):
        assert dagster.partitions(node.asset) == (len(tiny.DAYS) if node.partitioned else 1, 0), node.asset
    lists = Lake(dagster.settings.lake_root).sql("SELECT DISTINCT period, user_id FROM recommendations.top_k")
    assert set(lists["period"]) == set(tiny.DAYS)
    assert set(lists["user_id"]) == set(tiny.PEOPLE)


def test_materialize_all_over_all_partitions_is_one_green_backfill(dagster):
    keys = [{"path": node.asset.split("/")} for node in graph.nodes(dagster.settings)]
    launched = dagster.ask(
        """mutation ($keys: [AssetKeyInput!]!) {
             launchPartitionBackfill(backfillParams: {assetSelection: $keys, allPartitions: true}) {
               __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}""",
        keys=keys,
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    check_everything_is_green(dagster)
    assert len(dagster.backfills()) == 1


class Browser:
    """Headless Chromium by the W3C protocol over plain HTTP; it can reach nothing but loopback."""

    def __init__(self, folder):
        port = free_port()
        self.driver = Process([shutil.which("chromedriver"), f"--port={port}"], folder / "chromedriver.log")
        base = f"http://127.0.0.1:{port}"
        wait_for("chromedriver", lambda: answers(f"{base}/status"), 30)
        arguments = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1800,1100"),
            f"--user-data-dir={folder / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        ]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments, "binary": chromium()}}
        session = fetch(f"{base}/session", {"capabilities": {"alwaysMatch": wanted}})["value"]["sessionId"]
        self.session = f"{base}/session/{session}"

    def stop(self):
        try:
            fetch(self.session, method="DELETE")
        finally:
            self.driver.stop()

    def open(self, url):
        fetch(f"{self.session}/url", {"url": url})

    def find(self, xpath):
        return [
            each[ELEMENT] for each in fetch(f"{self.session}/elements", {"using": "xpath", "value": xpath})["value"]
        ]

    def click(self, xpath, seconds=60):
        def attempt():
            for element in reversed(self.find(xpath)):
                try:
                    fetch(f"{self.session}/element/{element}/click", {})
                    return True
                except urllib.error.HTTPError:  # covered, moving or gone: look again
                    continue
            return False

        wait_for(f"clickable {xpath}", attempt, seconds)

    def text(self):
        script = {"script": "return document.body.innerText", "args": []}
        return fetch(f"{self.session}/execute/sync", script)["value"]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(fetch(f"{self.session}/screenshot")["value"]))


def chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def browser(tmp_path):
    if not (chromium() and shutil.which("chromedriver")):
        pytest.skip("needs Chromium and chromedriver")
    made = Browser(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def test_a_person_clicks_materialize_all_and_sees_green(dagster, browser, tmp_path):
    browser.open(f"{dagster.url}/asset-groups")
    wait_for("graph", lambda: "top_k" in browser.text(), 90)
    for stage in graph.STAGES:
        assert stage in browser.text()
    browser.screenshot(tmp_path / "empty.png")
    browser.click("//button[contains(., 'Materialize all')]")
    browser.click("//button[contains(., 'Launch')]")
    wait_for("backfill", dagster.backfills, 60)
    check_everything_is_green(dagster)
    browser.open(f"{dagster.url}/asset-groups")
    wait_for("green graph", lambda: "top_k" in browser.text() and "Never materialized" not in browser.text(), 60)
    browser.screenshot(tmp_path / "graph.png")
    browser.open(f"{dagster.url}/assets/recommendations/top_k?view=lineage&lineageScope=upstream&lineageDepth=9")
    wait_for("lineage", lambda: "factors" in browser.text() and "event_files" in browser.text(), 60)
    browser.screenshot(tmp_path / "lineage.png")
    assert (tmp_path / "lineage.png").stat().st_size > 20_000
