"""The models that the served one is compared with: a name, and the variants to try on a catalogue of so many items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mmrec.models import ease, item_knn, popularity
from mmrec.models.interface import Model

ZOO: Mapping[str, Callable[[int], Sequence[Model]]] = {
    "popularity": popularity.models,
    "item-kNN": item_knn.models,
    "EASE": ease.models,
}
