"""The kinds of fusion: what they learn, what they leave out, and that they are functions of what they are given."""

from functools import cache

import numpy as np
import pytest

from mmrec.fusion import maps
from mmrec.fusion.deep import Network, Reading
from mmrec.fusion.layout import Layout

N, D = 400, 6
RNG = np.random.default_rng(0)
TASTE = RNG.normal(size=(N, 4))
TARGETS = TASTE @ RNG.normal(size=(4, D))


def block(rows):
    centred = rows - rows.mean(0)
    return centred / np.sqrt((centred**2).sum(1).mean())


BLOCKS = {
    "audio": block(RNG.normal(size=(N, 30))),  # noise
    "image": block(TASTE @ RNG.normal(size=(4, 20)) + RNG.normal(0, 2.0, (N, 20))),
    "text": block(TASTE @ RNG.normal(size=(4, 25)) + RNG.normal(0, 0.3, (N, 25))),
}
PRESENT = {"audio": np.ones(N, bool), "image": RNG.random(N) < 0.7, "text": RNG.random(N) < 0.8}
LAYOUT = Layout.over(dict.fromkeys(BLOCKS, 1.0), BLOCKS)
FEATURES = LAYOUT.features(BLOCKS, PRESENT)
KNOWN = np.arange(N) < 300


def fitted(kind, features=FEATURES):
    return maps.fit(kind, LAYOUT, features, KNOWN, TARGETS[KNOWN], seed=1)


once = cache(fitted)


def explained(made, rows):
    error = TARGETS[rows] - made.features[rows] @ made.matrix.T
    return 1 - (error**2).sum() / (TARGETS[rows] ** 2).sum()


@pytest.mark.parametrize("kind", maps.KINDS)
def test_items_that_were_not_known_are_placed_by_what_they_have(kind):
    made = once(kind)
    assert made.matrix.shape == (D, made.features.shape[1])
    assert explained(made, ~KNOWN & PRESENT["text"]) > 0.6
    assert explained(made, ~KNOWN & ~PRESENT["text"] & PRESENT["image"]) > 0.05


@pytest.mark.parametrize("kind", maps.KINDS)
def test_the_same_is_fitted_the_same_again(kind):
    one, two = once(kind), fitted(kind)
    assert np.array_equal(one.matrix, two.matrix) and np.array_equal(one.features, two.features)


def test_a_block_of_noise_weighs_little_in_a_projection():
    amounts = {name: np.abs(once("projection").matrix[:, cut]).sum() for name, cut in LAYOUT.slices.items()}
    assert amounts["audio"] < 0.1 * amounts["text"]


def test_an_item_without_any_block_is_placed_nowhere():
    features = FEATURES.copy()
    features[7] = 0
    for kind in maps.KINDS:
        made = fitted(kind, features)
        assert not (made.features[7] @ made.matrix.T).any() and np.isfinite(made.matrix).all()


def test_a_network_is_its_bytes_and_reads_each_row_alone():
    made = once("deep")
    again = Network.from_arrays(made.network.to_arrays())
    assert Network.from_arrays({}) is None
    reading = Reading(LAYOUT, again)
    assert np.array_equal(reading.features(BLOCKS, PRESENT), made.features)
    some = {name: rows[40:43] for name, rows in BLOCKS.items()}, {name: rows[40:43] for name, rows in PRESENT.items()}
    assert np.array_equal(reading.features(*some), made.features[40:43])
    alone = reading.alone("text", BLOCKS["text"][:5])
    assert alone[:, reading.slices["text"]].any() and not alone[:, reading.slices["image"]].any()
    assert {name: cut.stop - cut.start for name, cut in reading.slices.items()} == dict.fromkeys(BLOCKS, D)
