"""How busy an encoder keeps its device: the pipeline against its slower side, forward alone or preparing alone.

    python -m bench.encode [--encoders text-6x384,resnet50,…] [--rows 2000] [--precision fp32] [--device auto]
    OMP_NUM_THREADS=1 taskset -c 0 python -m bench.encode --device cpu --clock cpu     # beside other work

Needs torch, transformers, tokenizers, torchvision, Pillow and NumPy only. Networks have real shapes and random weights,
texts and pictures are made here. For each encoder: items/s of the pipeline (`mmrec.encoders.running`), of forward alone
on packed batches, of preparing alone on all cores, and share = pipeline / the slower of the two. Two guards against a
good share of a slow thing: forward alone against the bare module on the same batches (≥ .95), and preparing against a
bare loop of Pillow and torchvision, or of tokenizers, on all cores (≥ .9). On a CPU both sides use the same cores, so
that for pictures no pipeline can reach 1: the line also gives the share that their sum allows. Where other work takes
the cores, seconds of computing on one of them tell more than those on the wall.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mmrec import encoders
from mmrec.encoders import Encoder, Prepared, running
from mmrec.encoders.device import full_precision
from mmrec.encoders.preparing import cores
from mmrec.media.opening import MediaRef

TEXTS = {"text-6x384": (6, 384), "text-12x768": (12, 768), "text-24x1024": (24, 1024)}
PICTURES = {"resnet50": "resnet50", "vit": "vit_b_16"}
LOADS = 2  # of all rows by which a figure is the best of so many runs
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Case:
    """One encoder with its inputs; `bare_prepare` does what any program has to do for some of them."""

    name: str
    encoder: Encoder
    inputs: list[Any]
    bare_prepare: Callable[[list[Any]], Any]


def text_case(folder: Path, name: str, rows: int, precision: str, device: str) -> Case:
    """A BERT of random weights with a word-piece tokenizer, and sentences of 4 to 120 words."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    chance = np.random.default_rng(0)
    letters = np.array(list(string.ascii_lowercase))
    vocabulary = sorted({"".join(chance.choice(letters, int(n))) for n in chance.integers(2, 10, 8000)})
    pieces = {word: n for n, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *vocabulary])}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    layers, width = TEXTS[name]
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=width // 64 if width > 384 else 12,
        intermediate_size=4 * width,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    lengths = np.clip(chance.lognormal(3.2, 0.6, rows), 4, 120).astype(int)
    texts = [" ".join(chance.choice(vocabulary, n)) for n in lengths]
    identity = encoders.identity("text", f"hf:{folder}", precision, folder)
    encoder = encoders.load(identity, device)
    bare = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bare.enable_truncation(identity.fields["recipe"]["max_tokens"])
    return Case(name, encoder, texts, bare.encode_batch_fast)


def picture_case(folder: Path, name: str, rows: int, precision: str, device: str, side: int) -> Case:
    """A torchvision network of random weights, and JPEGs whose longer side is `side` pixels."""
    from torchvision.models import get_model
    from torchvision.transforms.v2 import functional

    torch.manual_seed(0)
    network = PICTURES[name]
    torch.save(get_model(network, weights=None).state_dict(), folder / "weights.pth")
    identity = encoders.identity("image", f"torchvision:{network}@{folder / 'weights.pth'}", precision, folder)
    refs = list(jpegs(folder, rows, side))

    def bare(some: list[MediaRef]) -> None:
        for ref in some:
            image = Image.open(BytesIO(ref.path.read_bytes())).convert("RGB")
            functional.pil_to_tensor(functional.center_crop(functional.resize(image, [256]), [224]))

    return Case(f"{name} at {side} px", encoders.load(identity, device), refs, bare)


