"""Trials of a search as rows of model/candidates: kept as they are made, and named after the version in the end.

While a search runs they stand under a name of the search's own, which is a digest of all that the search is a function
of. Where it was killed, the next run reads them back and goes on behind them. Here: those rows. Not here: the search
(`mmrec/evaluation/search.py`), the version (`boundary.py`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from mmrec import tables
from mmrec.evaluation.problem import DECIDES, Problem
from mmrec.evaluation.search import Trial
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.models.candidates import Candidate

SECONDS = 2.0  # of work that a kill may lose, as with chunks of encodings


class KeptTrials:
    """The trials of one search. `known` are those of runs before, in their order."""

    def __init__(self, lake: Lake, key: str, problem: Problem) -> None:
        """`key` says which settings and code search; the problem's own bytes are digested here."""
        import torch

        digest = canonical_digest([key, _digest(problem), torch.get_num_threads()])  # other threads, other last bits
        self.lake, self.name = lake, f"search-{digest[:16]}"
        rows = lake.pinned({}).scan(tables.MODEL_CANDIDATES).filter(pl.col("version") == self.name)
        stored = rows.unique("trial", keep="any").sort("trial").collect()  # two runs at once make the same ones twice
        self.known: tuple[Trial, ...] = tuple(_trial(row) for row in stored.iter_rows(named=True))
        self._stored, self._waiting, self._since = len(self.known) > 0, list[pl.DataFrame](), time.perf_counter()

    def add(self, number: int, trial: Trial) -> None:
        """Keeps a trial; it is in the lake `SECONDS` later at most, once another one has ended."""
        self._waiting.append(rows(self.name, [trial], number))
        if time.perf_counter() - self._since >= SECONDS:
            self.commit()

    def commit(self) -> None:
        """Writes those that wait."""
        if self._waiting:
            self.lake.append(tables.MODEL_CANDIDATES, pl.concat(self._waiting))
            self._stored = True
        self._waiting, self._since = [], time.perf_counter()

    def forget(self) -> None:
        """Takes them away: they stand under their version now."""
        if self._stored:
            empty = tables.contract(tables.MODEL_CANDIDATES).empty()
            self.lake.replace(tables.MODEL_CANDIDATES, empty, {"version": [self.name]})


def rows(version: str, trials: Iterable[Trial], first: int = 0, winner: str = "") -> pl.DataFrame:
    """Rows of model/candidates, numbered from `first`; `winner` is the name of the candidate that was chosen."""
    made = [
        {
            "version": version,
            "trial": number,
            "stage": trial.stage,
            "candidate": trial.candidate.name,
            "chosen": trial.candidate.name == winner,
            "metric": f"NDCG@{DECIDES}",
            "value": trial.value,
            "low": trial.low,
            "high": trial.high,
            "people": trial.people,
            "share": trial.share,
            "work": trial.work,
            "seconds": trial.seconds,
            "settings": json.dumps(trial.candidate.to_json(), sort_keys=True, ensure_ascii=False),
        }
        for number, trial in enumerate(trials, first)
    ]
    return pl.DataFrame(made, tables.contract(tables.MODEL_CANDIDATES).schema)


def _trial(row: dict) -> Trial:
    figures = (row[name] for name in ("share", "value", "low", "high", "people", "work", "seconds"))
    return Trial(row["stage"], Candidate.from_json(json.loads(row["settings"])), *figures)


def _digest(problem: Problem) -> str:
    """Of every byte that a search reads."""
    digest = hashlib.sha256()
    events: Sequence[np.ndarray] = (
        problem.user_idx,
        problem.item_idx,
        problem.weight,
        problem.time_us,
        problem.tie_hash,
        problem.part,
        problem.listable,
    )
    for each in (*events, *(of[name] for of in (problem.blocks, problem.present) for name in sorted(of))):
        digest.update(f"{each.dtype.str}{each.shape}".encode() + np.ascontiguousarray(each).tobytes())
    return canonical_digest([digest.hexdigest(), list(problem.item_ids), repr(problem.hyper), problem.k, problem.seed])
