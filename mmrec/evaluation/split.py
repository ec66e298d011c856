"""The evaluation protocol's split, and the order of a person's events in time.

Here: which event is train, validation or test, and how equal timestamps are ordered. Not here: weights by recency
(`mmrec/models/recency.py`), fitting, metrics, storage. A split is a function of the events and is never stored. Only
numpy and hashlib.

Equal timestamps are ordered by a hash of the ids: file order leaks how a file was sorted and item ids leak popularity
(that alone moved EASE's NDCG@20 by .018 on ML-100K).
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from mmrec.models.recency import by_person

PARTS = TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = ("train", "validation", "test")
PER_PERSON, GLOBAL, RANDOM, GIVEN = "per_person", "global", "random", "given"
LEAKS = {  # what a model may learn from that nobody could have known
    PER_PERSON: "what others did after a person's test events may be in train",
    GLOBAL: "nothing of the future is in train; people and items that came later have little of their past there",
    RANDOM: "a person's own later events are in train, so figures are higher than a service will see",
    GIVEN: "the parts were given, so what is in train of the time after a test event is not known",
}
MINIMUM_EVENTS = 5  # distinct items below which a person has nothing held out


def tie_hash(user_ids: Sequence[str], item_ids: Sequence[str]) -> np.ndarray:
    """uint64 [n], one for each event, from its person's and item's id: the same on every platform and for any order.

    SHA-256 over each distinct id and splitmix64's finisher over the pair (Steele, Lea, Flood 2014).
    """
    if len(user_ids) != len(item_ids):
        raise ValueError(f"expected one item id for each user id; got {len(user_ids)} and {len(item_ids)}")
    with np.errstate(over="ignore"):
        return _mix(_mix(_digests(user_ids)) + _digests(item_ids))


def _digests(ids: Sequence[str]) -> np.ndarray:
    known = {one: int.from_bytes(hashlib.sha256(one.encode()).digest()[:8], "little") for one in set(ids)}
    return np.fromiter((known[one] for one in ids), np.uint64, len(ids))


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def split(
    user_idx: np.ndarray,
    item_idx: np.ndarray,
    time_us: np.ndarray,
    hashes: np.ndarray,
    *,
    shares: tuple[float, float] = (0.1, 0.1),
    minimum: int = MINIMUM_EVENTS,
) -> np.ndarray:
    """Per person by time: int8 [n] of TRAIN, VALIDATION, TEST, 80/10/10 by default. Without times it is at random.

    A person's distinct items stand in the order in which they were first met, by (time, hash). The last share of them
    is test, the share before it validation, each rounded down but at least one; the rest is train. A repeated event
    belongs to the part its moment falls in. People with fewer than `minimum` distinct items have everything in train.
    """
    order, starts = by_person(user_idx, time_us, hashes)
    first = np.zeros(len(order), bool)
    first[np.unique(_pair_codes(user_idx[order], item_idx[order]), return_index=True)[1]] = True
    met = np.cumsum(first)  # distinct items met so far, over everybody
    before = np.concatenate([[0], met])[starts[:-1]]
    count = np.concatenate([[0], met])[starts[1:]] - before
    test = np.where(count >= minimum, np.maximum(1, np.floor(shares[1] * count + 1e-9)), 0)
    validation = np.where(count >= minimum, np.maximum(1, np.floor(shares[0] * count + 1e-9)), 0)
    lengths = np.diff(starts)
    position = met - 1 - np.repeat(before, lengths)
    part = np.zeros(len(order), np.int8)
    part += position >= np.repeat(count - test - validation, lengths)
    part += position >= np.repeat(count - test, lengths)
    out = np.empty(len(order), np.int8)
    out[order] = part
    return out


def placed_after(
    part: np.ndarray, liked: np.ndarray, user_idx: np.ndarray, time_us: np.ndarray, hashes: np.ndarray
) -> np.ndarray:
    """Parts of all events, int8 [n], from those of the liked ones alone (`part`, in the order of `liked`, bool [n]).

    An event of an item that was not liked moves no cut: it falls into the part of the person's last liked event before
    it, so that it masks its item from then on and tells nothing of what is held out.
    """
    out = np.full(len(liked), TRAIN, np.int8)
    out[liked] = part
    order, starts = by_person(user_idx, time_us, hashes)
    known = np.where(liked[order], np.arange(len(order)), np.repeat(starts[:-1], np.diff(starts)))
    last = np.maximum.accumulate(known)  # a person's first event begins anew
    ordered = np.where(liked[order], out[order], TRAIN)
    out[order] = ordered[last]
    return out


def split_by_time(
    time_us: np.ndarray, liked: np.ndarray | None = None, *, shares: tuple[float, float] = (0.1, 0.1)
) -> np.ndarray:
    """One global cut: int8 [n] of TRAIN, VALIDATION, TEST; the last share of all liked events (default all) is test.

    Events at one instant stay together, on the later side of a cut.
    """
    times = np.sort(time_us if liked is None else time_us[liked])
    if not len(times):
        return np.zeros(len(time_us), np.int8)
    at = [int(len(times) * (1 - shares[0] - shares[1]) + 1e-9), int(len(times) * (1 - shares[1]) + 1e-9)]
    cuts = times[np.minimum(at, len(times) - 1)]
    return np.searchsorted(cuts, time_us, side="right").astype(np.int8)


def given(parts: Sequence[str]) -> np.ndarray:
    """The parts that a column names, int8 [n]. Raises ValueError where it names another one than `NAMES`."""
    if unknown := sorted({*parts} - {*NAMES}):
        raise ValueError(f"found the part '{unknown[0]}'; expected one of: {', '.join(NAMES)}")
    return np.array([NAMES.index(each) for each in parts], np.int8)


def _pair_codes(user_idx: np.ndarray, item_idx: np.ndarray) -> np.ndarray:
    """One integer a (person, item)."""
    width = int(item_idx.max(initial=0)) + 1
    return np.asarray(user_idx, np.int64) * width + item_idx
