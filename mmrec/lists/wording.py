"""A reason in words for every recommended item: evidence from the exact decomposition, worded by the template.

Here: from what is served to rows of recommendations/reasons, and the evidence of one item for `mmrec why`. Not here:
the decomposition and the template themselves (`mmrec/models/decomposition.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.models import decomposition
from mmrec.models.candidates import POPULARITY
from mmrec.models.decomposition import FOLLOWED, RESIDUAL, SEARCH, TOGETHER, WORDLESS, WROTE, Evidence, Past
from mmrec.models.factorization import rotate
from mmrec.published.state import Served, positions
from mmrec.published.user_texts import PROFILE

KEPT = 3  # past items that a row's evidence keeps


@dataclass(frozen=True)
class Shares:
    """One person's list taken apart: `past[i, j]` is what past item j adds to the score of recommended item i."""

    targets: np.ndarray  # positions of the recommended items
    items: np.ndarray  # positions of past items
    past: np.ndarray  # float64 [list, past items]
    modalities: dict[str, np.ndarray]  # modality or another part → float64 [list]; sums to the score


def shares(served: Served, row: int, targets: np.ndarray, explained: Mapping[str, np.ndarray]) -> Shares:
    """The exact shares of the scores of `targets` (item positions, as in `explained`) for the person in `row`."""
    items = served.histories.take(np.array([row])).items
    dense, by_links = served.explain(row, targets)
    user = served.users[row]
    through = {name: (user * part).sum(-1) for name, part in explained.items()}
    score = (user * served.H[targets]).sum(-1)
    rest = score - sum(through.values(), np.zeros(len(targets)))
    choice = served.version.choice
    parts = {**through, POPULARITY if choice.last_resort == POPULARITY else RESIDUAL: rest}
    if served.links is not None:
        parts[FOLLOWED if choice.links and choice.links.directed else TOGETHER] = by_links.sum(1)
    return Shares(targets, items, dense + by_links, parts)


def explained_by_modality(served: Served, items: np.ndarray) -> dict[str, np.ndarray]:
    """modality → B f of its block alone for `items` (positions), float64 [n, d]; empty where the map is not used.

    A map that stands beside a fit says nothing of items that the fit has met. Not by a matrix product: its last bits
    move with the number of threads, and a reason's evidence is stored.
    """
    features, B = served.known.features, served.factors.B
    if B is None or features is None:
        return {}
    rows = features[items]
    if served.version.choice.block_weights is None:
        rows = rows * served.cold[items, None]
    return {name: rotate(rows[:, cut], B[:, cut].T) for name, cut in served.known.layout.slices.items()}


@dataclass(frozen=True)
class _Kept:
    """What rows of lists keep of their decomposition: their strongest past items, each with its row, and the rest."""

    row: np.ndarray  # of each past item, ascending; within a row the strongest first
    item: np.ndarray  # its position
    share: np.ndarray  # float64, above 0
    modalities: dict[str, np.ndarray]  # as in `Shares`, over all rows


