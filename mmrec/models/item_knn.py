"""Item-kNN: who has item j gets j's nearest items, near by who has both (Deshpande, Karypis 2004, TOIS 22).

Time grows with the squares of the histories and memory with the links that are kept of an item, not with the square
of the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrec.models import cooccurrence
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.histories import Histories
from mmrec.models.item_item import ItemItem

SHAPES = ((0.5, 0.5, 0.5), (0.5, 0.25, 0.5), (1.0, 0.25, 0.5), (0.5, 0.5, 1.0), (0.5, 0.25, 1.0))  # p, b, γ


@dataclass(frozen=True)
class ItemKnn:
    """The symbols are those of `cooccurrence.py`: p = b = ½ is the cosine, with people of many items damped."""

    from_exponent: float = 0.5
    to_exponent: float = 0.5
    damping: float = 0.5
    name: str = "item-kNN"

    @property
    def note(self) -> str:
        """The exponents."""
        return f"p = {self.from_exponent:g}, b = {self.to_exponent:g}, γ = {self.damping:g}"

    def fit(self, histories: Histories, n_items: int) -> ItemItem:
        """The strongest links of every item."""
        settings = LinkSettings(False, 1.0, self.from_exponent, self.to_exponent)
        return ItemItem(cooccurrence.together(histories, n_items, self.damping).links(settings))


def models(n_items: int) -> Sequence[ItemKnn]:
    """One a shape."""
    return tuple(ItemKnn(*each) for each in SHAPES)
