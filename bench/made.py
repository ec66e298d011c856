"""A made-up lake of any size, for measuring questions: synthetic rows in the layout that the stages write.

Nothing in it was computed from anything: events, vectors, factors, lists and reasons are drawn at random, with the ids,
keys and versions between tables as they are in a real lake, so that a question finds what it would find there. Say
*synthetic* wherever a figure of it stands. Not for accuracy, and not for what a run costs.

    from bench.made import Size, write
    lake, settings = write(folder, Size(events=1_000_000))
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from mmrec import encoders, keys, periods, tables
from mmrec.fusion import concat
from mmrec.fusion.concat import Block
from mmrec.fusion.statistics import measure
from mmrec.lake import hashing
from mmrec.lake.store import Lake
from mmrec.models import factorization
from mmrec.models.candidates import Candidate
from mmrec.settings import Settings, load

VERSION, AT = "made-version", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Size:
    """How much of everything. Widths are those of the default encoders and model."""

    events: int = 1_000_000
    people: int = 20_000
    items: int = 10_000
    weeks: int = 30
    published: int = 4  # of the weeks, the newest
    k: int = 20
    width: int = 64
    text: int = 384
    image: int = 1280
    seed: int = 0


class _Made:
    """One lake while it is written; every part draws from the same seeded generator."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.size, self.draw = size, np.random.default_rng(size.seed)
        self.settings = settings(folder)
        self.lake = Lake(self.settings.lake_root).acting_as("made", "1", "made")
        self.periods = periods.keys(self.settings.calendar)
        self.published = self.periods[-size.published :]
        self.items = pl.Series("item_id", [f"item-{at:06}" for at in range(size.items)])
        self.people = pl.Series("user_id", [f"person-{at:06}" for at in range(size.people)])
        self.titles = pl.Series("title", [f"Title number {at}" for at in range(size.items)])

    def put(self, table: str, rows: pl.DataFrame) -> None:
        """Writes a table whole, as `mmrec.builds.publishing` does: sorted by its key, partitioned by its contract."""
        contract = tables.contract(table)
        ordered = contract.conform(rows, partial=True).sort(list(contract.key), nulls_last=True)
        self.lake.replace(table, ordered)

    def take(self, ids: pl.Series, n: int, exponent: float) -> pl.Series:
        """`n` ids, the first ones far more often than the last."""
        weight = 1 / (np.arange(len(ids)) + 10.0) ** exponent
        return ids.gather(self.draw.choice(len(ids), n, p=weight / weight.sum()))


_CONFIG = """
name = "made"
[lake]
root = "lake"
[calendar]
period = "week"
start = 2024-01-01
end = {end}
[interactions]
files = ["events/*.csv"]
event = "view"
[events]
view = 1.0
[items]
files = ["items.csv"]
columns = {{ text = ["title"], image = "image" }}
[embeddings.text]
encoder = "hash:{text}"
[embeddings.image]
encoder = "hash:{image}"
[model]
width = {width}
[recommendations]
k = {k}
"""


def settings(folder: Path) -> Settings:
    """The settings of the lake that was written there."""
    return load(folder / "mmrec.toml", environment={})


def write(folder: Path, size: Size | None = None) -> tuple[Lake, Settings]:
    """Writes a lake and its mmrec.toml into `folder` (must not hold one yet); a reader of it, and its settings."""
    size = size or Size()
    folder.mkdir(parents=True, exist_ok=True)
    end = dt.date(2024, 1, 1) + dt.timedelta(weeks=size.weeks)
    (folder / "mmrec.toml").write_text(_CONFIG.format(**{**asdict(size), "end": end}))
    made = _Made(folder, size)
    _events(made)
    _catalogue(made)
    _model(made)
    _answers(made)
    rows = [
        {"snapshot": f"made-{period}", "period": period, "table": table, "version": version, "run_id": "made", "at": AT}
        for period in made.published
        for table in [each.name for each in tables.ALL if each.pinned]
        if (version := made.lake.version(table)) is not None
    ]
    made.lake.append("ledger/snapshots", pl.DataFrame(rows))
    return Lake(made.settings.lake_root), made.settings


