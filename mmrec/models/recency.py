"""How much more a person's newer events say: weights that halve with every so many later events.

Here: the order of each person's events in time, and the weights that rest on it. Not here: which events there are, nor
what is made of them. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Recency:
    """Weights that halve with every `half_life` later events of the same person, down to `floor`; None: all count 1."""

    half_life: float | None = None
    floor: float = 0.0

    def weights(self, user_idx: np.ndarray, time_us: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """One for each event, float64 [n]; the newest has 1. Nobody else's events move it."""
        if self.half_life is None:
            return np.ones(len(user_idx))
        order, starts = by_person(user_idx, time_us, hashes)
        lengths = np.diff(starts)
        later = np.repeat(starts[1:], lengths) - 1 - np.arange(len(order))
        out = np.empty(len(order))
        out[order] = self.floor + (1 - self.floor) * 0.5 ** (later / self.half_life)
        return out

    def __str__(self) -> str:
        return "no recency" if self.half_life is None else f"half-life {self.half_life:g}, floor {self.floor:g}"


ALIKE = Recency()


def by_person(user_idx: np.ndarray, time_us: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order by (person, time, hash), and where each present person's events start in it (plus the end)."""
    order = np.lexsort((hashes, time_us, user_idx))
    people = np.asarray(user_idx)[order]
    starts = np.flatnonzero(np.concatenate([[True], people[1:] != people[:-1]])) if len(people) else np.zeros(0, int)
    return order, np.append(starts, len(people))
