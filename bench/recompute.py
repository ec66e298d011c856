"""What a change costs: keys against a hand-written dictionary; planning and committing at a million rows.

    python bench/recompute.py [items] [engine] [planner] [append]      (all parts without any)

`items` needs the fetched weights of the demo (`make weights`): 2,000 made items with a text (MiniLM) and a picture
(EfficientNet-Lite0), about ten minutes. `engine` runs an encoder that costs next to nothing on 100 k and 1 M rows;
`planner` and `append` want 4 GB of disk. CPU seconds, all threads together; each state is run in a process of its own,
and both the work in it (without imports and loading networks) and the whole process are told.
"""

import functools
import hashlib
import multiprocessing
import os
import pickle
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.measuring import Spent, cpu, in_process, line, median, watched
from mmrec import encoders, keys, tables
from mmrec.lake import hashing
from mmrec.lake.store import Lake
from mmrec.media.opening import MediaRef
from mmrec.planning import graph
from mmrec.settings import Settings
from mmrec.stages.embeddings.rows import plan_embeddings

ITEMS, WIDTH, TIMES = 2_000, 384, 3
STAGES = ("raw", "validated", "embeddings", "fused")
TEXT_VECTORS = "embeddings/text/vectors"


# -- made data ---------------------------------------------------------------------------------------------------------


def words(draw: random.Random, count: int) -> str:
    """Text of so many made words: MiniLM's tokens are as many as in other text, and no two are the same."""
    syllables = ["ka", "lo", "mi", "ra", "tes", "un", "vor", "bel", "dis", "por"]
    return " ".join("".join(draw.choices(syllables, k=draw.randint(1, 3))) for _ in range(count))


def write_catalogue(folder: Path, texts: list[str], pictures: bool) -> None:
    """`items.csv` of `item,title,about,picture`."""
    names = [f"{n}.jpg" if pictures else "" for n in range(len(texts))]
    rows = {"item": [f"item-{n:07}" for n in range(len(texts))], "title": "A title", "about": texts, "picture": names}
    pl.DataFrame(rows).write_csv(folder / "items.csv")


