"""Which reasons in words still hold: a change costs the sentences that it reaches.

A sentence and its evidence are a function of the person (`Served.checksums`), the item-factor version, the item's fused
digest, and the titles that they hold. Every stored row keeps a hash of all four, and the items that the titles are of,
so that it says itself whether it still holds: also under another rank, and also for another period.

Here: from stored rows and today's lists to the rows of recommendations/reasons. Not here: the wording
(`mmrec/lists/wording.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from mmrec import tables
from mmrec.builds import publishing
from mmrec.lake.hashing import row_checksums
from mmrec.lake.store import Lake
from mmrec.lists import wording
from mmrec.models import exploration
from mmrec.published.state import Served, load, positions
from mmrec.settings import Settings

WAYS = ("computed", "copied")  # some sentence of the person was worded anew; none
_ROW = ("user_id", "item_id")


@dataclass(frozen=True)
class Sentences:
    """A period's rows of recommendations/reasons, and how many people have one that was worded anew."""

    rows: pl.DataFrame
    people: Mapping[str, int]  # by `WAYS`
    fresh: int = 0  # rows that stood nowhere before, their period aside

    @property
    def work(self) -> int:
        """For how many people sentences were worded."""
        return self.people["computed"]


@dataclass(frozen=True)
class Inputs:
    """What every row of a period's lists is worded from. `lists` are rows of recommendations/top_k."""

    served: Served
    lists: pl.DataFrame  # with `explored`: whether the item stands there to be learnt about
    titles: pl.DataFrame  # item_id, title
    digests: pl.DataFrame  # item_id, digest: the fused one
    code_version: str

    def checked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` with the checksum that they should have, given the items that they have `named`."""
        own = pl.DataFrame({"user_id": pl.Series(self.served.user_ids, dtype=pl.String), "own": self.served.checksums})
        found = rows.join(own, on="user_id", how="left", maintain_order="left")
        found = found.join(self.lists.select(*_ROW, "explored"), on=list(_ROW), how="left", maintain_order="left")
        found = found.join(self.digests, on="item_id", how="left", maintain_order="left")
        version = f"{self.code_version} {self.served.version.name}"
        made_by = found.select(
            pl.when("explored").then(pl.lit(f"{version} new")).otherwise(pl.lit(version))
        ).to_series()
        held = [found["named"].list.get(at, null_on_oob=True) for at in range(wording.KEPT)]
        titles = [named.replace_strict(self.titles["item_id"], self.titles["title"], default=None) for named in held]
        checksums = row_checksums(made_by, found["own"].cast(pl.String), found["digest"], *titles)
        return rows.with_columns(checksum=checksums)


def of_period(lake: Lake, settings: Settings, period: str, made: Mapping[str, Sentences]) -> Sentences:
    """A reason for every row of a period's lists, from what is stored and what was `made` of other periods just now."""
    asked = settings.recommendations
    served, places = load(lake, settings, period), exploration.places(asked.k, asked.explore)
    inputs = read(lake, served, lake.code_version, first_explored=asked.k - places + 1)
    stored = [lake.scan(tables.REASONS, periods=[period]).collect(), _before(lake, period, made)]
    found = brought_up_to_date(inputs, stored)
    return replace(found, fresh=publishing.fresh(tables.REASONS, found.rows, *stored))


def read(lake: Lake, served: Served, code_version: str, first_explored: int | None = None) -> Inputs:
    """What a period's sentences are worded from. New items from rank `first_explored` on are there to be learnt."""
    lists = lake.scan(tables.TOP_K, periods=[served.period]).collect()
    for name, ids in (("user_id", served.user_ids), ("item_id", served.item_ids)):
        lists = lists.join(positions(name, ids), on=name, how="semi")  # older lists may hold what is no longer served
    cold = pl.Series(served.item_ids, dtype=pl.String).filter(pl.Series(served.cold, dtype=pl.Boolean))
    is_late = pl.lit(first_explored is not None) & (pl.col("rank") >= (first_explored or 0))
    lists = lists.with_columns(explored=is_late & pl.col("item_id").is_in(cold.implode()))
    titles = lake.scan(tables.VALIDATED_ITEMS).select("item_id", "title").collect()
    digests = lake.scan(tables.FUSED_CURRENT).select("item_id", "digest").collect()
    return Inputs(served, lists, titles, digests, code_version)


def brought_up_to_date(inputs: Inputs, stored: Iterable[pl.DataFrame]) -> Sentences:
    """A reason for every row of the lists: the first of the `stored` ones that holds, else one that is worded now.

    The result is what wording all of them gives, to the last bit of the evidence.
    """
    todo = inputs.lists.select("period", "user_id", "rank", "item_id", "explored")
    parts = [tables.contract(tables.REASONS).empty()]
    people = todo["user_id"].n_unique()
    for rows in stored:
        held = todo.drop("explored").join(rows.drop("period", "rank"), on=_ROW)
        if held.is_empty():  # of a first build every one
            continue
        held = held.filter(inputs.checked(held)["checksum"] == held["checksum"])
        parts.append(held.select(parts[0].columns))
        todo = todo.join(held, on=_ROW, how="anti")
    is_anew = pl.Series(inputs.served.user_ids, dtype=pl.String).is_in(todo["user_id"].unique().to_list())
    anew = inputs.served.take(is_anew.to_numpy())
    parts.append(inputs.checked(wording.reasons(anew, todo, inputs.titles)))
    counts = (len(anew.user_ids), people - len(anew.user_ids))
    return Sentences(pl.concat(parts), dict(zip(WAYS, counts, strict=True)))


def _before(lake: Lake, period: str, made: Mapping[str, Sentences]) -> pl.DataFrame:
    """The rows of the newest earlier period."""
    earlier = lake.scan(tables.REASONS).filter(pl.col("period") < period)
    stored = earlier.select(pl.col("period").max()).collect().item() or ""
    newest = max((each for each in made if each < period), default="")
    return made[newest].rows if newest >= stored and newest else earlier.filter(pl.col("period") == stored).collect()