def jpegs(folder: Path, rows: int, side: int) -> Iterator[MediaRef]:
    """As many files as rows, of 64 pictures that differ in detail, like photographs in size (quality 85)."""
    chance = np.random.default_rng(0)
    contents = []
    for _ in range(64):
        small = Image.fromarray(chance.integers(0, 256, (side // 12, side // 9, 3), dtype=np.uint8))
        buffer = BytesIO()
        small.resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        contents.append(buffer.getvalue())
    for row in range(rows):
        path = folder / f"{row}.jpg"
        path.write_bytes(contents[row % 64])
        yield MediaRef(path, folder, hashlib.sha256(contents[row % 64]).hexdigest())


def measure(case: Case, clock: str = "wall") -> dict[str, Any]:
    """All figures of one encoder, in items a second of a clock."""
    encoder, rows = case.encoder, len(case.inputs)
    best = partial(fastest, CLOCKS[clock])
    keys = [f"{row:08}" for row in range(rows)]
    warm = min(rows, 64)
    list(running.run(encoder, keys[:warm], case.inputs[:warm], seed=0))
    batches = packed(encoder, case.inputs)
    forward = rows / best(lambda: forward_alone(encoder, batches))
    bare = rows / best(lambda: bare_module(encoder, batches))
    prepare = rows / best(lambda: on_all_cores(encoder.prepare, case.inputs, encoder.piece_rows))
    bare_prepare = rows / best(lambda: on_all_cores(case.bare_prepare, case.inputs, encoder.piece_rows))
    before = peak_bytes()
    pipeline = rows / best(lambda: list(running.run(encoder, keys, case.inputs, seed=0)))
    both = 1 / (1 / forward + 1 / prepare)  # where preparing and computing use the same cores
    return {
        "encoder": case.name,
        "device": encoder.device,
        "precision": encoder.identity.fields["precision"],
        "rows": rows,
        "pipeline": pipeline,
        "forward": forward,
        "prepare": prepare,
        "share": pipeline / min(forward, prepare),
        "share_of_shared_cores": pipeline / both if encoder.device == "cpu" else None,
        "forward_of_bare": forward / bare,
        "prepare_of_bare": prepare / bare_prepare,
        "further_memory_mb": (peak_bytes() - before) / 2**20,
    }


def packed(encoder: Encoder, inputs: list[Any]) -> list[list[Prepared]]:
    """Every input prepared, in batches as full as the encoder makes them of all at once."""
    order = sorted(range(len(inputs)), key=lambda row: encoder.size_hint(inputs[row]))
    ready = [row for row in encoder.prepare([inputs[row] for row in order]) if isinstance(row, Prepared)]
    return [[ready[row] for row in batch] for batch in encoder.batches(ready)]


def forward_alone(encoder: Encoder, batches: list[list[Prepared]]) -> None:
    """Every batch through the encoder, begun one behind the other, and fetched at the end."""
    for vectors in [encoder.encode(batch) for batch in batches]:
        np.asarray(vectors)


def bare_module(encoder: Any, batches: list[list[Prepared]]) -> None:
    """The same batches through the module as torch runs it, without anything around it but one wait at the end."""
    last = None
    with torch.inference_mode(), full_precision():
        for batch in batches:
            if hasattr(encoder, "_padded"):
                tensors = encoder._padded([row.data for row in batch], batch[0].size)
                ids, mask = (tensor.to(encoder.device) for tensor in tensors)
                last = encoder._network(input_ids=ids, attention_mask=mask).last_hidden_state
            else:
                samples = torch.from_numpy(np.stack([row.data for row in batch])).to(encoder.device)
                pixels = ((samples.permute(0, 3, 1, 2).float() - encoder._mean) / encoder._std).to(encoder._dtype)
                last = encoder._network(pixels)
    if last is not None:
        last.flatten()[0].item()


def on_all_cores(work: Callable[[list[Any]], Any], inputs: list[Any], step: int) -> None:
    """All inputs in parts of `step`, side by side; what releases Python's lock by itself gets big parts."""
    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(lambda start: work(inputs[start : start + step]) and None, range(0, len(inputs), step)))


def fastest(clock: Callable[[], float], work: Callable[[], Any]) -> float:
    """Seconds of the fastest of some runs: other work beside it only ever makes one slower."""
    seconds = []
    for _ in range(LOADS):
        began = clock()
        work()
        seconds.append(clock() - began)
    return min(seconds)


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def cases(name: str, arguments: argparse.Namespace) -> Iterator[Case]:
    """The case of a name, with its files in a folder that goes away."""
    with tempfile.TemporaryDirectory() as place:
        folder, common = Path(place), (arguments.rows, arguments.precision, arguments.device)
        if name in TEXTS:
            yield text_case(folder, name, *common)
        else:
            yield picture_case(folder, name, *common, arguments.pixels)


def main() -> None:
    """Print a line an encoder, and with `--json` the same for a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*TEXTS, *PICTURES]
    parser.add_argument("--encoders", default="text-12x768,resnet50,text-6x384,text-24x1024,vit", help=", ".join(known))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--pixels", type=int, default=500, help="the longer side of the pictures")
    parser.add_argument("--precision", choices=encoders.PRECISIONS, default="fp32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: seconds of computing, of all threads")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(f"{'encoder':22} {'pipeline':>9} {'forward':>9} {'prepare':>9} {'share':>6} {'of sum':>6} {'bare':>11}  on")
    for name in arguments.encoders.split(","):
        if name not in known:
            parser.error(f"unknown encoder {name!r}; known: {', '.join(known)}")
        with cases(name, arguments) as case:
            found = measure(case, arguments.clock)
        shared = "" if found["share_of_shared_cores"] is None else f"{found['share_of_shared_cores']:.2f}"
        figures = "{pipeline:9.1f} {forward:9.1f} {prepare:9.1f} {share:6.2f}".format(**found)
        bare = "{forward_of_bare:5.2f} {prepare_of_bare:5.2f}".format(**found)
        where = "{device} {precision}, {rows:,} rows, +{further_memory_mb:.0f} MB".format(**found)
        print(
            f"{found['encoder']:22} {figures} {shared:>6} {bare}  {where}",
            flush=True,
        )
        if arguments.json:
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
