"""The models that the served one is compared with: a name, and the variants to try.

`ZOO` stands in every evaluation and has variants by the size of the catalogue. `MORE` stands in `mmrec compare`, whose
models may also read events in their order and content; those of `SLOW` only where they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mmrec.models import (
    adam_mf,
    ease,
    graph_filter,
    item_knn,
    l3ae,
    lightgcn,
    popularity,
    recent_popularity,
    transitions,
)
from mmrec.models.interface import Model
from mmrec.models.side import SideInformation

ZOO: Mapping[str, Callable[[int], Sequence[Model]]] = {
    "popularity": popularity.models,
    "item-kNN": item_knn.models,
    "EASE": ease.models,
}
MORE: Mapping[str, Callable[[SideInformation], Sequence[Model]]] = {
    "recent popularity": recent_popularity.models,
    "session transitions": transitions.models,
    "graph filter": graph_filter.models,
    "L3AE": l3ae.models,
    "MF by Adam": adam_mf.models,
    "LightGCN": lightgcn.models,
}
SLOW = ("MF by Adam", "LightGCN")
