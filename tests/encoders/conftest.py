"""Encoders and pictures, loaded once a module."""

import numpy as np
import pytest
from PIL import Image

from mmrec import encoders
from tests.helpers.clips import WEIGHTS
from tests.helpers.encoded import saved


@pytest.fixture(scope="module")
def minilm():
    return encoders.load(encoders.identity("text", "minilm", "fp32", WEIGHTS), "cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Five registered drawings of different shapes and kinds."""
    root = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(0)
    refs = []
    for number, size in enumerate([(92, 138), (300, 200), (64, 64), (500, 333), (240, 300)]):
        image = Image.fromarray(chance.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize(size)
        refs.append(saved(image, root / f"{number}.{'png' if number % 2 else 'jpg'}"))
    return refs
