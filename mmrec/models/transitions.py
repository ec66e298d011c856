"""Session transitions: who had item j lately gets what others had soon after j.

The links are those of `cooccurrence.followed`, without any factors beside them; with a short half-life only the last
few events of a person speak. Source of the idea: Ludewig, Jannach 2018, arXiv:1803.09587 (sequential rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmrec.models import cooccurrence
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.histories import Histories
from mmrec.models.item_item import ItemItem
from mmrec.models.side import SideInformation

EXPONENTS = ((0.5, 0.5), (1.0, 0.25), (1.0, 0.0))  # of the item before, and of the one after


@dataclass(frozen=True)
class Transitions:
    """The exponents are p and b of `cooccurrence.py`; 1 and 0 is the probability of the next item."""

    from_exponent: float
    to_exponent: float
    users: np.ndarray = field(compare=False)  # int64 [events], by person and then by time
    items: np.ndarray = field(compare=False)  # int64 [events]
    name: str = "session transitions"

    @property
    def note(self) -> str:
        """The exponents."""
        return f"p = {self.from_exponent:g}, b = {self.to_exponent:g}"

    def fit(self, histories: Histories, n_items: int) -> ItemItem:
        """The strongest links of every item."""
        settings = LinkSettings(True, 1.0, self.from_exponent, self.to_exponent)
        return ItemItem(cooccurrence.followed(self.users, self.items, n_items).links(settings))


def models(side: SideInformation) -> Sequence[Transitions]:
    """One a pair of exponents; none where events have no order."""
    return tuple(Transitions(*each, side.users, side.items) for each in EXPONENTS) if side.ordered else ()
