"""Dagster's webserver and daemon, and a browser, as processes that a test starts and ends by their ids."""

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

from tests.helpers.shop import Shop, write_shop

ROOT = Path(__file__).resolve().parents[2]
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

    def __init__(self, command, log, cwd=ROOT, **environment):
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
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
        self.settings = Shop(write_shop(folder)).settings
        home = folder / "home"
        home.mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.processes = []
        self.folder, self.workspace = folder, ROOT / "workspace.yaml"
        self.environment = {"DAGSTER_HOME": str(home), "MMREC_CONFIG": str(folder / "mmrec.toml"), "MMREC_ALERTS": ""}

    def start(self):
        """Webserver first, then daemon: two processes that make the same new instance get in each other's way."""
        tools, workspace = Path(sys.executable).parent, ["-w", self.workspace]
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
        return path


def chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
