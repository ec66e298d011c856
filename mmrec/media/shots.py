"""The shots of a film: where its colours jump, and which moments show the longest of them.

A shot begins where the colour histogram jumps: where it differs from that of the frame before in more than a share of
the picture. Here: arithmetic on frames that come one by one; none is kept. Not here: decoding (`film`).
Whoever changes what comes out of it raises the version of `KeyFrameRecipe` in `mmrec.encoders.recipes`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

# Looking must fit what a worker may compute for a file: a codec takes 100 to 500 megapixels a second on one thread.
LOOKED_PIXELS = 2_000_000_000
LOOK_WIDTH, LOOK_HEIGHT = 64, 36  # a frame is looked at in this size, whatever its own
_LEVELS = 4  # of each of the three colours
_JUMP = 0.4  # of the picture


def histogram(pixels: np.ndarray) -> np.ndarray:
    """Give the share of each of 64 colours, float64 [64], in a picture, uint8 [height, width, 3].

    A colour between some of them counts for each by how near it is, so that flicker between two levels is no jump.
    """
    places = pixels.reshape(-1, 3) / 255 * (_LEVELS - 1)
    below = np.minimum(places.astype(np.int64), _LEVELS - 2)
    above = places - below
    shares = np.zeros(_LEVELS**3)
    for corner in np.ndindex(2, 2, 2):
        weights = np.where(corner, above, 1 - above).prod(axis=1)
        shares += np.bincount((below + corner) @ [_LEVELS**2, _LEVELS, 1], weights, _LEVELS**3)
    return shares / len(places)


def found(looks: Iterable[tuple[float, np.ndarray]], first: float, end: float) -> list[tuple[float, float]]:
    """Give begin and end of each shot between `first` and `end`, from the times and the pixels of frames in order."""
    cuts, before = [first], None
    for when, pixels in looks:
        now = histogram(pixels)
        if before is not None and np.abs(now - before).sum() / 2 > _JUMP and when > cuts[-1]:
            cuts.append(when)
        before = now
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def moments(shots: list[tuple[float, float]], count: int) -> list[float]:
    """Give `count` rising moments: the middles of the longest shots, of equal ones the earliest.

    Where there are fewer shots, the longest is seen more than once, in the middles of its equal shares.
    """
    longest, *others = sorted(shots, key=lambda shot: (shot[0] - shot[1], shot[0]))
    chosen = others[: count - 1]
    shares = count - len(chosen)
    begin, end = longest
    inside = [begin + (end - begin) * (share + 0.5) / shares for share in range(shares)]
    return sorted([*inside, *((begin + end) / 2 for begin, end in chosen)])
