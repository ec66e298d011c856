"""The real webserver, daemon and a real browser: "Materialize all" on an empty lake is one green backfill."""

import shutil

import pytest
from PIL import Image

from mmrec.builds.assets import STAGES
from mmrec.lake.store import Lake
from mmrec.planning import graph
from tests.helpers.shop import DAYS, PEOPLE
from tests.helpers.webserver import Browser, Dagster, chromium, wait_for

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


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
        assert dagster.partitions(node.asset) == (len(DAYS) if node.partitioned else 1, 0), node.asset
    lists = Lake(dagster.settings.lake_root).sql("SELECT DISTINCT period, user_id FROM recommendations.top_k")
    assert set(lists["period"]) == set(DAYS)
    assert set(lists["user_id"]) == set(PEOPLE)


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
    wait_for("graph", lambda: "Materialize all" in browser.text(), 90)
    assert {"sources", *STAGES} <= set(browser.text().splitlines())
    browser.click("//button[contains(., 'Materialize all')]")
    browser.click("//button[normalize-space(.)='All']")
    browser.click("//button[contains(., 'Launch backfill')]")
    wait_for("backfill", dagster.backfills, 60)
    check_everything_is_green(dagster)
    browser.open(f"{dagster.url}/runs/b/{dagster.backfills()[0]['id']}")
    assets = len(graph.nodes(dagster.settings))
    wait_for("green", lambda: browser.text().count("100% completed") == assets, 60)
    browser.open(f"{dagster.url}/assets/recommendations/top_k?view=lineage&lineageScope=upstream&lineageDepth=9")
    wait_for("lineage", lambda: {"top_k", "factors", "event_files"} <= set(browser.text().splitlines()), 60)
    wait_for("ten green assets", lambda: green_pixels(browser.screenshot(tmp_path / "lineage.png")) > 40_000, 60)


def green_pixels(path):
    """Pixels of the pale green of a materialized asset; one asset of the drawn graph has about 6,000."""
    red, green, blue = (band.get_flattened_data() for band in Image.open(path).convert("RGB").split())
    return sum(g > r + 10 and g > 200 and g > b for r, g, b in zip(red, green, blue, strict=True))
