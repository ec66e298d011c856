"""Content stages of a shop in a process of its own, slowed down and told line by line: for tests that kill it, or run
two beside each other.

    python -m tests.helpers.slow_run <folder> <seconds a chunk> <text encoder> [wait]

Lines on stdout: every verb of the lake as `read|before|after <table>`, `encoded <n>` when n vectors more have been
made, and at last `done <facts of embeddings/text as JSON>`. With `wait` it begins when a line comes in.
"""

import functools
import json
import sys
import time
from pathlib import Path

from mmrec.encoders import running
from mmrec.encoders.hashed import HashEncoder
from mmrec.planning import graph
from mmrec.quality import suites
from mmrec.stages.embeddings import vectors as embedding_stage
from tests.helpers.hooked_lake import HookedLake
from tests.helpers.quick_judge import judge_quickly
from tests.helpers.shop import DAYS, Shop

CHUNK_ROWS = 4
STAGES = ("raw", "validated", "embeddings", "fused")


def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def slowed(seconds):
    """Makes every batch a chunk of `CHUNK_ROWS`, and lets it take `seconds`."""
    encode = HashEncoder.encode

    def slow(self, batch):
        time.sleep(seconds)
        vectors = encode(self, batch)
        tell("encoded", len(batch))
        return vectors

    HashEncoder.encode = slow
    run = functools.partial(running.run, chunk_seconds=0.0, block_rows=CHUNK_ROWS)
    embedding_stage.running = type("running", (), {"run": staticmethod(run)})


def content(shop, lake):
    """Runs everything up to the fused items; the facts of the texts."""
    facts = {}
    for node in graph.nodes(shop.settings):
        if node.stage in STAGES:
            report = node.run(lake, shop.settings, DAYS, run_id="slow")
            facts = report.facts if node.asset == "embeddings/text" else facts
    return facts


def main(folder, seconds, encoder, *wait):
    suites.judge = judge_quickly
    slowed(float(seconds))
    shop = Shop(Path(folder)).configure(embeddings={"text": {"encoder": encoder}})
    tell("ready")
    if wait:
        sys.stdin.readline()
    tell("done", json.dumps(content(shop, HookedLake(shop.settings.lake_root, hook=tell))))


if __name__ == "__main__":
    main(*sys.argv[1:])
