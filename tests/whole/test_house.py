"""How the house is kept: sizes of files and functions, one place that names a table, rooms that need little to run."""

import ast
import re
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

from mmrec import tables

ROOT = Path(__file__).resolve().parents[2]
DECLARATIONS = ("mmrec/tables/", "mmrec/builds/assets.py")
# Beside the standard library, what torch, transformers, tokenizers, torchvision, Pillow and NumPy bring is there.
HIDDEN = (
    "polars",
    "duckdb",
    "deltalake",
    "dagster",
    "pydantic",
    "pyarrow",
    "pandas",
    "great_expectations",
    "soundfile",
    "av",
)


def modules(*rooms):
    return {path: parsed(path) for room in rooms for path in sorted((ROOT / room).rglob("*.py"))}


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def label(path):
    return path.relative_to(ROOT).as_posix()


def test_files_and_functions_are_short():
    lines = {label(path): path.read_text(encoding="utf-8").count("\n") for path in modules("mmrec", "mmrec_assets")}
    lines = {name: count for name, count in lines.items() if not name.startswith("mmrec/tables/")}
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert statistics.median(lines.values()) <= 110
    functions = {
        f"{label(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path, tree in modules("mmrec", "mmrec_assets").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in functions.items() if count > 45} == {}
    assert statistics.median(functions.values()) <= 8
    assert statistics.quantiles(functions.values(), n=10)[-1] <= 25


def test_test_modules_are_short_and_say_what_they_hold():
    found = modules("tests")
    assert {label(path): count for path in found if (count := path.read_text(encoding="utf-8").count("\n")) > 300} == {}
    assert [label(path) for path, tree in found.items() if not ast.get_docstring(tree)] == []


def texts(tree):
    """Every text of a module but its docstrings, with what is filled in as `{`."""
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented)]
    docs = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inner:
            yield node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{" for part in node.values)


def test_tables_are_named_where_they_are_declared():
    stages = sorted({table.name.partition("/")[0] for table in tables.ALL})
    named = re.compile(rf"(?<![\w/.])({'|'.join(stages)})/[a-z_{{]?")
    places = [
        (label(path), text)
        for path, tree in modules("mmrec", "mmrec_assets", "checks", "resources").items()
        if not label(path).startswith(DECLARATIONS)
        for text in texts(tree)
        if named.search(text) and len(text) < 60
    ]
    assert len(places) <= 60, places


def test_a_file_that_a_module_names_is_there():
    lost = [
        (label(path), name)
        for path in modules("mmrec", "mmrec_assets", "checks", "resources", "demo", "bench")
        for name in re.findall(r"`([\w/]+\.py)`", path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists() and not (path.parent / name).exists()
    ]
    assert lost == []


def test_the_top_of_the_library_is_a_vocabulary_and_rooms():
    files = {path.name for path in (ROOT / "mmrec").glob("*.py")}
    assert files == {"__init__.py", "errors.py", "folders.py", "keys.py", "modalities.py", "periods.py"}


def test_encoders_and_models_run_where_nothing_but_torch_and_its_kin_is_installed():
    code = f"""
import importlib, pkgutil, sys
from pathlib import Path

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HIDDEN!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
import numpy as np
import mmrec.encoders, mmrec.models, mmrec.keys
for room in (mmrec.encoders, mmrec.models):
    for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
from mmrec import encoders
from mmrec.models.ease import Ease
from mmrec.models.factorization import Hyper
from mmrec.models.feature_ials import FeatureIALS
from mmrec.models.histories import Histories
encoder = encoders.load(encoders.identity("text", "hash:8", "fp32", Path()), "cpu")
assert encoder.encode(encoder.prepare(["a thing", "another"])).shape == (2, 8)
draw = np.random.default_rng(0)
own = Histories.build(draw.integers(0, 20, 200), draw.integers(0, 30, 200), n_users=20)
for model in (FeatureIALS(Hyper(width=4, sweeps=2)), Ease(10.0)):
    lists, _ = model.fit(own, 30).scores(own).top_k(own, 5, np.arange(30))
    assert (lists >= 0).all()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