def make_items(folder: Path) -> list[str]:
    """Two thousand texts of 5 to 60 words and pictures of 320 × 320."""
    from PIL import Image

    draw = random.Random(1)
    texts = [words(draw, draw.randint(5, 60)) for _ in range(ITEMS)]
    write_catalogue(folder, texts, pictures=True)
    (folder / "pictures").mkdir()
    for number in range(ITEMS):
        small = np.random.default_rng(number).integers(0, 255, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(small).resize((320, 320), Image.Resampling.BICUBIC).save(folder / "pictures" / f"{number}.jpg")
    return texts


def settings_of(folder: Path, **encoder: str) -> Settings:
    """The settings of a folder with made items."""
    columns = {"item_id": "item", "title": "title", "text": ["about"]}
    return Settings.model_validate(
        {
            "name": "bench",
            "data": folder,
            "lake": {"root": str(folder / "lake")},
            "calendar": {"start": "2024-01-01", "end": "2024-01-02"},
            "interactions": {"files": ["events.csv"], "event": "view"},
            "events": {"view": 1.0},
            "items": {
                "files": ["items.csv"],
                "columns": columns | ({"image": "picture"} if "image" in encoder else {}),
            },
            "media": {"root": "pictures"},
            "embeddings": {modality: {"encoder": name, "device": "cpu"} for modality, name in encoder.items()},
        }
    )


# -- one run in a process ----------------------------------------------------------------------------------------------


def run(settings: Settings, counter: Any = None, *, imported: bool = True) -> dict[str, float]:
    """Everything up to the fused items; CPU seconds of the work and of encoders in it, without loading; vectors made.

    What the work imports is `imported` before, or counts.
    """
    if imported:
        _import_everything()
    spent = Spent()
    watched(spent)
    if counter is not None:
        spent.tell = functools.partial(_count, counter)
    lake, stages = Lake(settings.lake_root), dict.fromkeys(STAGES, 0.0)
    for node in graph.nodes(settings):
        if node.stage in STAGES and node.name not in ("interactions", "users"):
            stages[node.stage] += cpu(lambda node=node: node.run(lake, settings, []).raise_if_refused())
    stages["embeddings"] -= spent.loading
    return {"work": sum(stages.values()), "forward": spent.forward, "vectors": spent.vectors, **stages}


def run_by_hand(settings: Settings, store: Path) -> dict[str, float]:
    """The same vectors by what one would write in an hour: a dictionary of hashes, saved with pickle and numpy."""
    _import_everything()
    spent = Spent()
    watched(spent)

    def work() -> None:
        rows = pl.read_csv(settings.data / "items.csv")
        for modality, wanted in settings.embeddings.items():
            files = [settings.media_root / name for name in rows["picture"]] if modality == "image" else []
            data = [path.read_bytes() for path in files] or [text.encode() for text in rows["about"]]
            hashes = [hashlib.sha256(each).hexdigest() for each in data]
            inputs = [MediaRef(p, settings.media_root, h) for p, h in zip(files, hashes, strict=False)] or rows["about"]
            _embed_by_hand(modality, wanted.encoder, settings, hashes, list(inputs), store)

    return {"work": cpu(work) - spent.loading, "forward": spent.forward, "vectors": spent.vectors}


def _embed_by_hand(
    modality: str, name: str, settings: Settings, hashes: list[str], inputs: list[Any], store: Path
) -> None:
    file, matrix = store / f"{modality}.pickle", store / f"{modality}.npy"
    known = pickle.loads(file.read_bytes()) if file.exists() else {}
    missing = {h: value for h, value in zip(hashes, inputs, strict=True) if h not in known}
    if missing:
        encoder = encoders.load(encoders.identity(modality, name, "fp32", settings.weights), "cpu")
        order = sorted(missing, key=lambda h: encoder.size_hint(missing[h]))
        for start in range(0, len(order), 128):
            block = order[start : start + 128]
            prepared = encoder.prepare([missing[h] for h in block])
            for batch in encoder.batches(prepared):
                vectors = encoder.encode([prepared[row] for row in batch])
                known |= {block[row]: vector for row, vector in zip(batch, vectors, strict=True)}
        file.write_bytes(pickle.dumps(known))
        np.save(matrix, np.stack([known[h] for h in hashes]))


def _import_everything() -> None:
    import great_expectations  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401


def _count(counter: Any, vectors: int) -> None:
    with counter.get_lock():
        counter.value += vectors


# -- parts -------------------------------------------------------------------------------------------------------------


def items(folder: Path) -> None:
    """Full, nothing, 1 %, another encoder and back, killed half-way; beside the dictionary."""
    texts = make_items(folder)
    settings = settings_of(folder, text="minilm", image="efficientnet-lite0")
    store = folder / "by-hand"
    store.mkdir()
    hand, hand_whole = in_process(run_by_hand, settings, store)
    full, full_whole = in_process(run, settings)
    print(f"{ITEMS} items with text (MiniLM) and picture (EfficientNet-Lite0): {full['vectors']:.0f} vectors")
    line("full, dictionary: work", hand["work"], note=f"whole process {hand_whole:.1f}")
    line("full: work", full["work"], note=f"whole process {full_whole:.1f}")
    line("full: own overhead over pure forward", full["work"] / full["forward"] - 1, "", 0.03)
    line("full, dictionary: overhead over pure forward", hand["work"] / hand["forward"] - 1, "")
    _nothing(settings, store, full["work"], full_whole)
    _one_percent(folder, settings, texts, full["work"])
    _and_back(folder, settings)
    _killed(folder, settings)


def _nothing(settings: Settings, store: Path, full: float, full_whole: float) -> None:
    ours = [in_process(functools.partial(run, imported=False), settings) for _ in range(TIMES)]
    theirs = [in_process(run_by_hand, settings, store) for _ in range(TIMES)]
    assert all(found["vectors"] == 0 for found, _ in (*ours, *theirs))
    work, whole = (statistics.median(each) for each in zip(*[(f["work"], w) for f, w in ours], strict=True))
    line("nothing changed: work", work, note=f"whole process {whole:.1f}")
    line("nothing changed / full", work / full, "", 0.02)
    line("nothing changed / full, whole processes", whole / full_whole, "", 0.02)
    line("nothing changed, dictionary: work", statistics.median(found["work"] for found, _ in theirs))


def _one_percent(folder: Path, settings: Settings, texts: list[str], full: float) -> None:
    found = []
    for time_ in range(TIMES):
        draw = random.Random(100 + time_)
        for at in draw.sample(range(ITEMS), ITEMS // 100):
            texts[at] = words(draw, draw.randint(5, 60))
            picture = folder / "pictures" / f"{at}.jpg"
            picture.write_bytes(picture.read_bytes() + bytes([time_]))
        write_catalogue(folder, texts, pictures=True)
        found.append(in_process(run, settings)[0])
    assert {each["vectors"] for each in found} == {2 * ITEMS // 100}
    work = statistics.median(each["work"] for each in found)
    line("1 % changed: work, without loading networks", work, note=f"{2 * ITEMS // 100} vectors")
    line("1 % changed / full", work / full, "", 0.03)


def _and_back(folder: Path, settings: Settings) -> None:
    other, _ = in_process(run, settings_of(folder, text="hash:64", image="efficientnet-lite0"))
    back, _ = in_process(run, settings)
    again = median(lambda: in_process(functools.partial(run, imported=False), settings)[0]["work"], TIMES)
    line("another text encoder (free): work", other["work"], note=f"{other['vectors']:.0f} vectors")
    line("and back: vectors", back["vectors"], "", 0)
    line("and back: work", back["work"], note=f"nothing changed: {again:.3f}")


def _killed(folder: Path, settings: Settings) -> None:
    shutil.rmtree(folder / "lake")
    context = multiprocessing.get_context("spawn")
    counter = context.Value("l", 0)
    process = context.Process(target=run, args=(settings, counter))
    process.start()
    while counter.value < ITEMS + ITEMS // 3 and process.is_alive():  # in the midst of a chunk of pictures
        time.sleep(0.01)
    process.kill()
    process.join()
    lake = Lake(settings.lake_root)
    stored = sum(lake.rows(f"embeddings/{modality}/vectors") for modality in settings.embeddings)
    rest, _ = in_process(run, settings)
    line("killed half-way: vectors lost", counter.value - stored, "", 256, "a chunk is about 2 s of work")
    line("killed half-way: vectors made by the next run", rest["vectors"], "", None, f"{stored} were stored")


def engine(folder: Path) -> None:
    """Everything but the forward pass, on an encoder that costs next to nothing."""
    for count, width in ((100_000, WIDTH), (1_000_000, 16)):
        place = folder / str(count)
        place.mkdir()
        write_catalogue(place, [f"text number {n}" for n in range(count)], pictures=False)
        settings = settings_of(place, text=f"hash:{width}")
        full, whole = in_process(run, settings)
        print(f"{count:,} rows, hash:{width}, from file to fused")
        line("full: work", full["work"], note=f"of it the encoder {full['forward']:.1f}; whole process {whole:.1f}")
        full["embeddings"] -= full["forward"]
        for stage in STAGES:
            line(f"full: {stage}, a thousand rows", full[stage] / count * 1e6, "CPU ms")
        again = functools.partial(run, settings, imported=False)
        nothing = median(lambda work=again: in_process(work)[0]["work"], TIMES)
        line("nothing changed: work", nothing)
        line("nothing changed / full", nothing / full["work"], "", 0.02)
        shutil.rmtree(place)


@functools.cache
def million(folder: Path) -> Lake:
    """A lake with a million items, current rows and vectors."""
    lake, count = Lake(str(folder / "million")), 1_000_000
    names, texts = [f"item-{n:07}" for n in range(count)], pl.Series([f"text number {n}" for n in range(count)])
    hashes = hashing.text_hashes(texts)
    rows = {"item_id": names, "title": texts, "text": texts, "text_hash": hashes, "source_file": "f", "source_row": 1}
    lake.append("validated/items", tables.contract("validated/items").conform(pl.DataFrame(rows), partial=True))
    named = hashing.row_keys("text", hashes, "e1")
    current = {"item_id": names, "input_hash": hashes, "encoder_id": "e1", "key": named}
    lake.append("embeddings/text/current", pl.DataFrame(current))
    made = [chunk(named[start : start + 2_000], start) for start in range(0, count, 2_000)]
    acting = lake.acting_as("embeddings/text", "1")
    spent = cpu(lambda: [acting.append(TEXT_VECTORS, each) for each in made])
    print("storage, 1,000,000 vectors of 384 in commits of 2,000, compactions included")
    line("a thousand rows", spent / count * 1e6, "CPU ms", 30)
    return lake


def chunk(named: pl.Series, seed: int) -> pl.DataFrame:
    """Rows of a table of vectors."""
    vectors = np.random.default_rng(seed).normal(size=(len(named), WIDTH)).astype(np.float32)
    return pl.DataFrame(
        {
            "key": named,
            "encoder_id": "e1",
            "vector": pl.Series(vectors).cast(tables.VECTOR),
            "checksum": keys.vector_checksums(vectors),
            "device": "cpu",
        }
    )


def planner(folder: Path) -> None:
    """Planning over a million rows, where nothing and where 1 % differs."""
    lake = million(folder)

    def plan() -> int:
        return plan_embeddings(lake.acting_as("embeddings/text", "1"), "text", "e1").missing.height

    print("planner, 1,000,000 rows")
    line("nothing differs", median(lambda: cpu(plan), 2 * TIMES + 1), bar=0.5)
    edited = pl.when(pl.int_range(pl.len()) % 100 == 0).then(pl.col("item_id")).otherwise("text_hash")
    lake.replace("validated/items", lake.scan("validated/items").with_columns(text_hash=edited).collect())
    assert plan() == 10_000
    line("1 % differs", median(lambda: cpu(plan), TIMES))


def append(folder: Path) -> None:
    """Two thousand commits of a chunk each to a table of a million vectors."""
    lake = million(folder).acting_as("embeddings/text", "1")
    rows = chunk(pl.Series([f"{n:064}" for n in range(128)]), 0)
    log, spent = Path(lake.uri(TEXT_VECTORS)) / "_delta_log", []
    made: dict[Path, int] = {}
    for number in range(2000):
        spent.append(cpu(lambda: lake.append(TEXT_VECTORS, rows)) * 1000)
        for path in log.iterdir():
            os.utime(path, (time.time() - 2 * (number - made.setdefault(path, number)),) * 2)
    print("append, 2,000 commits of 128 × 384 to 1,000,000 rows: CPU ms a commit, compactions included")
    print("  (the log is dated as if a commit came every 2 s, as a chunk does; old entries are tidied away)")
    for start in (0, 100, 500, 1000, 1900):
        part = spent[start : start + 100]
        line(
            f"commits {start} to {start + 100}: mean", statistics.mean(part), "ms", note=f"median {median_of(part):.1f}"
        )
    line("last hundred / second hundred", statistics.mean(spent[1900:]) / statistics.mean(spent[100:200]), "", 1.2)


def median_of(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


PARTS = {"items": items, "engine": engine, "planner": planner, "append": append}


def main() -> None:
    """Runs the named parts, all without any."""
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        raise SystemExit(f"no part is called {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    print(f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; CPU seconds unless said otherwise")
    with tempfile.TemporaryDirectory(prefix="mmrec-bench-") as folder:
        for name in chosen:
            place = Path(folder) / ("lake" if name in ("planner", "append") else name)
            place.mkdir(exist_ok=True)
            PARTS[name](place)


if __name__ == "__main__":
    main()
