"""Recent popularity: everybody gets what most of the newest events are of.

The window is a share of all events, so that it fits a shop of a day as it fits one of ten years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmrec.models.histories import Histories
from mmrec.models.popularity import FittedPopularity
from mmrec.models.side import SideInformation

SHARES = (0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class RecentPopularity:
    """Counts of the events from the moment on that leaves the newest `share` of them; of one moment all count."""

    share: float
    items: np.ndarray = field(compare=False)  # int64 [events]
    times: np.ndarray = field(compare=False)  # int64 [events]
    name: str = "recent popularity"

    @property
    def note(self) -> str:
        """The share."""
        return f"the newest {self.share:.0%} of events"

    def fit(self, histories: Histories, n_items: int) -> FittedPopularity:
        """Counts in the window."""
        if not len(self.times):
            return FittedPopularity(np.zeros(n_items))
        begin = np.sort(self.times)[-max(1, round(self.share * len(self.times)))]
        return FittedPopularity(np.bincount(self.items[self.times >= begin], minlength=n_items).astype(np.float64))


def models(side: SideInformation) -> Sequence[RecentPopularity]:
    """One a share; none where events have no times."""
    return tuple(RecentPopularity(each, side.items, side.times) for each in SHARES) if side.ordered else ()
