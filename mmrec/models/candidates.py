"""What the search may choose: a candidate, the ones it starts from, and the steps from one to the next.

Here: settings and nothing else. Not here: how blocks become features (`mmrec/fusion/layout.py`), which candidate is
better (`mmrec/evaluation/search.py`), the fit (`factorization.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Self

from mmrec.models import item_knn
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.factorization import Hyper
from mmrec.models.linear import LinearSettings
from mmrec.models.recency import ALIKE, Recency

POPULARITY, ITEM_KNN = "popularity", "item-kNN"  # the models of last resort
DENSE = 0.01  # events a cell of people × items above which the start for dense data is taken
# Of sparse data, and of dense data: there an item-item part of this strength did harm (.181 against .210 on MovieLens).
_START = {
    False: (Hyper(alpha=0.01, regularization=0.5, exponent=0.5), LinkSettings()),
    True: (Hyper(), None),
}
RECENT = Recency(10.0, 0.05)
_ALPHAS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_RIDGES = ((0.5, 0.1), (0.5, 0.5), (1.0, 0.01), (1.0, 0.05))  # ν with λ; a step from one to its neighbours is ≤ 2
_LOWEST_RIDGE, _HIGHEST_RIDGE = 0.01, 3.0
_HALF_LIVES, _FLOORS = (3.0, 5.0, 10.0, 20.0, 40.0), (0.0, 0.05, 0.1)
RECENCIES = (ALIKE, *[Recency(*each) for each in product(_HALF_LIVES, _FLOORS)])
_STRENGTHS = (0.1, 0.3, 1.0)  # steps go on from the best of them
_NEWEST = ((2.0, 0.0), (5.0, 0.0))  # half-life and floor of the item-item part, beside the fold-in's own
_EXPONENT_STEP = 0.25
# p with b and γ, of what followed and of what goes together: a cosine, in between, a conditional probability
_SHAPES = {
    True: ((0.5, 0.5, 0.5), (1.0, 0.5, 0.5), (1.0, 0.0, 0.5)),
    False: ((0.5, 0.5, 0.5), (1.0, 0.5, 0.5), (0.5, 0.5, 1.0), (0.5, 0.25, 1.0)),
}


@dataclass(frozen=True)
class Candidate:
    """A model to try. Serving takes all of it: the fit's settings and features, the weights of the fold-in, links."""

    name: str
    hyper: Hyper
    block_weights: Mapping[str, float] | None = None  # None is plain iALS; a block that is not named is left out
    half_life: float | None = None  # of `recency`; weighs the events of the fold-in, never those of the fit
    floor: float = 0.0
    links: LinkSettings | LinearSettings | None = None  # of the item-item part; None where the score has none
    # What stands in place of a fit: POPULARITY or ITEM_KNN, which nothing that is fitted has beaten, or a linear model
    # that was asked for (`linear.py`).
    last_resort: str | None = None
    placing: Mapping[str, float] | None = None  # without content in the fit: block weights of the map beside it
    fusion: str = "concat"  # the kind of that map, or of the one behind a fit with content (`mmrec/fusion/maps.py`)

    @property
    def recency(self) -> Recency:
        """How a person's events are weighed in the fold-in."""
        return Recency(self.half_life, self.floor)

    @property
    def content(self) -> Mapping[str, float] | None:
        """The block weights by which anything new is placed, whether the fit reads them too or not."""
        return self.placing if self.block_weights is None else self.block_weights

    def to_json(self) -> dict[str, Any]:
        """Plain values, the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The candidate that `to_json` wrote."""
        links = values.get("links")
        kind = LinearSettings if links and "regularization" in links else LinkSettings
        return cls(**{**values, "hyper": Hyper(**values["hyper"]), "links": links and kind(**links)})


def named(candidate: Candidate) -> Candidate:
    """The same, called by its settings."""
    hyper, weights = candidate.hyper, candidate.block_weights
    if candidate.last_resort:
        parts = [candidate.last_resort, *([] if candidate.links is None else [str(candidate.links)])]
        return replace(candidate, name="; ".join(parts))
    content = "" if weights is None else f" with {', '.join(f'{n} {w:g}' for n, w in sorted(weights.items()))}"
    content += "" if weights is None or candidate.fusion == "concat" else f" by {candidate.fusion}"
    fit = (
        f"d {hyper.width}, α₀ {hyper.alpha:g}, λ {hyper.regularization:g}, ν {hyper.exponent:g}, {hyper.sweeps} sweeps"
    )
    family = "iALS" if weights is None else "feature iALS"
    parts = [f"{family} {fit}{content}", *([] if candidate.half_life is None else [str(candidate.recency)])]
    return replace(candidate, name="; ".join([*parts, *([] if candidate.links is None else [str(candidate.links)])]))


def start(hyper: Hyper, blocks: Sequence[str], *, density: float, events: int, ordered: bool) -> Candidate:
    """What is served where there is too little to choose by, and where a search begins.

    `hyper` gives width, sweeps and seed. `density` is the share of people × items that is filled, `events` their
    number, and `ordered` says whether people's events have an order in time. The start for dense data was found on
    films that were rated in long sittings, the one for sparse data on check-ins and shops.
    """
    shipped, linked = _START[density >= DENSE]
    fit = replace(shipped, width=hyper.width, sweeps=hyper.sweeps, seed=hyper.seed)
    recency = RECENT if ordered else Recency()
    links = linked and replace(linked, half_life=recency.half_life, floor=recency.floor)
    plain = Candidate("", fit, None, recency.half_life, recency.floor, links)
    return named(with_content(plain, dict.fromkeys(blocks, 1.0), events) if blocks else plain)