def _events(made: _Made) -> None:
    """One file a week; nobody meets an item twice in the same second."""
    size = made.size
    seconds = np.sort(made.draw.choice(size.weeks * 7 * 86_400, size.events, replace=size.events > 10_000_000))
    begin = int(dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp())
    week = pl.Series("period", made.periods).gather(seconds // (7 * 86_400))
    rows = pl.DataFrame(
        {
            "period": week,
            "user_id": made.take(made.people, size.events, 0.5),
            "item_id": made.take(made.items, size.events, 0.8),
            "event": pl.repeat("view", size.events, eager=True),
            "time": pl.Series(begin + seconds) * 1_000_000,
        }
    ).with_columns(
        pl.col("time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        source_file=pl.format("events/{}.csv", "period"),
        source_row=pl.int_range(1, pl.len() + 1).over("period"),
    )
    delivered = rows.with_columns(time=pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), time_utc="time")
    made.put("raw/interactions", delivered)
    made.put("validated/interactions", rows)
    landed = rows.group_by("period").agg(rows=pl.len(), file=pl.col("source_file").first()).sort("period")
    facts = {"size_bytes": 1, "ctime_ns": 1, "beyond": 0, "sha256": "0" * 64, "reading": "made"}
    made.put("ledger/landing", landed.with_columns(**{name: pl.lit(value) for name, value in facts.items()}))
    verdicts = landed.select("period", "rows", asset=pl.lit("validated/interactions"), verdict=pl.lit("made"))
    told = {
        "check": "volume",
        "blocking": False,
        "passed": True,
        "expected": "rows",
        "found": "rows",
        "run_id": "made",
        "at": AT,
    }
    made.put("ledger/verdicts", verdicts.with_columns(pl.lit(value).alias(name) for name, value in told.items()))


def _catalogue(made: _Made) -> None:
    """Items with a text and a picture each, their vectors, and the fused rows."""
    size, draw = made.size, made.draw
    images = pl.Series([f"{item}.png" for item in made.items])
    hashes = {"text": hashing.text_hashes(made.titles), "image": hashing.text_hashes(images)}
    catalogue = pl.DataFrame({"item_id": made.items, "title": made.titles, "text": made.titles, "image": images})
    catalogue = catalogue.with_columns(source_file=pl.lit("items.csv"), source_row=pl.int_range(1, pl.len() + 1))
    made.put("raw/items", catalogue.with_columns(text=pl.concat_list("text")))
    made.put("raw/media", pl.DataFrame({"uri": images, "size_bytes": 1, "sha256": hashes["image"]}))
    made.put("validated/items", catalogue.with_columns(text_hash=hashes["text"], image_hash=hashes["image"]))
    blocks = []
    for modality, width in (("text", size.text), ("image", size.image)):
        identity = encoders.identity(modality, f"hash:{width}", "fp32", Path())
        vectors = draw.normal(size=(size.items, width)).astype(np.float32)
        named = pl.DataFrame({"item_id": made.items, "input_hash": hashes[modality]})
        named = named.with_columns(
            encoder_id=pl.lit(identity.id), key=hashing.row_keys(modality, hashes[modality], identity.id)
        )
        made.put(f"embeddings/{modality}/current", named)
        checksums = keys.vector_checksums(vectors)
        stored = named.with_columns(vector=pl.Series(vectors).cast(tables.VECTOR), checksum=pl.Series(checksums))
        made.put(f"embeddings/{modality}/vectors", stored)
        blocks.append(Block(measure(modality, identity.id, vectors), np.arange(size.items), vectors))
    _fused(made, blocks)


def _fused(made: _Made, blocks: list[Block]) -> None:
    statistics = [each.statistics for each in blocks]
    space, cuts = concat.space(statistics), concat.cuts(statistics)
    rows = [{"version": s.version, **asdict(s), "mean": s.mean.tolist()} for s in statistics]
    made.put("fused/statistics", pl.DataFrame(rows))
    places = [
        {
            "space": space,
            "modality": s.modality,
            "begin": cuts[s.modality].start,
            "end": cuts[s.modality].stop,
            "statistics": s.version,
        }
        for s in statistics
    ]
    made.put("fused/spaces", pl.DataFrame(places))
    modalities = pl.lit([s.modality for s in statistics])
    named = pl.DataFrame({"item_id": made.items, "digest": made.items})
    made.put("fused/current", named.with_columns(modalities=modalities, space=pl.lit(space)))
    vectors = concat.fuse(blocks, len(made.items))
    stored = pl.DataFrame({"key": made.items, "checksum": keys.vector_checksums(vectors)})
    vectors = pl.Series("vector", vectors).cast(tables.VECTOR)
    made.put("fused/vectors", stored.with_columns(vectors, modalities=modalities, space=pl.lit(space)))


def _model(made: _Made) -> None:
    """One item-factor version, and everybody's factor as of each published week."""
    size, draw = made.size, made.draw
    hyper = factorization.Hyper(width=size.width)
    choice = Candidate("feature iALS, recent first", hyper, {"text": 1.0, "image": 1.0}, half_life=10.0)
    H, B = draw.normal(size=(size.items, size.width)), draw.normal(size=(size.width, size.text + size.image + 2))
    Q, e = np.eye(size.width), np.ones(size.width)
    fitted = factorization.ItemFactors(H, B, Q, e, H, np.ones(size.items, np.int64), hyper)
    arrays = [
        {
            "version": VERSION,
            "name": name,
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "sha256": hashlib.sha256(data := array.tobytes()).hexdigest(),
            "data": data,
        }
        for name, array in fitted.to_arrays().items()
    ]
    made.put("model/arrays", pl.DataFrame(arrays))
    items = pl.DataFrame({"item_id": made.items, "events": fitted.counts}).with_row_index("position")
    made.put("model/items", items.with_columns(version=pl.lit(VERSION)))
    space = made.lake.scan("fused/current").select("space").head(1).collect().item()
    named = {"version": VERSION, "boundary": made.published[0], "space": space, "choice": json.dumps(choice.to_json())}
    counts = {"stage_key": "made", "people": size.people, "events": size.events, "at": AT}
    made.put("model/versions", pl.DataFrame([{**named, **counts}]))
    factors = pl.DataFrame({"user_id": made.people, "events_digest": made.people}).with_columns(
        version=pl.lit(VERSION), events=1, words=0, factor=pl.Series(draw.normal(size=(size.people, size.width)))
    )
    made.put("model/users", pl.concat([factors.with_columns(period=pl.lit(p)) for p in made.published]))


def _answers(made: _Made) -> None:
    """A list and its reasons for everybody as of each published week, and every item's neighbours."""
    size, draw = made.size, made.draw
    events = made.lake.scan("validated/interactions").select("user_id", "item_id")
    past = events.group_by("user_id").agg(past="item_id").sort("user_id").collect()
    listed = past.with_columns(rank=pl.int_ranges(1, size.k + 1)).explode("rank")
    title_of = pl.col("named").list.eval("Title number " + pl.element().str.slice(5).cast(pl.Int64).cast(pl.String))
    sentence = pl.format("Because you viewed {}; its text and picture are close too.", title_of.list.join(" and "))
    quoted = title_of.list.eval(pl.format('["{}", "view", 0.1]', pl.element())).list.join(", ")
    evidence = pl.format('{{"past": [{}], "through": {{"text": 0.1}}}}', quoted)
    lists, reasons = [], []
    for period in made.published:
        ids = made.take(made.items, listed.height, 0.6)
        one = listed.with_columns(period=pl.lit(period), item_id=ids, score=draw.random(listed.height))
        places = [pl.Series(draw.integers(0, 2**31, listed.height)) % one["past"].list.len() for _ in range(2)]
        named = one.with_columns(named=pl.concat_list(pl.col("past").list.get(at) for at in places)).drop("past")
        lists.append(one.drop("past"))
        reasons.append(named.with_columns(reason=sentence, evidence=evidence, content_share=pl.lit(0.1)))
    made.put("recommendations/top_k", pl.concat(lists))
    made.put("recommendations/reasons", pl.concat(reasons))
    near = pl.DataFrame({"item_id": made.items}).join(pl.DataFrame({"by": ["text", "image", "all"]}), how="cross")
    near = near.with_columns(rank=pl.int_ranges(1, 21)).explode("rank")
    near = near.with_columns(neighbour=made.take(made.items, near.height, 0.2), similarity=draw.random(near.height))
    made.put("recommendations/similar_items", near.with_columns(checksum=pl.lit(0)))
    made.put("model/evaluation", tables.contract("model/evaluation").empty())
