"""Content is chosen by what it is worth for items that are hidden from a fit."""

from dataclasses import replace

import numpy as np

from mmrec.evaluation import unmet
from mmrec.evaluation.split import TRAIN
from tests.helpers.problems import problem

PROBLEM = problem()


def test_what_tells_the_tastes_apart_is_read_and_noise_is_left_out():
    found = unmet.choose(PROBLEM, PROBLEM.hyper)
    alone = {name: value.mean for value in found if len(value.weights) == 1 for name in value.weights}
    assert set(found[0].weights) == {"text"} | ({"image"} & set(found[0].weights)) and found[0].weights["text"] == 1
    assert alone["text"] > alone["image"] + 0.1
    tried = {name for each in found for name in each.weights}
    assert tried == {"image", "text"}  # nobody has a sound


def test_a_block_that_some_item_has_alone_is_read_a_little():
    text = PROBLEM.present["text"] & (np.arange(90) != 7)
    found = unmet.choose(replace(PROBLEM, present={**PROBLEM.present, "text": text}), PROBLEM.hyper)[0]
    assert set(found.weights) == {"image", "text"}
    everywhere = {name: np.ones(90, bool) for name in PROBLEM.blocks}
    noise = {"image": PROBLEM.blocks["image"] * 0, "text": PROBLEM.blocks["text"]}
    whole = unmet.choose(replace(PROBLEM, blocks=noise, present=everywhere), PROBLEM.hyper)[0]
    assert whole.weights == {"text": 1.0}


def test_only_train_is_read():
    keep = PROBLEM.part == TRAIN
    columns = ("user_idx", "item_idx", "weight", "time_us", "tie_hash", "part")
    train = replace(PROBLEM, **{name: getattr(PROBLEM, name)[keep] for name in columns})
    both = [unmet.choose(each, PROBLEM.hyper) for each in (PROBLEM, train)]
    assert [each.weights for each in both[0]] == [each.weights for each in both[1]]
    assert all(np.array_equal(a.ndcg, b.ndcg, equal_nan=True) for a, b in zip(*both, strict=True))


def test_without_content_or_people_nothing_is_chosen_by_chance():
    assert unmet.choose(replace(PROBLEM, blocks={}, present={}), PROBLEM.hyper) == []
    nobody = replace(PROBLEM, part=np.full(len(PROBLEM.part), 2))
    assert all(each.mean == -1 for each in unmet.choose(nobody, PROBLEM.hyper))
