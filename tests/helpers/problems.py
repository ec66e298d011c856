"""A comparison of models that has something to learn: people of three tastes, and content that tells them apart."""

import numpy as np
import polars as pl

from mmrec.evaluation.problem import Problem
from mmrec.settings import Model

SETTINGS = Model(width=8, sweeps=4)


def table(users, items, times):
    """Events of weight 1 at times in microseconds."""
    events = pl.DataFrame({"user_id": users, "item_id": items}, schema={"user_id": pl.String, "item_id": pl.String})
    return events.with_columns(time=pl.from_epoch(pl.Series(times), time_unit="us"), weight=1.0)


def problem(seed=0, people=120, items=90, events=30, **changes):
    """People of three tastes, so that there is something to learn; content tells the tastes apart."""
    rng = np.random.default_rng(seed)
    taste, kind = rng.integers(0, 3, people), rng.integers(0, 3, items)
    users, chosen = [], []
    for one in range(people):
        odds = np.where(kind == taste[one], 8.0, 1.0) / (1 + np.arange(items) % 10)
        chosen += rng.choice(items, events, replace=False, p=odds / odds.sum()).tolist()
        users += [one] * events
    text = np.eye(3)[kind] - 1 / 3 + rng.normal(0, 0.1, (items, 3))
    times = rng.integers(0, 10**9, len(users))
    return Problem.of(
        table([f"PERSON-{one}" for one in users], [f"i{one:03}" for one in chosen], times),
        catalogue=[f"i{one:03}" for one in range(items)],
        blocks={"image": rng.normal(size=(items, 5)) / np.sqrt(5), "text": text / np.sqrt((text**2).sum(1).mean())},
        present={"image": np.ones(items, bool), "text": np.arange(items) != 4, "audio": np.zeros(items, bool)},
        settings=SETTINGS.model_copy(update=changes),
        k=10,
    )
