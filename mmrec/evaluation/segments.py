"""Parts of the held-out items that figures are told of apart: by people's activity, an item's age, and modality.

Here: who and what belongs to which part. Not here: warm and cold items (`metrics.accuracy`), nor figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.evaluation import metrics
from mmrec.evaluation.problem import Problem
from mmrec.evaluation.split import TRAIN
from mmrec.models.histories import Histories

PEOPLE = tuple(f"people with {name} events" for name in ("few", "some", "many"))
AGES = tuple(f"{name} third of items" for name in ("oldest", "middle", "newest"))


@dataclass(frozen=True)
class Segment:
    """People or items by a name; None where all of them belong."""

    name: str
    people: np.ndarray | None = None  # bool [n_users]
    items: np.ndarray | None = None  # bool [n_items]

    def of(self, held: Histories) -> Histories:
        """Its held-out items; other people have none."""
        keep = np.ones(len(held.items), bool)
        if self.people is not None:
            keep &= self.people[held.rows]
        if self.items is not None:
            keep &= self.items[held.items]
        return metrics.kept(held, keep)


def segments(problem: Problem) -> list[Segment]:
    """Thirds of the people by train events, thirds of the warm items by when they were first met, items by modality.

    Thirds are of the people and items there are, so their edges are the data's. Equal ones stand together, and a third
    may therefore be empty. Ages are left out where events have no order in time.
    """
    active, warm = problem.train.lengths, ~problem.cold
    found = [Segment(name, people=mask) for name, mask in zip(PEOPLE, _thirds(active, active > 0), strict=True)]
    if problem.ordered:
        ages = _thirds(_first_met(problem), warm)
        found += [Segment(name, items=mask) for name, mask in zip(AGES, ages, strict=True)]
    for modality, has in problem.present.items():
        if modality in problem.blocks:
            found += [Segment(f"items with {modality}", items=has)]
            found += [Segment(f"items without {modality}", items=~has)]
    return found


def _first_met(problem: Problem) -> np.ndarray:
    """The time of each item's first liked train event, int64 [n_items], microseconds; the end of time without."""
    liked = (problem.part == TRAIN) & (problem.weight > 0)
    first = np.full(problem.n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, problem.item_idx[liked], problem.time_us[liked])
    return first


def _thirds(values: np.ndarray, among: np.ndarray) -> list[np.ndarray]:
    """Who of `among` is in the lowest, the middle and the highest third, bool [n] each."""
    if not among.any():
        return [among] * 3
    ends = np.quantile(values[among], [1 / 3, 2 / 3], method="lower")
    which = np.searchsorted(ends, values, side="left")
    return [among & (which == third) for third in range(3)]
