"""Everybody's list as of a period: which lists stand, which a changed catalogue is merged into, which are made anew.

A list is a function of two things. One is the person: factor and history, which `Served.checksums` is a hash of. The
other is the state: the item-factor version, the length k, and the servable items. An item of the version keeps its
factor while the version lives; a new one is placed by its content, so its fused digest stands for its place. Every
stored row names its state and its person's checksum, and so says itself whether it still holds. Lists that are
re-ranked by content rest on every item's, so they hold under the very same state alone.

Here: rows of recommendations/top_k, from stored ones where they hold: what making all lists anew gives, list by list
and bit by bit. Not here: ranking (`mmrec/models/ranking.py`), publishing (`mmrec/stages/recommendations`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.builds import publishing
from mmrec.evaluation.split import tie_hash
from mmrec.keys import canonical_digest
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.models import diversity, exploration, ranking
from mmrec.published.features import Features
from mmrec.published.state import Served, aligned, load, positions
from mmrec.settings import Recommendations, Settings

WAYS = ("computed", "merged", "copied")  # all items were ranked for the person; those that arrived; none


@dataclass(frozen=True)
class Steering:
    """What moves items of a list beside their scores."""

    explore: int = 0  # places for new items; what stands there is drawn anew each period
    diversity: float = 0.0  # δ of `mmrec/models/diversity.py`
    content: str = ""  # a digest of every item's fused vector, where lists are re-ranked by them

    @classmethod
    def of(cls, lake: Lake, asked: Recommendations) -> Self:
        """As the settings say, with the content that the lake shows."""
        content = ""
        if asked.diversity:
            current = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest", one=pl.lit(""))
            content = digest(current, "one", ["item_id", "digest"]).get("", "")
        return cls(exploration.places(asked.k, asked.explore), asked.diversity, content)

    @property
    def named(self) -> list[Any]:
        """What a state's name says of it: nothing where it is off, so that stored lists stand."""
        return [*([self.explore] if self.explore else []), *([self.diversity, self.content] if self.diversity else [])]


@dataclass(frozen=True)
class State:
    """What the lists of a period are made under, apart from the people: equal states rank the same factors."""

    version: str
    k: int
    new: Mapping[str, str]  # servable item that the version does not know → its fused digest
    gone: frozenset[str]  # items of the version that are not servable
    steering: Steering = Steering()

    @classmethod
    def of(cls, served: Served, k: int, steering: Steering = Steering()) -> Self:
        """The state as of now."""
        fitted = served.version.item_ids
        gone = (item for item, there in zip(fitted, served.servable[: len(fitted)], strict=True) if not there)
        return cls(served.version.name, k, served.known.new, frozenset(gone), steering)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """The state that `row` wrote."""
        new = dict(zip(row["new_items"], row["new_digests"], strict=True))
        return cls(row["version"], row["k"], new, frozenset(row["gone"]))

    def row(self, period: str, code_version: str) -> dict[str, Any]:
        """The state of a period's lists as a row of recommendations/list_states."""
        new = sorted(self.new.items())
        return {
            "period": period,
            "state": self.name(code_version),
            "version": self.version,
            "k": self.k,
            "new_items": [item for item, _ in new],
            "new_digests": [digest for _, digest in new],
            "gone": sorted(self.gone),
        }

    def name(self, code_version: str) -> str:
        """A digest of the state, and of the code that made lists under it."""
        read = self.version, self.k, dict(self.new), sorted(self.gone)
        return canonical_digest([code_version, *read, *self.steering.named])[:16]

    def continues(self, other: Self) -> bool:
        """Whether lists of the other state can become lists of this one without being made anew."""
        if self.steering.diversity and self != other:
            return False  # whatever arrives, leaves or changes may stand among anybody's candidates
        return (self.version, self.k) == (other.version, other.k) and not self.steering.explore

    def arrived(self, before: Self) -> set[str]:
        """Items that were not servable before, or had another factor."""
        return {item for item, digest in self.new.items() if before.new.get(item) != digest} | before.gone - self.gone


@dataclass(frozen=True)
class Lists:
    """A period's rows of recommendations/top_k, and for how many people they were made in which way."""

    state: State
    rows: pl.DataFrame
    people: Mapping[str, int]  # by `WAYS`
    fresh: int = 0  # rows that stood neither in the lists it was made from nor in the period
    work: int = 0  # people × items scored