def reasons(served: Served, lists: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Rows of recommendations/reasons for rows of lists of people in `served`; without `checksum`.

    Where `lists` say so (`explored`), an item stands there to be learnt about.
    """
    contract = tables.contract(tables.REASONS)
    if lists.is_empty():
        return contract.empty()
    lists = lists.sort("user_id", "rank")
    people, targets = _places(lists["user_id"], served.user_ids), _places(lists["item_id"], served.item_ids)
    kept = _kept(served, people, targets)
    past = _past(served, people[kept.row], kept, titles)
    ends = np.searchsorted(kept.row, np.arange(lists.height), side="right").tolist()
    own = [past[begin:end] for begin, end in pairwise([0, *ends])]
    parts = _by_row(kept.modalities)
    explored = lists["explored"].to_list() if "explored" in lists.columns else [False] * lists.height
    worded = [_worded(*each) for each in zip(own, parts, served.cold[targets].tolist(), explored, strict=True)]
    columns = {
        "reason": [sentence for sentence, _ in worded],
        "evidence": [evidence for _, evidence in worded],
        "content_share": [sum(value for name, value in part.items() if name not in WORDLESS) for part in parts],
        "named": [[item for item, *_ in each] for each in own],
    }
    made = pl.DataFrame(columns, {name: contract.schema[name] for name in columns})
    return contract.conform(lists.select("period", "user_id", "rank", "item_id").hstack(made), partial=True)


def _kept(served: Served, people: np.ndarray, targets: np.ndarray) -> _Kept:
    """One decomposition a person, of all of their rows at once."""
    listed, at = np.unique(targets, return_inverse=True)
    explained = explained_by_modality(served, listed)
    begins = np.flatnonzero(np.diff(people, prepend=-1))
    parts, modalities = [], []
    for begin, end in zip(begins, [*begins[1:], len(people)], strict=True):
        own = {name: part[at[begin:end]] for name, part in explained.items()}
        split = shares(served, people[begin], targets[begin:end], own)
        order = np.argsort(-split.past, axis=1, kind="stable")[:, :KEPT]
        amounts = np.take_along_axis(split.past, order, axis=1)
        row, slot = (amounts > 0).nonzero()
        parts.append((row + begin, split.items[order[row, slot]], amounts[row, slot]))
        modalities.append(split.modalities)
    row, item, share = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _Kept(row, item, share, {name: np.concatenate([m[name] for m in modalities]) for name in modalities[0]})


def _past(served: Served, people: np.ndarray, kept: _Kept, titles: pl.DataFrame) -> list[tuple[str | None, Past, bool]]:
    """The kept past items as evidence, each with the item that its title is of, and whether it has one."""
    wanted = pl.DataFrame({"user_id_at": people, "item_id_at": kept.item.astype(np.int64)})
    sources = _sources(served, titles)
    found = wanted.join(sources, on=["user_id_at", "item_id_at"], how="left", maintain_order="left")
    columns = [found[name].to_list() for name in ("of", "name", "event")]
    evidence = [Past(*each) for each in zip(*columns[1:], kept.share.tolist(), strict=True)]
    return list(zip(columns[0], evidence, found["titled"].to_list(), strict=True))


def _worded(
    past: Sequence[tuple[str | None, Past, bool]], parts: Mapping[str, float], cold: bool, explored: bool
) -> tuple[str, str]:
    """The sentence and its evidence. An item that has left the catalogue is evidence, and no sentence names its id."""
    own = [each for _, each, _ in past]
    titled = [each for _, each, has_title in past if has_title]
    detail = {
        "past": [[p.title, p.event, round(p.share, 6)] for p in own],
        "through": {name: round(value, 6) for name, value in parts.items()},
    }
    return decomposition.word(Evidence(titled, parts, cold=cold, explored=explored)), json.dumps(
        detail, ensure_ascii=False
    )


def _sources(served: Served, titles: pl.DataFrame) -> pl.DataFrame:
    """What a sentence says of each past item and text: the event's type, its name, and the item its title is `of`."""
    people, titled = positions("user_id", served.user_ids), titles.select(of="item_id", title="title")
    ids = positions("item_id", [*served.item_ids, *served.known.words])
    columns = ("user_id_at", "item_id_at", "event", "of", "name", "titled")
    liked = served.known.events.filter(pl.col("weight") > 0)
    events = liked.join(people, on="user_id", maintain_order="left")
    newest = events.unique(["user_id", "item_id"], keep="last", maintain_order=True)  # they are sorted by time
    of_items = newest.with_columns(of="item_id").join(titled, on="of", how="left")
    said = served.known.said.join(people, on="user_id").rename({"about": "of"}).join(titled, on="of", how="left")
    of_items = of_items.with_columns(name=_TITLE, titled=pl.col("title").is_not_null())
    parts = (of_items, said.with_columns(name=_WORDS, event=_VERB, titled=True))
    return pl.concat([part.join(ids, on="item_id").select(columns) for part in parts])


_TITLE = pl.coalesce("title", "of")
_IS_PROFILE, _IS_SEARCH = pl.col("event") == PROFILE, pl.col("of").is_null()
_WORDS = (
    pl.when(_IS_PROFILE)
    .then(pl.lit("your profile"))
    .when(_IS_SEARCH)
    .then(pl.col("text").str.slice(0, 80))
    .otherwise(pl.format("your review of {}", _TITLE))
)
_VERB = pl.when(~_IS_PROFILE & _IS_SEARCH).then(pl.lit(SEARCH)).otherwise(pl.lit(WROTE))


def _places(column: pl.Series, ids: Sequence[str]) -> np.ndarray:
    """The position of every id of a column in `ids`."""
    at = positions(column.name, ids)
    return column.to_frame().join(at, on=column.name, how="left", maintain_order="left")[at.columns[1]].to_numpy()


def _by_row(columns: Mapping[str, np.ndarray]) -> list[dict[str, float]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]
