"""EASE and L3AE as what is served: an item-item part and nothing else, cut to the strongest links of each item.

So people are folded in, scores split and bytes stored as those of item-kNN are. Here: the settings of one, and its
links. Not here: the closed forms (`ease.py`, `l3ae.py`), the choice of settings (`mmrec/evaluation/linear.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmrec.models import ease, l3ae
from mmrec.models.ease import Ease
from mmrec.models.histories import Histories
from mmrec.models.l3ae import L3ae
from mmrec.models.links import Links, SparseLinks
from mmrec.models.recency import ALIKE, Recency
from mmrec.models.side import SideInformation

EASE, L3AE = KINDS = ("EASE", "L3AE")
KEPT = 400  # links of an item


@dataclass(frozen=True)
class LinearSettings:
    """`model` is one of `KINDS`; the next three are those of `l3ae.py`, EASE reads the first alone."""

    model: str
    regularization: float
    towards_content: float = 0.0
    of_content: float = 0.0
    half_life: float | None = None
    floor: float = 0.0
    directed: bool = False  # what people have together, not what followed what

    @property
    def recency(self) -> Recency:
        """How a person's events are weighed."""
        return Recency(self.half_life, self.floor)

    def __str__(self) -> str:
        content = "" if self.model == EASE else f", {self.towards_content:.0%} of it for content"
        return f"λ {self.regularization:g}{content}, {self.recency}"


def models(kind: str, side: SideInformation) -> tuple[Ease | L3ae, ...]:
    """The variants that are tried; none where the catalogue is too large to invert, or there is no content to read."""
    return tuple(ease.models(side.n_items) if kind == EASE else l3ae.models(side))


def settings_of(model: Ease | L3ae, recency: Recency = ALIKE) -> LinearSettings:
    """A variant by its settings, with the weights of people's events."""
    read = (model.towards_content, model.of_content) if isinstance(model, L3ae) else (0.0, 0.0)
    return LinearSettings(model.name, model.regularization, *read, recency.half_life, recency.floor)


def links(settings: LinearSettings, histories: Histories, content: np.ndarray | None, n_items: int) -> SparseLinks:
    """W of a fit on these histories; `content` [items, p] is read by L3AE."""
    if settings.model == EASE:
        return strongest(Ease(settings.regularization).fit(histories, n_items).links, n_items)
    assert content is not None, "L3AE reads content"
    model = L3ae(settings.regularization, settings.towards_content, settings.of_content, content)
    return strongest(model.fit(histories, n_items).links, n_items)


def strongest(dense: Links, n_items: int) -> SparseLinks:
    """The `KEPT` links of each item with the largest weights, whatever their sign; of equal ones the first."""
    weights = dense.rows(np.arange(n_items), np.arange(n_items)).T
    kept = np.sort(np.argsort(-np.abs(weights), axis=1, kind="stable")[:, :KEPT], axis=1)
    amounts = np.take_along_axis(weights, kept, axis=1)
    there = amounts != 0
    indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
    return SparseLinks(Histories(indptr, kept[there].astype(np.int32), amounts[there]))
