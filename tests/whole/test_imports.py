"""Imports go one way between the rooms and between the stages, and loading the code location stays light and quiet."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("mmrec", "resources", "checks", "mmrec_assets")  # each may import itself and those before it
HEAVY = ("torch", "transformers", "torchvision", "great_expectations", "apprise", "pandas")
READING = ("os.environ[", "os.environ.get(", "os.getenv(", "dict(os.environ", "settings.load(")
READS_SETTINGS = (
    "mmrec/settings/reading.py",
    "mmrec_assets/definitions.py",
    "mmrec_assets/assembly.py",
    "mmrec_assets/cli/work.py",
)


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Every module that a file imports anywhere in it, as dotted names."""
    names = []
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names += [module, *[f"{module}.{alias.name}" for alias in node.names]]
    return names


def files(*rooms):
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def label(path):
    return str(path.relative_to(ROOT))


def test_nobody_but_the_demo_knows_the_demo():
    assert not [label(path) for path in files(*ROOMS) if "demo" in {name.partition(".")[0] for name in imported(path)}]


def test_a_room_imports_rooms_below_it_and_a_stage_no_later_one():
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_and_environment_are_read_in_one_place():
    reading = [
        (label(path), ast.unparse(node))
        for path in files(*ROOMS)
        if label(path) not in READS_SETTINGS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call | ast.Subscript)
        and ast.unparse(node).startswith(
            ("os.environ[", "os.environ.get(", "os.getenv(", "dict(os.environ", "settings.load(")
        )
    ]
    assert not reading


def test_every_module_says_what_belongs_in_it():
    assert not [label(path) for path in files(*ROOMS) if not ast.get_docstring(tree(path))]


def test_loading_the_code_location_is_light_and_quiet():
    code = (
        "import sys, mmrec_assets.definitions as d\n"
        "d.defs.resolve_all_job_defs(); d.defs.resolve_asset_graph()\n"
        f"print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    environment = {**os.environ, "MMREC_CONFIG": str(ROOT / "demo" / "mmrec.toml")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
