"""Choosing a model: a few candidates compared on validation, the winner's test figures, references beside them.

Belongs here: what a candidate is, how feature blocks become the f_i of the objective, the comparison and its table.
Does not belong here: the split (`protocol.py`), the fit (`factorization.py`), where choices and figures are stored.

The protocol, wherever one of these figures stands: every event counts as positive with its type's weight; candidates
are fitted on train and compared by validation NDCG@20 over the full catalogue with train masked; a test figure is
fitted on train, with train and validation masked. `select` never looks at a test event; `evaluate` is what reads them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mmrec import metrics, protocol, reference
from mmrec.factorization import Histories, Hyper, fit, fold_in
from mmrec.metrics import ALL, Figures, Row
from mmrec.protocol import TEST, TRAIN, VALIDATION
from mmrec.ranking import top_k, top_k_of_scores

if TYPE_CHECKING:
    from mmrec.settings import Model

DECIDES = 20  # the cut-off of the NDCG that decides
AT_MOST = 6  # candidates: more of them would fit the validation set
MINIMUM_PEOPLE = 10  # people with held-out items below which figures say nothing
EASE_ITEMS = 12_000  # EASE inverts a matrix of this size squared: 3.5 GB at most
EASE_REGULARIZATIONS = (100.0, 300.0, 1000.0)
SCORES = 8_000_000  # reference scores held at once, 64 MB
MODEL = "mf"  # what the served model is called in the table
Blocks = Mapping[str, np.ndarray]
Lists = Callable[[Histories], np.ndarray]  # what to mask → lists int32 [n_users, K]


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


@dataclass(frozen=True)
class Problem:
    """Events, one row each as arrays of equal length, their split, and the items' features."""

    user_idx: np.ndarray
    item_idx: np.ndarray
    weight: np.ndarray  # of the event's type
    time_us: np.ndarray
    tie_hash: np.ndarray  # protocol.tie_hash
    part: np.ndarray  # protocol.TRAIN, VALIDATION or TEST
    n_users: int
    item_order: np.ndarray  # [n_items], rank of each item's id
    blocks: Blocks  # modality → [n_items, p_m], standardised to mean squared norm 1, zeros where missing
    present: Blocks  # modality → bool [n_items]
    candidates: tuple[Candidate, ...]
    k: int = DECIDES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.candidates) <= AT_MOST:
            found = len(self.candidates)
            raise ValueError(f"expected 1 to {AT_MOST} candidates, got {found}: more would fit the validation set")

    @classmethod
    def of(
        cls,
        *,
        users: Sequence[str],
        items: Sequence[str],
        times_us: np.ndarray,
        weights: np.ndarray,
        user_ids: Sequence[str],
        item_ids: Sequence[str],
        blocks: Blocks,
        present: Blocks,
        settings: "Model",
        k: int = DECIDES,
    ) -> Self:
        """From ids: `users` and `items` name an event's person and item; events of items not in `item_ids` drop out."""
        user_at, item_at = ({one: at for at, one in enumerate(ids)} for ids in (user_ids, item_ids))
        known = np.fromiter((one in item_at for one in items), bool, len(items))
        user = np.fromiter((user_at[one] for one in users), np.int64, len(users))[known]
        item = np.fromiter((item_at.get(one, -1) for one in items), np.int64, len(items))[known]
        hashes, time_us = protocol.tie_hash(users, items)[known], np.asarray(times_us, np.int64)[known]
        if settings.split == "global":
            part = protocol.split_by_time(time_us)
        else:
            part = protocol.split(user, item, time_us, hashes, minimum=settings.min_events)
        order = np.empty(len(item_ids), np.int64)
        order[sorted(range(len(item_ids)), key=lambda at: item_ids[at])] = np.arange(len(item_ids))
        weight = np.asarray(weights, np.float64)[known]
        hyper = Hyper(width=settings.width, sweeps=settings.sweeps, seed=settings.seed)
        tried = default_candidates(hyper, sorted(blocks), int((part == TRAIN).sum()))
        return cls(
            user, item, weight, time_us, hashes, part, len(user_ids), order, blocks, present, tried, k, settings.seed
        )

    @property
    def n_items(self) -> int:
        """Items in the catalogue."""
        return len(self.item_order)

    def histories(self, *parts: int, candidate: Candidate | None = None) -> Histories:
        """People's events in these parts; for a candidate weighted as it folds in, by recency within these parts."""
        keep = np.isin(self.part, parts)
        user, item, weight = self.user_idx[keep], self.item_idx[keep], self.weight[keep]
        if candidate is not None and candidate.half_life is not None:
            time_us, hashes = self.time_us[keep], self.tie_hash[keep]
            weight = weight * protocol.recency(user, time_us, hashes, candidate.half_life, candidate.floor)
        return Histories.build(user, item, weight, n_users=self.n_users)

    @cached_property
    def train(self) -> Histories:
        """What every model here is fitted on."""
        return self.histories(TRAIN)

    @cached_property
    def cold(self) -> np.ndarray:
        """bool [n_items]: without a train event."""
        return np.bincount(self.train.items, minlength=self.n_items) == 0

    def held(self, part: int) -> Histories:
        """A part's items that the person has not met in an earlier part."""
        return metrics.without(self.histories(part), self.histories(*range(part)))

    def too_little(self, part: int) -> str:
        """Why a part can decide nothing, or an empty string."""
        people, name = int((self.held(part).lengths > 0).sum()), "test" if part == TEST else "validation"
        if people >= MINIMUM_PEOPLE and self.train.items.size:
            return ""
        return f"too little history: {people} people have {name} items, expected at least {MINIMUM_PEOPLE}"


