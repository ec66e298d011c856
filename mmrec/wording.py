"""A reason in words for every recommended item: evidence from the exact decomposition, worded by the template.

Here: from what is served to rows of recommendations/reasons, and the evidence of one item for `mmrec why`. Not here:
the decomposition and the template themselves (`mmrec/reasons.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from mmrec import reasons as decomposition
from mmrec import tables
from mmrec.factorization import rotate
from mmrec.reasons import RESIDUAL, SEARCH, WROTE, Evidence, Past
from mmrec.served import Known, Served
from mmrec.words import PROFILE

KEPT = 3  # past items that a row's evidence keeps


@dataclass(frozen=True)
class Shares:
    """One person's list taken apart: `past[i, j]` is what past item j adds to the score of recommended item i."""

    targets: np.ndarray  # positions of the recommended items
    items: np.ndarray  # positions of past items
    past: np.ndarray  # float64 [list, past items]
    modalities: dict[str, np.ndarray]  # modality or `behaviour` → float64 [list]; sums to the score


def shares(served: Served, row: int, targets: np.ndarray, explained: Mapping[str, np.ndarray]) -> Shares:
    """The exact shares of the scores of `targets` (item positions, as in `explained`) for the person in `row`."""
    begin, end = served.histories.indptr[row], served.histories.indptr[row + 1]
    items, weights = served.histories.items[begin:end], served.histories.weights[begin:end]
    past = decomposition.shares(served.factors, items, weights, targets)
    user = served.users[row]
    through = {name: (user * part).sum(-1) for name, part in explained.items()}
    score = (user * served.H[targets]).sum(-1)
    rest = score - sum(through.values(), np.zeros(len(targets)))
    return Shares(targets, items, past, {**through, RESIDUAL: rest})


def explained_by_modality(served: Served, items: np.ndarray) -> dict[str, np.ndarray]:
    """modality → B f of its block alone for `items` (positions), float64 [n, d]; empty where the map is not used.

    Not by a matrix product: its last bits move with the number of threads, and a reason's evidence is stored.
    """
    features, B = served.known.features, served.factors.B
    if B is None or features is None:
        return {}
    return {name: rotate(features[items, cut], B[:, cut].T) for name, cut in served.known.slices.items()}


def reasons(served: Served, lists: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Rows of recommendations/reasons for the lists of one period (sorted by person and rank)."""
    contract = tables.contract("recommendations/reasons")
    if lists.is_empty():
        return contract.empty()
    title_of = dict(titles.select("item_id", "title").iter_rows())
    named = [title_of.get(item, item) for item in served.item_ids] + words_named(served.known, title_of)
    verbs = _last_events(served)
    explained = explained_by_modality(served, np.arange(len(served.item_ids)))
    position = {item: at for at, item in enumerate(served.item_ids)}
    row_of = {user: at for at, user in enumerate(served.user_ids)}
    parts = []
    for (user,), listed in lists.group_by("user_id", maintain_order=True):
        row = row_of[str(user)]
        targets = np.array([position[item] for item in listed["item_id"]])
        split = shares(served, row, targets, {name: part[targets] for name, part in explained.items()})
        texts = [_worded(served, split, row, at, named, verbs) for at in range(len(targets))]
        words, evidence, content = zip(*texts, strict=True)
        parts.append(
            listed.with_columns(reason=pl.Series(words), evidence=pl.Series(evidence), content_share=pl.Series(content))
        )
    return contract.conform(pl.concat(parts))


def _worded(
    served: Served, split: Shares, row: int, at: int, named: list[str], verbs: dict[tuple[int, int], str]
) -> tuple[str, str, float]:
    order = np.argsort(-split.past[at], kind="stable")[:KEPT]
    past = [
        Past(named[split.items[j]], verbs.get((row, int(split.items[j])), ""), float(split.past[at, j]))
        for j in order
        if split.past[at, j] > 0
    ]
    parts = {name: float(values[at]) for name, values in split.modalities.items()}
    evidence = Evidence(past, parts, cold=bool(served.cold[split.targets[at]]))
    detail = {
        "past": [[p.title, p.event, round(p.share, 6)] for p in past],
        "through": {k: round(v, 6) for k, v in parts.items()},
    }
    content = sum(value for name, value in parts.items() if name != RESIDUAL)
    return decomposition.word(evidence), json.dumps(detail, ensure_ascii=False), content


def words_named(known: Known, title_of: Mapping[str, str]) -> list[str]:
    """What a sentence calls each of people's texts: a search by its words, a review by its item, or `your profile`."""
    searched = pl.col("text").str.slice(0, 80)
    about = pl.format("your review of {}", pl.col("about").replace(title_of))
    event = pl.when(pl.col("about").is_null()).then(searched).otherwise(about)
    name = pl.when(pl.col("event") == PROFILE).then(pl.lit("your profile")).otherwise(event)
    named = dict(known.said.select("item_id", name.alias("name")).iter_rows())
    return [named[word] for word in known.words]


def _written(said: pl.DataFrame) -> pl.DataFrame:
    """People's texts with the event a sentence has a verb for: what is no search was written."""
    search = (pl.col("event") != PROFILE) & pl.col("about").is_null()
    return said.with_columns(event=pl.when(search).then(pl.lit(SEARCH)).otherwise(pl.lit(WROTE)))


def _last_events(served: Served) -> dict[tuple[int, int], str]:
    """(person's row, item's position) → the type of their newest event."""
    users = pl.DataFrame({"user_id": pl.Series(served.user_ids, dtype=pl.String)}).with_row_index("u")
    ids = [*served.item_ids, *served.known.words]
    items = pl.DataFrame({"item_id": pl.Series(ids, dtype=pl.String)}).with_row_index("i")
    columns = ("user_id", "item_id", "event", "time")
    events = pl.concat([served.known.events.select(columns), _written(served.known.said).select(columns)])
    newest = events.sort("time").group_by("user_id", "item_id").agg(pl.col("event").last())
    rows = newest.join(users, on="user_id").join(items, on="item_id").select("u", "i", "event")
    return {(u, i): event for u, i, event in rows.iter_rows()}
