"""The lake that tests of the lake write to."""

import pytest

from mmrec.lake.store import Lake
from tests.helpers.memory_lake import MemoryLake


@pytest.fixture
def lake(request, tmp_path):
    """A lake of files in a folder with a space; for tests of `both` also the dictionary that stands in for it."""
    root = str(tmp_path / "a lake")
    return MemoryLake(root) if getattr(request, "param", "files") == "memory" else Lake(root)
