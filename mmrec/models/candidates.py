"""The candidates that the search tries: what one is, and which ones there are.

Not here: how blocks become features (`mmrec/fusion/layout.py`), what candidates are compared on and the comparison
(`mmrec/evaluation`), the fit (`factorization.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from mmrec.models.factorization import Hyper


@dataclass(frozen=True)
class Candidate:
    """A model to try. Serving it takes all of it: the fit's settings, its features and the weights of the fold-in."""

    name: str
    hyper: Hyper
    block_weights: Mapping[str, float] | None = None  # None is plain iALS; a block that is not named is left out
    half_life: float | None = None  # of `protocol.recency`; weighs the events of the fold-in, never those of the fit
    floor: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The candidate that `to_json` wrote."""
        return cls(**{**values, "hyper": Hyper(**values["hyper"])})


def default_candidates(hyper: Hyper, blocks: Sequence[str], events: int) -> tuple[Candidate, ...]:
    """At most six, the one to start with first: with and without features and recency.

    λ_B = .04 λ · events: on ML-100K a quarter of it cost .003 NDCG on warm items, and ten times of it all cold recall.
    """
    plain = [Candidate("iALS, recent first", hyper, half_life=10.0), Candidate("iALS", hyper)]
    if not blocks:
        return tuple(plain)
    with_features = Hyper(**{**asdict(hyper), "feature_regularization": max(1.0, 0.04 * hyper.regularization * events)})
    even, main = dict.fromkeys(blocks, 1.0), "text" if "text" in blocks else blocks[0]
    candidates = [
        Candidate("feature iALS, recent first", with_features, even, half_life=10.0),
        Candidate("feature iALS, rather recent first", with_features, even, half_life=40.0),
        Candidate("feature iALS", with_features, even),
    ]
    if len(blocks) > 1:
        weights = {name: 1.0 if name == main else 0.3 for name in blocks}
        candidates.append(Candidate(f"feature iALS, mostly {main}, recent first", with_features, weights, 10.0))
    return tuple(candidates + plain)
