"""What two modalities share is found, what they do not share is not, and few items say nothing."""

import numpy as np
import pytest

from mmrec.fusion.redundancy import pairs

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(600, 3))
BLOCKS = {
    "audio": RNG.normal(size=(600, 40)),  # of its own
    "image": HIDDEN @ RNG.normal(size=(3, 700)) + RNG.normal(0, 0.3, (600, 700)),
    "text": HIDDEN @ RNG.normal(size=(3, 30)) + RNG.normal(0, 0.3, (600, 30)),
}
EVERYWHERE = {name: np.ones(600, bool) for name in BLOCKS}


def found(blocks=BLOCKS, present=EVERYWHERE):
    return {(each.modality, each.other): each for each in pairs(blocks, present)}


def test_every_ordered_pair_is_measured_on_items_it_was_not_fitted_on():
    made = found()
    assert len(made) == 6
    both = made["text", "image"]
    assert both.items == 600 and both.correlation > 0.95 and both.told > 0.8 and both.shared > 0.1
    for other in ("image", "text"):
        apart = made["audio", other]
        assert apart.correlation < 0.3 and apart.told < 0.02 and apart.shared < 0.02


def test_what_is_shared_does_not_depend_on_the_direction_and_what_is_told_does():
    made = found()
    assert made["text", "image"].correlation == pytest.approx(made["image", "text"].correlation)
    few = {**BLOCKS, "text": HIDDEN[:, :1] @ RNG.normal(size=(1, 30)) + RNG.normal(0, 0.01, (600, 30))}
    made = found(few)
    assert made["text", "image"].told > made["image", "text"].told + 0.2


def test_items_without_one_of_both_do_not_count_and_too_few_say_nothing():
    present = {**EVERYWHERE, "image": np.arange(600) < 79}
    made = found(present=present)["text", "image"]
    assert (made.items, made.correlation, made.told) == (79, None, None)
    half = {**EVERYWHERE, "image": np.arange(600) % 4 < 2}
    assert found(present=half)["text", "image"].items == 300


def test_equal_vectors_share_nothing():
    made = found(
        {"image": np.ones((200, 5)), "text": BLOCKS["text"][:200]}, {n: np.ones(200, bool) for n in EVERYWHERE}
    )
    assert made["image", "text"].correlation == 0 and made["image", "text"].told == 0
