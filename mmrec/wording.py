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
from mmrec.reasons import RESIDUAL, Evidence, Past
from mmrec.served import Served

KEPT = 3  # past items that a row's evidence keeps


@dataclass(frozen=True)
class Shares:
    """One person's list taken apart: `past[i, j]` is what past item j adds to the score of recommended item i."""

    targets: np.ndarray  # positions of the recommended items
    items: np.ndarray  # positions of past items
    past: np.ndarray  # float64 [list, past items]
    modalities: dict[str, np.ndarray]  # modality or `behaviour` → float64 [list]; sums to the score


def shares(served: Served, row: int, targets: np.ndarray, explained: Mapping[str, np.ndarray]) -> Shares:
    """The exact shares of the scores of `targets` (item positions) for the person in `row`."""
    begin, end = served.histories.indptr[row], served.histories.indptr[row + 1]
    items, weights = served.histories.items[begin:end], served.histories.weights[begin:end]
    past = decomposition.shares(served.factors, items, weights, targets)
    user = served.users[row]
    through = {name: (user * part[targets]).sum(-1) for name, part in explained.items()}
    score = (user * served.factors.H[targets]).sum(-1)
    rest = score - sum(through.values(), np.zeros(len(targets)))
    return Shares(targets, items, past, {**through, RESIDUAL: rest})


def explained_by_modality(served: Served) -> dict[str, np.ndarray]:
    """modality → B f of its block alone, float64 [items, d]; empty where the map is not used.

    Not by a matrix product: its last bits move with the number of threads, and a reason's evidence is stored.
    """
    features, B = served.features, served.factors.B
    if B is None or features is None:
        return {}
    return {name: rotate(features[:, cut], B[:, cut].T) for name, cut in served.slices.items()}


def reasons(served: Served, lists: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Rows of recommendations/reasons for the lists of one period (sorted by person and rank)."""
    contract = tables.contract("recommendations/reasons")
    if lists.is_empty():
        return contract.empty()
    title_of = dict(titles.select("item_id", "title").iter_rows())
    named = [title_of.get(item, item) for item in served.item_ids]
    verbs = _last_events(served)
    explained = explained_by_modality(served)
    position = {item: at for at, item in enumerate(served.item_ids)}
    row_of = {user: at for at, user in enumerate(served.user_ids)}
    parts = []
    for (user,), listed in lists.group_by("user_id", maintain_order=True):
        row = row_of[str(user)]
        targets = np.array([position[item] for item in listed["item_id"]])
        split = shares(served, row, targets, explained)
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


def _last_events(served: Served) -> dict[tuple[int, int], str]:
    """(person's row, item's position) → the type of their newest event."""
    users = pl.DataFrame({"user_id": pl.Series(served.user_ids, dtype=pl.String)}).with_row_index("u")
    items = pl.DataFrame({"item_id": pl.Series(served.item_ids, dtype=pl.String)}).with_row_index("i")
    newest = served.events.sort("time").group_by("user_id", "item_id").agg(pl.col("event").last())
    rows = newest.join(users, on="user_id").join(items, on="item_id").select("u", "i", "event")
    return {(u, i): event for u, i, event in rows.iter_rows()}
