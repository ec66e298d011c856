"""How fast MiniLM's texts are encoded, against sentence-transformers and against one text after the other.

    python -m bench.encode_peers --weights .mmrec/weights [--texts FILE] [--rows 2000]
    OMP_NUM_THREADS=1 taskset -c 0 python -m bench.encode_peers … --clock cpu     # beside other work

Needs sentence-transformers in an environment of its own, beside the packages of this project: it is no dependency.
`--texts` is a file with a text a line; without it they are sentences of 4 to 120 words, made here. Four ways on a CPU:
this project's pipeline in fp32 and in bf16, sentence-transformers as it comes (fp32, batches of 32), and one by one,
padded to 512 tokens, of which a few are timed. A figure is the best of two runs; cosines are to the vectors of
sentence-transformers, the lowest of all texts. Without instructions for bf16 (AVX-512 BF16, AMX) a processor is slower
in it than in fp32 by far.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.encode import CLOCKS
from mmrec import encoders
from mmrec.encoders import running

ALONE = 24  # texts that are timed one by one


def sentences(rows: int) -> list[str]:
    """Texts of a few to many words, each word out of a thousand."""
    chance = np.random.default_rng(0)
    words = ["".join(chance.choice(list(string.ascii_lowercase), int(n))) for n in chance.integers(2, 10, 1000)]
    lengths = np.clip(chance.lognormal(3.2, 0.6, rows), 4, 120).astype(int)
    return [" ".join(chance.choice(words, n)) for n in lengths]


def timed(clock: Callable[[], float], work: Callable[[], np.ndarray], runs: int = 2) -> tuple[float, np.ndarray]:
    """Seconds of the fastest run, and what came of it."""
    seconds, found = [], np.empty(0)
    for _ in range(runs):
        began = clock()
        found = work()
        seconds.append(clock() - began)
    return min(seconds), found


def ours(texts: list[str], weights: Path, precision: str) -> Callable[[], np.ndarray]:
    """The pipeline of this project."""
    encoder = encoders.load(encoders.identity("text", "minilm", precision, weights), "cpu")
    keys = [f"{row:08}" for row in range(len(texts))]

    def work() -> np.ndarray:
        chunks = list(running.run(encoder, keys, texts, seed=0))
        order = np.argsort([key for chunk in chunks for key in chunk.keys])
        return np.concatenate([chunk.vectors for chunk in chunks])[order]

    work()
    return work


def theirs(texts: list[str], weights: Path) -> tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]:
    """sentence-transformers as it comes over the same weights, and its parts for one padded text after the other."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoModel, AutoTokenizer

    folder = str(weights / "minilm")
    transformer = Transformer(folder, max_seq_length=256)
    model = SentenceTransformer(modules=[transformer, Pooling(384)], device="cpu")
    model.encode(texts[:32])
    network, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    @torch.inference_mode()
    def alone() -> np.ndarray:
        rows = []
        for text in texts[:ALONE]:
            tokens = tokenizer(text, padding="max_length", truncation=True, max_length=512, return_tensors="pt")
            rows.append(network(**tokens).last_hidden_state.mean(dim=1)[0].numpy())
        return np.stack(rows)

    return lambda: model.encode(texts, normalize_embeddings=True, show_progress_bar=False), alone


def main() -> None:
    """Print a line a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: seconds of computing, of all threads")
    parser.add_argument("--precisions", nargs="+", choices=encoders.PRECISIONS, default=["fp32", "bf16"])
    arguments = parser.parse_args()
    clock = CLOCKS[arguments.clock]
    texts = arguments.texts.read_text("utf-8").splitlines() if arguments.texts else sentences(arguments.rows)
    texts = texts[: arguments.rows]
    default, alone = theirs(texts, arguments.weights)
    seconds, vectors = timed(clock, default)
    rate = len(texts) / seconds
    print(f"{'way':34} {'texts/s':>8} {'against it':>10}  lowest cosine ({len(texts):,} texts)")
    print(f"{'sentence-transformers':34} {rate:8.1f} {1:10.2f}", flush=True)
    one = min(ALONE, len(texts)) / timed(clock, alone, 1)[0]
    print(f"{'one by one, padded to 512':34} {one:8.1f} {one / rate:10.2f}", flush=True)
    for precision in arguments.precisions:
        seconds, found = timed(clock, ours(texts, arguments.weights, precision))
        cosine = float((found * vectors).sum(axis=1).min())
        mine = len(texts) / seconds
        print(f"{'mmrec ' + precision:34} {mine:8.1f} {mine / rate:10.2f}  {cosine:.7f}; {mine / one:.1f} × one by one")


if __name__ == "__main__":
    main()
