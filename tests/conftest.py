"""Fixtures that tests of several rooms share: shops with a lake, a quick judge, everything that a report says."""

import shutil
from contextlib import contextmanager

import hypothesis
import polars as pl
import pytest

from mmrec.models import candidates
from mmrec.quality import suites
from tests.helpers.quick_judge import judge_quickly
from tests.helpers.shop import Shop, write_shop

pytest_plugins = ("tests.helpers.loopback", "tests.helpers.command")

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

JUDGE = suites.judge

# Begun first, so that two workers end together.
LONG = (
    "work",
    "settings_matrix",
    "automation_conditions",
    "migrate",
    "verify",
    "verify_damage",
    "selection",
    "grown",
    "killed_search",
    "init",
    "pipeline_dagster",
    "precomputed",
    "placing",
    "whenever_it_came",
    "repair",
    "odd_data",
    "recommendations",
    "model_content",
    "proof_keys",
    "stale",
    "proof_pipeline",
    "proof_faults",
    "proof_lists",
    "clips",
    "runs_beside",
)


def pytest_collection_modifyitems(items):
    place = {f"test_{name}": at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


@contextmanager
def judging(judge):
    """Batches are judged by this function meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suites, "judge", judge)
        yield


@pytest.fixture(scope="session")
def make_shop():
    """A shop in a new folder: freshly delivered, or a copy of another one's files and lake."""

    def make(folder, like=None):
        return Shop(write_shop(folder / "shop") if like is None else shutil.copytree(like.folder, folder / "shop"))

    return make


@pytest.fixture
def new_shop(tmp_path):
    """A shop with delivered files and no lake."""
    return Shop(write_shop(tmp_path / "shop"))


@pytest.fixture(scope="session")
def judged(make_shop, tmp_path_factory):
    """A shop whose raw and validated stages were run for every day, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("judged"))
    with judging(judge_quickly):  # whichever module is the first to ask for it
        shop.reports = shop.run(*shop.assets[:5])
    return shop


@pytest.fixture(scope="session")
def fused(judged, make_shop, tmp_path_factory):
    """A shop with everything up to the fused items, for tests that only read."""
    shop = make_shop(tmp_path_factory.mktemp("fused"), like=judged)
    shop.reports = judged.reports | shop.run(*shop.content[3:])
    return shop


@pytest.fixture(scope="session")
def built(fused, make_shop, tmp_path_factory):
    """A shop whose every asset was run for every day, for tests that only read; `reports` of that by asset."""
    shop = make_shop(tmp_path_factory.mktemp("built"), like=fused)
    shop.reports = fused.reports | shop.run(*shop.answers)
    return shop


@pytest.fixture
def judged_shop(judged, make_shop, tmp_path):
    """A copy of the shop with raw and validated run."""
    return make_shop(tmp_path, like=judged)


@pytest.fixture
def fused_shop(fused, make_shop, tmp_path):
    """A copy of the shop with everything up to the fused items."""
    return make_shop(tmp_path, like=fused)


@pytest.fixture
def shop(built, make_shop, tmp_path):
    """A copy of the shop with everything run."""
    return make_shop(tmp_path, like=built)


@pytest.fixture(scope="session", autouse=True)
def quick_judge():
    """Judges by `judge_quickly`, which costs a hundredth: most tests are of what lies behind a verdict."""
    with judging(judge_quickly):
        yield


@pytest.fixture(scope="module")
def great_expectations():
    """Judges as a run does, for the tests of a module that are of the contract or of everything together."""
    with judging(JUDGE):
        yield


@pytest.fixture
def told():
    """Everything that a report says: every field, with tables and samples written out in full."""

    def everything(report):
        with pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=10_000, fmt_table_cell_list_len=-1):
            return "\n".join([repr(report), *(str(table) for table in (report.sample, *report.tables.values()))])

    return everything


@pytest.fixture(scope="session", autouse=True)
def _linked_start():
    """Shops of tests are dense, and too small to search: they would be served without the item-item part of a score."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(candidates._START, True, (candidates.Hyper(), candidates.LinkSettings()))
        yield
