"""What some models read beside people's histories: the order of events in time, and what is known of the items.

Not here: where it comes from (`mmrec/evaluation/problem.py`), nor the models that read it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SideInformation:
    """Liked events of the fit in the order of (person, time), and the items' content."""

    n_items: int
    users: np.ndarray  # int64 [events], by person and then by time
    items: np.ndarray  # int64 [events]
    times: np.ndarray  # int64 [events], microseconds
    ordered: bool  # whether times say anything of the order
    content: np.ndarray | None = None  # float64 [n_items, p], standardised blocks side by side; zeros where missing
    width: int = 64  # of a factor, where a model has factors
    seed: int = 0
