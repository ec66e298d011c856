"""How much work a period of an asset has, in the asset's unit, for the lake as it is about to be.

Here: people folded in, people × items scored, neighbours compared, fits. Not here: which periods have work (`walk.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.assets import FACTORS
from mmrec.builds.report import WHOLE
from mmrec.lake.store import Lake
from mmrec.lists import foreseen as lists
from mmrec.lists.neighbours import ALL
from mmrec.lists.top_k import State, Steering
from mmrec.planning.ahead import Ahead
from mmrec.stages.model import foreseen as model
from mmrec.stages.model.foreseen import Foreseen
from mmrec.stages.recommendations.similar_items import similar_items_keys


@dataclass
class Work:
    """What is known of the work so far: whose factors, which lists, and which items of a modality `moved`."""

    ahead: Ahead
    moved: dict[str, set[str]] = field(default_factory=dict)  # modality → items whose vector is about to be another
    people: dict[str, Foreseen] = field(default_factory=dict)  # by period

    def folded_in(self, stale: list[str]) -> dict[str, int]:
        """By period, people whose factor is solved for."""
        self._look_at(stale)
        return {period: self.people[period].folded for period in stale}

    def fits(self, stale: list[str]) -> int:
        """Item-factor versions that are fitted for these periods."""
        return sum(self.people[period].fits for period in stale)

    def scored(self, stale: list[str], code_version: str) -> dict[str, int]:
        """By period, people × items that are scored for lists."""
        self._look_at(stale)
        items, asked = self.ahead.tables[tables.VALIDATED_ITEMS].height, self.ahead.settings.recommendations
        steering = Steering.of(self.ahead.lake, asked)
        ranked = {
            period: lists.Ranked(of.people, items, of.boundary, _state(of, asked.k, steering))
            for period, of in self.people.items()
            if period in stale
        }
        return lists.scored(self.ahead.lake, ranked, code_version)

    def worded(self, stale: list[str], remade: Collection[str]) -> dict[str, int]:
        """By period, people at most for whom a sentence is worded: everybody where lists are `remade`, else who has a
        sentence about an item that moves, or that names one by a title that it no longer has.
        """
        self._look_at(stale)
        edited, moved = self._edited_titles(), set[str]().union(*self.moved.values())
        named = pl.col("named").list.set_intersection(edited.to_list()).list.len() > 0
        rows = self.ahead.now.scan(tables.REASONS, periods=stale)
        rows = rows.filter(named | pl.col("item_id").is_in(list(moved)))
        touched = dict(rows.group_by("period").agg(pl.col("user_id").n_unique()).collect().iter_rows())
        return {p: self.people[p].people.height if p in remade else touched.get(p, 0) for p in stale}

    def compared(self, code_version: str) -> dict[str, int]:
        """Pairs of items that are compared for neighbours."""
        lake = self.ahead.now.acting_as(tables.SIMILAR_ITEMS, code_version)
        old = lake.scan(tables.SIMILAR_ITEMS).collect()
        built = ledger.newest(lake, tables.SIMILAR_ITEMS).get(WHOLE)
        key = similar_items_keys(lake, self.ahead.settings)[WHOLE]
        if built is None or built.stage_key != key:  # lists of another state: nobody knows what of them stands
            old = old.clear()
        current = {
            modality: items
            for modality in self.ahead.settings.embeddings
            if (items := _items(self.ahead.lake, modality)).len()
        }
        kinds = set(current) == set(old["by"].unique()) - {ALL}
        pairs = [lists.compared(old, m, items, self.moved.get(m, set())) for m, items in current.items()]
        everything = pl.concat(current.values()).unique().sort() if current else pl.Series(dtype=pl.String)
        moved = set[str]().union(*self.moved.values()) if kinds else set(everything)
        return {WHOLE: sum(pairs) + (lists.compared(old, ALL, everything, moved) if current else 0)}

    def _look_at(self, stale: list[str]) -> None:
        if new := [period for period in stale if period not in self.people]:
            acting = self.ahead.lake.acting_as(FACTORS, "")
            self.people |= model.foreseen(acting, self.ahead.settings, new)

    def _edited_titles(self) -> pl.Series:
        """Items whose title is about to be another than the one that the lake holds."""
        now = self.ahead.tables[tables.VALIDATED_ITEMS].select("item_id", "title")
        stored = self.ahead.now.scan(tables.VALIDATED_ITEMS).select("item_id", before="title").collect()
        return now.join(stored, on="item_id").filter(pl.col("title") != pl.col("before"))["item_id"]


def _state(of: Foreseen, k: int, steering: Steering) -> State | None:
    return State(of.version, k, of.new or {}, of.gone, steering) if of.version else None


def _items(lake: Lake, modality: str) -> pl.Series:
    """Items that are about to have a vector of a modality."""
    return lake.scan(tables.current(modality)).select("item_id").collect()["item_id"]