@dataclass(frozen=True)
class Selection:
    """The choice and the validation figures of every candidate. Without `enough` history the winner is the first."""

    winner: Candidate
    enough: bool
    reason: str
    rows: tuple[Row, ...] = ()


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


def features_of(blocks: Blocks, present: Blocks, candidate: Candidate) -> np.ndarray:
    """f_i, float64 [n_items, p]: the candidate's blocks times their weights, each followed by its presence bit.

    A missing modality is all zeros, bit included. Where each block stands is `feature_slices`. Raises ValueError for
    plain iALS, which reads no features, and for blocks that are not there.
    """
    columns: list[np.ndarray] = []
    for name in feature_slices(blocks, candidate):
        weight, there = (candidate.block_weights or {})[name], present[name].astype(np.float64)[:, None]
        columns += [blocks[name] * there * weight, there * weight]
    if not columns:
        raise ValueError(f"candidate '{candidate.name}' reads no block of: {', '.join(blocks) or 'none'}")
    return np.concatenate(columns, axis=1)


def feature_slices(blocks: Blocks, candidate: Candidate) -> dict[str, slice]:
    """modality → its columns in `features_of`, presence bit last."""
    slices: dict[str, slice] = {}
    start = 0
    for name, weight in sorted((candidate.block_weights or {}).items()):
        if weight > 0:
            slices[name] = slice(start, start + blocks[name].shape[1] + 1)
            start = slices[name].stop
    return slices


def choose(problem: Problem) -> Candidate:
    """The winner of `select`."""
    return select(problem).winner


def select(problem: Problem) -> Selection:
    """The candidate with the best validation NDCG@20; test events are not read.

    Only a candidate with features can place a new item or a typed sentence, and validation hardly sees those. So plain
    iALS wins over the best such candidate only where it is better by a paired interval above 0.
    """
    short = problem.too_little(VALIDATION)
    if short:
        return Selection(problem.candidates[0], False, short)
    held = problem.held(VALIDATION)
    figures = {c.name: _figures(problem, _served(problem, c)(problem.train), held) for c in problem.candidates}
    ranked = sorted(problem.candidates, key=lambda c: -_decisive(figures[c.name]))
    winner, placing = ranked[0], [c for c in ranked if c.block_weights is not None]
    if winner.block_weights is None and placing:
        gain = figures[winner.name]["NDCG@20", ALL] - figures[placing[0].name]["NDCG@20", ALL]
        if metrics.interval(gain, problem.seed).low <= 0:
            winner = placing[0]
    return Selection(winner, True, "", metrics.rows(figures, "validation", problem.seed))