def of_period(lake: Lake, settings: Settings, period: str, made: Mapping[str, Lists]) -> Lists:
    """Everybody's list as of a period, from what is stored and what was `made` of other periods just now."""
    served = load(lake, settings, period)
    state = State.of(served, settings.recommendations.k, Steering.of(lake, settings.recommendations))
    old = start(lake, served, state, made)
    content = _content(lake, served) if state.steering.diversity else None
    found = brought_up_to_date(served, state, old, lake.code_version, content)
    own = lake.scan(tables.TOP_K, periods=[period]).collect()
    return replace(found, fresh=publishing.fresh(tables.TOP_K, found.rows, own, *([old.rows] if old else [])))


def note_states(lake: Lake, made: Mapping[str, Lists]) -> None:
    """Writes what the lists of these periods were made under, where that differs."""
    contract = tables.contract(tables.LIST_STATES)
    rows = pl.DataFrame([each.state.row(p, lake.code_version) for p, each in sorted(made.items())], contract.schema)
    there = lake.scan(tables.LIST_STATES).filter(pl.col("period").is_in(list(made))).sort("period").collect()
    if not there.equals(rows):
        lake.replace(tables.LIST_STATES, rows, {"period": list(made)})


def best(served: Served, k: int) -> pl.DataFrame:
    """The k best unseen items of everybody in `served`, all items ranked; without the columns that name the state."""
    return _rows(served, *served.scores.top_k(served.seen, k, served.item_order, served.servable))


def _anew(served: Served, state: State, content: np.ndarray | None) -> pl.DataFrame:
    """Everybody's list under a state, all items ranked. `content` are the items' `diversity.directions`."""
    k, steering = state.k, state.steering
    if not steering.diversity:
        listed = served.scores.top_k(served.seen, k, served.item_order, served.servable)
    else:
        assert content is not None, "lists are re-ranked by content"
        among = served.scores.top_k(served.seen, diversity.candidates(k), served.item_order, served.servable)
        listed = diversity.reranked(among, content, k, steering.diversity)
    return _rows(served, *(_exploring(served, listed, steering.explore) if steering.explore else listed))


