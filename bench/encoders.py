"""Which encoder ranks items that nobody has met best: encoders of one modality by the cold-item probe.

`python bench/encoders.py --config mmrec.toml --modality text minilm e5-small hash:384` reads a data set's lake, which
it never writes to, encodes its items anew with each encoder named (by default those whose weights come as packages),
and prints them best first, beside chance. `hash:<width>` is the control that must be worth nothing: leaderboards of
encoders do not tell this order. Here: one table. Not here: the probe (`mmrec/evaluation/probe.py`).
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from mmrec import encoders, settings, tables
from mmrec.encoders import running
from mmrec.evaluation import probe
from mmrec.evaluation.metrics import Interval
from mmrec.evaluation.problem import Problem
from mmrec.fusion.statistics import measure
from mmrec.lake.store import Lake
from mmrec.media.opening import MediaRef
from mmrec.modalities import FILES, NAMES
from mmrec.published import events as history
from mmrec.published.weighing import Weighing
from mmrec.settings import Settings

PACKAGED = {
    "text": ("minilm", "e5-small", "hash:384"),
    "image": ("efficientnet-lite0", "hash:384"),
    "audio": ("aisfx", "hash:384"),
    "video": ("frames:efficientnet-lite0", "hash:384"),
}


def ranked(described: Settings, lake: Lake, modality: str, names: list[str]) -> list[tuple[str, probe.Probe, float]]:
    """Encoder, its probe, and CPU seconds of encoding an item, the best first."""
    items = lake.scan(tables.VALIDATED_ITEMS).sort("item_id").collect()
    boundary = lake.scan(tables.MODEL_VERSIONS).select(pl.col("boundary").max()).collect().item()
    events = history.read(lake, described, boundary, Weighing.of(described))
    found = []
    for name in names:
        began = time.process_time()
        block, present = encoded(described, items, modality, name)
        seconds = (time.process_time() - began) / max(1, int(present.sum()))
        problem = Problem.of(
            events, items["item_id"].to_list(), {modality: block}, {modality: present}, described.model
        )
        found.append((name, probe.cold_items(problem, modality), seconds))
    return sorted(found, key=lambda row: -row[1].ndcg.value)


def encoded(described: Settings, items: pl.DataFrame, modality: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """float32 [items, width], standardised as fusion does it and 0 where there is none, and bool [items]."""
    identity = encoders.identity(modality, name, "fp32", described.weights)
    rows = items.with_row_index("row").drop_nulls(modality).drop_nulls(f"{modality}_hash")
    inputs = rows[modality].to_list()
    if modality in {kind.name for kind in FILES}:
        root = described.media_root
        inputs = [MediaRef(root / uri, root, sha) for uri, sha in zip(inputs, rows[f"{modality}_hash"], strict=True)]
    named = [str(row) for row in rows["row"]]
    chunks = list(running.run(encoders.load(identity), named, inputs, seed=0))
    at = np.array([int(key) for chunk in chunks for key in chunk.keys])
    vectors = np.concatenate([chunk.vectors for chunk in chunks])
    block, present = np.zeros((items.height, identity.width), np.float32), np.zeros(items.height, bool)
    block[at], present[at] = measure(modality, identity.id, vectors).apply(vectors), True
    return block, present


def interval(found: Interval) -> str:
    """A figure with its interval."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main() -> None:
    """Parse what is asked, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("demo/mmrec.toml"))
    parser.add_argument("--modality", choices=NAMES, default="text")
    parser.add_argument("encoders", nargs="*")
    asked = parser.parse_args()
    described = settings.load(asked.config)
    names = asked.encoders or list(PACKAGED[asked.modality])
    print(f"| encoder | NDCG@{probe.K} of unmet items | by chance, at most | CPU ms an item |\n|---|---|---|---|")
    for name, found, seconds in ranked(described, Lake(described.lake_root), asked.modality, names):
        print(
            f"| {name} | {interval(found.ndcg)} | {found.chance:.3f}, {found.best_chance:.3f} | {seconds * 1000:.1f} |"
        )


if __name__ == "__main__":
    main()