def evaluate(problem: Problem, candidate: Candidate) -> tuple[Row, ...]:
    """The candidate beside popularity and EASE on validation and test, and its paired differences to both.

    Everything is fitted on train. EASE's λ is the best of a few on validation. Too little history gives one row
    without a value whose note says so.
    """
    for part, split in ((VALIDATION, "validation"), (TEST, "test")):
        short = problem.too_little(part)
        if short:
            return (Row(MODEL, split, f"NDCG@{problem.k}", ALL, None, None, None, 0, short),)
    models, note = {MODEL: _served(problem, candidate), "popularity": _popularity(problem)}, None
    if problem.n_items <= EASE_ITEMS:
        models["EASE"], note = _best_ease(problem)
    content = np.concatenate(list(problem.blocks.values()), axis=1) if problem.blocks else None
    rows: tuple[Row, ...] = ()
    for part, split in ((VALIDATION, "validation"), (TEST, "test")):
        masked, held = problem.histories(*range(part)), problem.held(part)
        lists = {name: make(masked) for name, make in models.items()}
        figures = {name: _figures(problem, made, held) for name, made in lists.items()}
        rows += metrics.rows(figures, split, problem.seed, {"EASE": note})
        rows += metrics.differences(figures, MODEL, split, problem.seed)
        first = {name: made[:, : problem.k] for name, made in lists.items()}
        rows += metrics.breadth(first, problem.train, content, problem.n_items, split)
    return rows


def _served(problem: Problem, candidate: Candidate) -> Lists:
    """Fitted on train, with train folded in as the candidate weighs it."""
    plain = candidate.block_weights is None
    features = None if plain else features_of(problem.blocks, problem.present, candidate)
    factors = fit(problem.train, problem.n_items, candidate.hyper, features)
    people = fold_in(factors, problem.histories(TRAIN, candidate=candidate))
    depth = max(problem.k, DECIDES)
    return lambda masked: top_k(people, factors.H, masked, depth, problem.item_order)[0]


def _popularity(problem: Problem) -> Lists:
    scores = reference.popularity(problem.train, problem.n_items)
    return _of_scores(problem, lambda some: np.tile(scores, (len(some), 1)))


def _best_ease(problem: Problem) -> tuple[Lists, str]:
    held, best = problem.held(VALIDATION), None
    for regularization in EASE_REGULARIZATIONS:
        weights = reference.ease(problem.train, problem.n_items, regularization)
        lists = _of_scores(problem, partial(reference.ease_scores, weights=weights))
        figure = _decisive(_figures(problem, lists(problem.train), held))
        if best is None or figure > best[0]:
            best = (figure, lists, f"λ = {regularization:g}, the best of {len(EASE_REGULARIZATIONS)} on validation")
    assert best is not None
    return best[1], best[2]


def _of_scores(problem: Problem, score: Callable[[Histories], np.ndarray]) -> Lists:
    """Lists of a reference model, in tiles of people; items without train events are no candidates."""
    people, step = np.arange(problem.n_users), max(1, SCORES // problem.n_items)
    tiles = [people[start : start + step] for start in range(0, len(people), step)]
    depth = max(problem.k, DECIDES)

    def make(masked: Histories) -> np.ndarray:
        scored = ((score(problem.train.take(rows)), masked.take(rows)) for rows in tiles)
        return np.concatenate([top_k_of_scores(*pair, depth, problem.item_order, ~problem.cold)[0] for pair in scored])

    return make


def _figures(problem: Problem, lists: np.ndarray, held: Histories) -> Figures:
    """Every person's figures at K, and always the NDCG that decides."""
    found = metrics.accuracy(lists, held, problem.cold, problem.k)
    return {**found, (f"NDCG@{DECIDES}", ALL): metrics.ndcg(lists, held, DECIDES)}


def _decisive(figures: Figures) -> float:
    return float(np.nanmean(figures[f"NDCG@{DECIDES}", ALL]))