def _exploring(served: Served, listed: tuple[np.ndarray, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists whose last `count` places are for new items, drawn by person, period and item."""
    pool = served.servable & served.cold
    new = served.scores.top_k(served.seen, exploration.POOL * count, served.item_order, pool)
    people = [f"{served.period}|{user}" for user in served.user_ids]
    ids = np.array([*served.item_ids, ""], dtype=object)[new[0].ravel()]
    draws = tie_hash(np.repeat(np.array(people, dtype=object), new[0].shape[1]).tolist(), ids.tolist())
    return exploration.explored(listed, new, draws.reshape(new[0].shape), count, served.item_order)


def _content(lake: Lake, served: Served) -> np.ndarray:
    """Every item's fused vector as a direction, float64 [items, width]; zeros where it has none."""
    features = Features(lake)
    return diversity.directions(aligned(features.matrix, features.item_ids, served.item_ids))


def start(lake: Lake, served: Served, state: State, made: Mapping[str, Lists]) -> Lists | None:
    """The lists to start from: the period's own, else those of the newest period before it, stored or `made` just now.

    None where none are there that the state continues. Stored rows count only under the state that they name.
    """
    states = {period: each.state for period, each in made.items()}
    states = {**stored_states(lake, served.version.boundary, served.period, lake.code_version, state), **states}
    usable = {period for period, each in states.items() if period <= served.period and state.continues(each)}
    nearest = max(usable, default=None)
    if nearest is None or nearest in made:
        return made.get(nearest or "")
    return Lists(states[nearest], lake.scan(tables.TOP_K, periods=[nearest]).collect(), {})


def brought_up_to_date(
    served: Served, state: State, old: Lists | None, code_version: str, content: np.ndarray | None = None
) -> Lists:
    """Everybody's list as of now, from `old` ones whose state this one continues; `content` as in `_anew`.

    A list is made anew when its person's checksum is another, or when an item on it has left or has another factor.
    The others stand, and where items have arrived these are ranked for everybody and merged into them.
    """
    contract, people = tables.contract(tables.TOP_K), len(served.user_ids)
    now = pl.DataFrame({"user_id": served.user_ids, "checksum": served.checksums, "at": np.arange(people)}, _PEOPLE)
    stand, rows = np.zeros(people, bool), []
    arrived: set[str] = set()
    if old is not None:
        arrived = state.arrived(old.state)
        kept_rows = standing(old.rows, now, left=old.state.arrived(state))
        stand[kept_rows["at"].to_numpy()] = True
        rows.append(_merged(served.take(stand), kept_rows, state.k, arrived) if arrived else kept_rows)
    others = served.take(~stand)
    rows.append(_anew(others, state, content))
    labels = {"period": pl.lit(served.period), "state": pl.lit(state.name(code_version))}
    found = pl.concat([contract.conform(each.with_columns(**labels), partial=True) for each in rows])
    found = found.drop("checksum").join(now.select("user_id", "checksum"), on="user_id")
    kept = int(stand.sum())
    counts = (people - kept, kept if arrived else 0, 0 if arrived else kept)
    scored = (people - kept) * int(served.servable.sum()) + kept * len(arrived)
    return Lists(state, contract.conform(found), dict(zip(WAYS, counts, strict=True)), work=scored)


_PEOPLE = {"user_id": pl.String, "checksum": pl.Int64, "at": pl.Int64}


def stored_states(lake: Lake, first: str, last: str, code_version: str, now: State) -> dict[str, State]:
    """The states of periods whose every stored row names that state, and names it by this code.

    Of lists that are steered only those count that were made under the state of `now`.
    """
    span = pl.col("period").is_between(pl.lit(first), pl.lit(last))
    named = lake.scan(tables.TOP_K).filter(span).group_by("period").agg(pl.col("state").unique()).collect()
    rows = {row["period"]: row for row in lake.scan(tables.LIST_STATES).filter(span).collect().iter_rows(named=True)}
    steered = now.steering != Steering()
    found = {p: (now if steered else State.read(rows[p]), names) for p, names in named.iter_rows() if p in rows}
    return {period: state for period, (state, names) in found.items() if names == [state.name(code_version)]}


def standing(old: pl.DataFrame, now: pl.DataFrame, left: Collection[str]) -> pl.DataFrame:
    """The old lists of people whose checksum is the same, each row with its person's position as `at`."""
    same = old.join(now, on=["user_id", "checksum"])
    broken = same.filter(pl.col("item_id").is_in(list(left)))
    return same.join(broken, on="at", how="anti")


def _merged(served: Served, rows: pl.DataFrame, k: int, arrived: Collection[str]) -> pl.DataFrame:
    """Lists of everybody in `served` that stand, with the items that have `arrived` ranked among theirs."""
    items, scores = _positions(served, rows, k)
    among = np.fromiter((item in arrived for item in served.item_ids), bool, len(served.item_ids))
    new = served.scores.top_k(served.seen, k, served.item_order, among)
    return _rows(served, *ranking.merged((items, scores), new, served.item_order))


def _positions(served: Served, rows: pl.DataFrame, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored lists as `ranking.top_k` gives them: positions of items and scores, [people, k]."""
    items, scores = np.full((len(served.user_ids), k), -1, np.int32), np.full((len(served.user_ids), k), np.nan)
    for name, ids in (("user_id", served.user_ids), ("item_id", served.item_ids)):
        rows = rows.join(positions(name, ids), on=name)
    where = (rows["user_id_at"].to_numpy(), rows["rank"].to_numpy() - 1)
    items[where], scores[where] = rows["item_id_at"].to_numpy(), rows["score"].to_numpy()
    return items, scores


def _rows(served: Served, items: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
    people, ranks = (items >= 0).nonzero()
    return pl.DataFrame(
        {
            "period": pl.repeat(served.period, len(people), eager=True, dtype=pl.String),
            "user_id": pl.Series(served.user_ids, dtype=pl.String).gather(people),
            "rank": ranks + 1,
            "item_id": pl.Series(served.item_ids, dtype=pl.String).gather(items[people, ranks]),
            "score": scores[people, ranks],
        }
    )
