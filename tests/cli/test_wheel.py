"""A wheel in an environment of its own, far from any checkout: a stranger's folder from `init` to the page."""

import os
import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.helpers.webserver import Process, answers, fetch, free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sysconfig.get_path("purelib")

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mmrec(tmp_path_factory):
    """The command of an installed wheel. What it needs is borrowed from this environment; mmrec itself is not."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", ROOT, source], check=True)
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "borrowed.pth").write_text(PACKAGES + "\n")  # a path alone: its own .pth files are not read
    [wheel] = folder.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--quiet", "--no-deps", wheel], check=True)
    return python.with_name("mmrec")


def test_a_stranger_s_data_go_from_init_to_the_page_without_a_checkout(mmrec, tmp_path):
    weights = {"MMREC_WEIGHTS": str(ROOT / ".mmrec" / "weights")}
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MMREC_", "DAGSTER_"))} | weights

    def type_(*arguments):
        done = subprocess.run([mmrec, *arguments], cwd=tmp_path, env=own, capture_output=True, text=True, timeout=400)
        return done.returncode, done.stdout + done.stderr

    assert type_("plan") == (1, f"error: no mmrec.toml in {tmp_path}, and MMREC_CONFIG names no other; "
                                "`mmrec init FOLDER` drafts one from your files\n")  # fmt: skip
    draw = random.Random(0)
    rows = [f"u{u},p{draw.randrange(20)},2026-11-{d:02},buy" for u in range(20) for d in range(1, 15)]
    (tmp_path / "sales.csv").write_text("\n".join(["customer,product,day,kind", *rows]) + "\n")
    things = [f"p{i},Thing {i},A thing of kind {i % 4}" for i in range(20)]
    (tmp_path / "products.csv").write_text("\n".join(["id,name,description", *things]) + "\n")
    code, told = type_("init", ".")
    assert code == 0 and told.rstrip().endswith("read it, then: mmrec plan"), told
    code, told = type_("plan")
    assert code == 10, told
    code, told = type_("run")
    assert code == 0, told
    assert type_("plan")[0] == 0
    assert "Thing" in type_("recommend", "--user", "u3")[1]
    assert {path.name for path in (tmp_path / ".mmrec").iterdir()} >= {"lake", "dagster"}

    port = free_port()
    page = Process([mmrec, "ui", "--port", port], tmp_path / "ui.log", cwd=tmp_path, **weights)
    try:
        wait_for("page", lambda: answers(f"http://127.0.0.1:{port}/server_info"), 120)
        asked = fetch(f"http://127.0.0.1:{port}/graphql", {"query": "{assetNodes {assetKey {path}}}"})
        assert ["recommendations", "snapshot"] in [node["assetKey"]["path"] for node in asked["data"]["assetNodes"]]
    finally:
        page.stop()