def with_content(candidate: Candidate, block_weights: Mapping[str, float], events: int) -> Candidate:
    """The same with features. λ_B = .04 λ · events: on ML-100K a quarter of it cost .003 NDCG on warm items, and ten
    times of it all cold recall.
    """
    ridge = max(1.0, 0.04 * candidate.hyper.regularization * events)
    return replace(candidate, hyper=replace(candidate.hyper, feature_regularization=ridge), block_weights=block_weights)


def with_placing(candidate: Candidate, block_weights: Mapping[str, float] | None, fusion: str = "concat") -> Candidate:
    """The same with a content map beside a fit that reads none; nothing else of it changes, nor its name.

    Of item-item models the dense part serves new items and texts alone, so it weighs events as the item-item part does.
    """
    if candidate.block_weights is not None or not block_weights:
        return candidate
    if candidate.last_resort not in (None, POPULARITY) and candidate.links is not None:
        candidate = replace(candidate, half_life=candidate.links.half_life, floor=candidate.links.floor)
    return replace(candidate, placing=block_weights, fusion=fusion)


def fits(begin: Candidate) -> list[Candidate]:
    """Fits over the whole range of α₀, λ and ν, the start's first."""
    hypers = [begin.hyper]
    for alpha, (exponent, ridge) in product(_ALPHAS, _RIDGES):
        hypers.append(replace(begin.hyper, alpha=alpha, exponent=exponent, regularization=ridge))
    return [replace(begin, hyper=each) for each in dict.fromkeys(hypers)]


def neighbours(candidate: Candidate) -> list[Candidate]:
    """Fits a step away: λ and α₀ by a factor of 2."""
    h = candidate.hyper
    ridges = [each for each in (h.regularization / 2, h.regularization * 2) if _LOWEST_RIDGE <= each <= _HIGHEST_RIDGE]
    alphas = [each for each in (h.alpha / 2, h.alpha * 2) if _ALPHAS[0] / 2 < each <= _ALPHAS[-1]]
    steps = [replace(h, regularization=each) for each in ridges] + [replace(h, alpha=each) for each in alphas]
    return [replace(candidate, hyper=each) for each in steps]


def recencies(candidate: Candidate) -> list[Candidate]:
    """The same with all events alike, and with weight on fewer and fewer of the newest."""
    return [replace(candidate, half_life=each.half_life, floor=each.floor) for each in RECENCIES]


def half_lives(recency: Recency) -> list[Recency]:
    """Every half-life with this floor, and none."""
    return [ALIKE, *[Recency(each, recency.floor) for each in _HALF_LIVES]]


def floors(recency: Recency) -> list[Recency]:
    """Every floor with this half-life."""
    return [recency if recency.half_life is None else Recency(recency.half_life, each) for each in _FLOORS]


def links(candidate: Candidate, *, ordered: bool) -> list[Candidate]:
    """The same without an item-item part, and with one of every kind, shape and strength."""
    found = [
        LinkSettings(directed, strength, p, b, candidate.half_life, candidate.floor, damping)
        for directed in ((True, False) if ordered else (False,))
        for (p, b, damping), strength in product(_SHAPES[directed], _STRENGTHS)
    ]
    return [replace(candidate, links=each) for each in (None, *found)]


def links_recencies(candidate: Candidate) -> list[Candidate]:
    """The same, and with an item-item part that weighs the newest events alone."""
    at = candidate.links
    newer = [] if at is None else [replace(at, half_life=each, floor=floor) for each, floor in _NEWEST]
    return [candidate, *[replace(candidate, links=each) for each in newer]]


def links_near(candidate: Candidate, *, ordered: bool) -> list[Candidate]:
    """The same with an item-item part a step away: stronger or weaker, other exponents (γ is ½ or 1),
    other recency.

    An exponent moves the strength too, by a factor of 2: n^¼ is about that for items of some twenty people.
    """
    at = candidate.links
    if not isinstance(at, LinkSettings):
        return []
    steps = [replace(at, strength=at.strength * by) for by in (0.6, 1.7)]
    for by in (-_EXPONENT_STEP, _EXPONENT_STEP):
        stronger = at.strength * 2 ** (by / _EXPONENT_STEP)
        steps.append(replace(at, strength=stronger, from_exponent=at.from_exponent + by))
        steps.append(replace(at, strength=stronger, to_exponent=at.to_exponent + by))
    if not at.directed:
        steps.append(replace(at, damping=1.5 - at.damping))
    if ordered and at.half_life is not None:
        steps += [replace(at, half_life=at.half_life * by) for by in (0.6, 1.7)]
    return [replace(candidate, links=each) for each in steps if min(each.from_exponent, each.to_exponent) >= 0]


def last_resorts(candidate: Candidate) -> list[Candidate]:
    """Popularity, and item-kNN of every shape, with and without the candidate's recencies."""
    plain = Candidate("", Hyper(width=1, sweeps=1, seed=candidate.hyper.seed))
    recency = [ALIKE, candidate.recency, *([] if candidate.links is None else [candidate.links.recency])]
    knn = [
        replace(plain, last_resort=ITEM_KNN, links=LinkSettings(False, 1.0, p, b, each.half_life, each.floor, damping))
        for (p, b, damping), each in product(item_knn.SHAPES, dict.fromkeys(recency))
    ]
    return [named(each) for each in (replace(plain, last_resort=POPULARITY), *knn)]
