"""What a model is to whoever compares, serves or explains it: fit → scores of people by their histories → shares.

    fitted = model.fit(histories, n_items)
    fitted.scores(histories).top_k(seen, k, item_order)      lists of anybody, known to the fit or not
    fitted.explain(items, weights, targets)                  what each past item adds, where the model can say

A score has a dense part and an optional item-item part: s(u, i) = left_u · right_i + Σ_j x_uj W_ji. So models that are
compared and the one that is served rank and explain by the same code. Here: the interface and ranking by it. Not here:
any model (`zoo.py` lists them), nor the ranking of dense factors itself (`ranking.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmrec.models import ranking
from mmrec.models.histories import Histories
from mmrec.models.links import Links
from mmrec.models.ranking import Rows

TILE_SCORES = 8_000_000  # float64 scores of the item-item part held at once, 64 MB


class Model(Protocol):
    """A way to learn from what people liked. `name` is that of the table of figures; `note` tells a variant apart."""

    @property
    def name(self) -> str:
        """What it is called where figures stand."""
        ...

    @property
    def note(self) -> str | None:
        """Its settings in words, where variants of it are tried."""
        ...

    def fit(self, histories: Histories, n_items: int) -> Fitted:
        """Learns from everybody's history; items are numbered 0 … n_items − 1."""
        ...


class Fitted(Protocol):
    """A model that has learnt."""

    @property
    def weighs(self) -> bool:
        """Whether the weights of a person's events move their scores, so that recency has a say."""
        ...

    def scores(self, histories: Histories) -> Scores:
        """What people with these histories think of every item; they need not be those of the fit."""
        ...

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
        """What each past item [n] of one person adds to the score of each target, float64 [targets, n].

        None where the model cannot say. Where it can, a row sums to the score.
        """
        ...


@dataclass(frozen=True)
class Scores:
    """s(u, i) = left_u · right_i + Σ_j x_uj W_ji for the people of the rows of `left` and `histories`."""

    left: np.ndarray  # float64 [people, d]
    right: np.ndarray  # float64 [items, d]; an item whose row is 0 has no dense score
    histories: Histories | None = None  # x, where there is an item-item part
    links: Links | None = None  # W

    def top_k(
        self,
        seen: Rows,
        k: int,
        item_order: np.ndarray,
        servable: np.ndarray | None = None,
        *,
        tile: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The K best unseen items of everybody, as `ranking.top_k` gives them: no bit depends on the tiling.

        An item about which neither part knows anything is no candidate, and who has neither part has an empty list.
        """
        if self.links is None or self.histories is None:
            return ranking.top_k(self.left, self.right, seen, k, item_order, servable, tile=tile)
        if not (np.isfinite(self.left).all() and np.isfinite(self.right).all()):
            raise ValueError("factors hold NaN or infinite numbers; expected finite ones: fit again")
        n, n_items = len(self.left), len(self.right)
        items, scores = np.full((n, k), -1, np.int32), np.full((n, k), np.nan)
        allowed = (self.right != 0).any(axis=1) | self.links.known
        pool = np.flatnonzero(allowed if servable is None else allowed & servable)
        told = self.histories.rows[self.links.telling[self.histories.items]]
        people = np.flatnonzero((self.left != 0).any(axis=1) | (np.bincount(told, minlength=n) > 0))
        if k == 0 or not pool.size:
            return items, scores
        for rows in ranking.batches(people, tile or max(1, TILE_SCORES // n_items)):
            found, scores[rows] = self._tile(self.histories, self.links, rows, pool, seen, k, item_order)
            items[rows] = ranking.named(pool, found)
        return items, scores

    def exact(self, rows: np.ndarray, lists: np.ndarray) -> np.ndarray:
        """The scores that `top_k` gives: of these people, for lists of items [n, m] (−1 = none, −inf), float64."""
        dense = ranking.score_lists(self.left[rows], self.right, lists)
        if self.links is None or self.histories is None:
            return dense
        return self.links.exact(self.histories.take(rows), lists) + dense

    def _tile(
        self,
        histories: Histories,
        links: Links,
        rows: np.ndarray,
        pool: np.ndarray,
        seen: Rows,
        k: int,
        item_order: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        own, left, right = histories.take(rows), self.left[rows], self.right[pool]
        summed, slack = links.scores(own), links.error(own)
        is_exact = not slack.any()
        approximate = summed[:, pool]
        if right.shape[1]:
            approximate += left @ right.T
            longest = np.sqrt((right**2).sum(-1)).max()
            slack = slack + 2.0**-51 * (right.shape[1] + 4) * np.sqrt((left**2).sum(-1)) * longest
            slack = slack + 2.0**-51 * np.abs(summed).max(axis=1)  # the two parts are added with rounding
        column = np.full(len(self.right), -1)
        column[pool] = np.arange(pool.size)
        ranking.mask(approximate, rows, seen, column)

        def exact(at: np.ndarray, lists: np.ndarray) -> np.ndarray:
            asked = ranking.named(pool, lists)
            total = np.take_along_axis(summed[at], asked, 1) if is_exact else links.exact(own.take(at), asked)
            total = total + ranking.score_lists(left[at], self.right, asked) if right.shape[1] else total
            return np.where(asked >= 0, total, -np.inf)

        return ranking.certified(approximate, exact, k, item_order[pool], slack)
