"""The split by hand-worked examples and by its properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.evaluation.split import split, split_by_time, tie_hash
from mmrec.models.recency import Recency


def test_the_hash_is_the_same_everywhere_and_for_any_order():
    users, items = ["PERSON-7", "PERSON-7", "ü", ""], ["a", "b", "影", "a"]
    hashes = tie_hash(users, items)
    assert hashes.tolist() == PINNED
    assert tie_hash(users[::-1], items[::-1]).tolist() == PINNED[::-1]
    assert len({*tie_hash(["a", "b"], ["b", "a"]).tolist()}) == 2
    with pytest.raises(ValueError, match="one item id"):
        tie_hash(["a"], [])


PINNED = [5173077661033270667, 15433086675796069846, 376053024781940895, 17835850667442785793]


def test_eighty_ten_ten_by_time():
    time = np.array([9, 1, 8, 2, 7, 3, 6, 4, 5, 10])
    part = split(np.zeros(10, int), np.arange(10), time, np.zeros(10, np.uint64))
    assert part.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    twenty_five = split(np.zeros(25, int), np.arange(25), np.arange(25), np.zeros(25, np.uint64))
    assert np.bincount(twenty_five).tolist() == [21, 2, 2]


def test_people_with_few_events_are_all_train():
    user = np.repeat([4, 9], [4, 5])
    part = split(user, np.arange(9), np.arange(9), np.zeros(9, np.uint64))
    assert part.tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 2]
    assert split(user, np.arange(9), np.arange(9), np.zeros(9, np.uint64), minimum=6).sum() == 0
    assert split(user[:0], user[:0], user[:0], np.zeros(0, np.uint64)).shape == (0,)


def test_a_repeat_belongs_to_its_moment_and_moves_no_cut():
    item = np.array([0, 1, 0, 2, 3, 0, 4, 1])
    part = split(np.zeros(8, int), item, np.arange(8), np.zeros(8, np.uint64))
    assert part.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]


@given(st.integers(0, 10_000), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_the_split_is_a_function_of_the_events(seed, n):
    rng = np.random.default_rng(seed)
    user, item, time = rng.integers(0, 8, n), rng.integers(0, 60, n), rng.integers(0, 10, n)
    hashes = tie_hash([str(u) for u in user], [str(i) for i in item])
    part = split(user, item, time, hashes)
    order = rng.permutation(n)
    assert np.array_equal(part[order], split(user[order], item[order], time[order], hashes[order]))
    weights = Recency(3.0).weights(user, time, hashes)
    for one in np.unique(user):
        mine = user == one
        assert np.array_equal(part[mine], split(user[mine], item[mine], time[mine], hashes[mine]))
        assert np.array_equal(weights[mine], Recency(3.0).weights(user[mine], time[mine], hashes[mine]))
        assert weights[mine].max() == 1
        for earlier in (0, 1):
            before, after = time[mine & (part == earlier)], time[mine & (part > earlier)]
            assert not before.size or not after.size or before.max() <= after.min()


def test_ties_go_by_hash_and_not_by_file_or_item():
    hashes = tie_hash(["p"] * 10, [str(i) for i in range(10)])
    part = split(np.zeros(10, int), np.arange(10), np.zeros(10, int), hashes)
    assert part[np.argsort(hashes)].tolist() == [0] * 8 + [1, 2]


def test_one_global_cut_keeps_an_instant_together():
    time = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert split_by_time(time).tolist() == [0] * 8 + [1, 2]
    assert split_by_time(np.array([1, 2, 3, 4, 5, 6, 7, 9, 9, 10])).tolist() == [0] * 7 + [1, 1, 2]
    assert split_by_time(time[:0]).shape == (0,)


def test_recency_halves_down_to_the_floor():
    weights = Recency(1.0).weights(np.array([0, 0, 0, 1]), np.array([3, 1, 2, 0]), np.zeros(4, np.uint64))
    assert weights.tolist() == [1, 0.25, 0.5, 1]
    floored = Recency(1.0, floor=0.5).weights(np.array([0, 0]), np.array([0, 1]), np.zeros(2, np.uint64))
    assert floored.tolist() == [0.75, 1]
