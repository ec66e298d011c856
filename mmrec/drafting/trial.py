"""A draft on trial, before it is called done: it is loaded and planned, and the sampled rows are judged by it.

The sampled files are tried beside a lake in a temporary folder, whole or a part of each, by what will read, plan and
judge them. Encoders and the files of pictures, sounds and clips are left out: weights may not be there yet, and hashing
takes long. Not here: what a draft says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mmrec import periods, tables
from mmrec.drafting.ends import copy_sample
from mmrec.drafting.samples import Source
from mmrec.errors import MmrecError
from mmrec.ingest import sources
from mmrec.ingest.landing import read_events
from mmrec.lake.store import Lake
from mmrec.modalities import FILES
from mmrec.planning.walk import plan
from mmrec.quality import contracts, rules
from mmrec.settings import Settings, load
from mmrec.stages.raw import catalogue as raw_catalogue


@dataclass(frozen=True)
class Trial:
    """How a draft did: in words what becomes of the sampled rows, and what a person should mend before a run."""

    judged: str
    warnings: list[str]


def trial(text: str, folder: Path, used: Sequence[Source]) -> Trial:
    """Tries a drafted file, as it would lie in `folder`, on the sampled files of these sources."""
    with tempfile.TemporaryDirectory() as name:
        data, lake = Path(name, "data"), Lake(str(Path(name, "lake")))
        for file in (file for source in used for file in source.sampled):
            copy_sample(folder / file, data / file)
        try:
            settings = _settings(text, Path(name), data)
            found = plan(lake, settings, [periods.newest(settings.calendar)])
            judged = _judged(lake, settings, found.refused)
        except MmrecError as error:
            return Trial("", [f"nothing can run with this draft yet: {error}"])
    refused = [f"will be refused: {each}" for each in found.refused]
    share = settings.quality.max_rejected_share
    told = "; ".join(_told(what, rows) for what, rows in judged.items())
    return Trial(told, [*refused, *found.warnings, *_refused_periods(judged["events"], share)])


def _settings(text: str, folder: Path, data: Path) -> Settings:
    """The settings of a drafted file, whose data lie in `data`; nothing of the environment is read."""
    file = folder / "mmrec.toml"
    file.write_text(text, encoding="utf-8")
    settings = load(file, environment={})
    columns = settings.items.columns.model_copy(update=dict.fromkeys((kind.name for kind in FILES), None))
    items = settings.items.model_copy(update={"columns": columns})
    return settings.model_copy(update={"data": data, "items": items, "embeddings": {}})


def _judged(lake: Lake, settings: Settings, refused: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The sampled rows of files that are not refused, with the rule that each breaks, by what they are."""
    files = sources.find(settings.data, settings.interactions.files, "interactions.files")
    landed = [read_events(settings, file).rows for file in files if not any(file in each for each in refused)]
    contract = tables.contract(tables.RAW_INTERACTIONS)
    rows = pl.concat([contract.empty(), *(contract.conform(each) for each in landed)])
    judged = {
        "events": rules.judge_interactions(rows, settings),
        "items": rules.judge_items(raw_catalogue.ahead(lake, settings, tables.RAW_ITEMS)[0], settings.items.attributes),
    }
    return judged | (
        {"people": rules.judge_users(raw_catalogue.ahead(lake, settings, tables.RAW_USERS)[0])}
        if settings.users
        else {}
    )


def _told(what: str, judged: pl.DataFrame) -> str:
    """In words, how many rows of a kind are good, and why the others are not."""
    counts = judged.group_by(kind=contracts.kind(pl.col("rule"))).len().sort("kind")
    kinds = dict(counts.iter_rows())
    good = f"{kinds.pop('valid', 0):,} of {judged.height:,} {what} are good"
    why = {contracts.REJECTED: _by_rule(judged)}
    return ", ".join([good, *(f"{count:,} {kind}{why.get(kind, '')}" for kind, count in kinds.items())])


def _by_rule(judged: pl.DataFrame) -> str:
    rejected = judged.filter(contracts.kind(pl.col("rule")) == contracts.REJECTED)
    counts = rejected["rule"].value_counts().sort("count", "rule", descending=[True, False])
    return f" ({', '.join(f'{rule} {count:,}' for rule, count in counts.iter_rows())})"


def _refused_periods(events: pl.DataFrame, share: float) -> list[str]:
    """The periods of which more than the allowed share of sampled rows is rejected."""
    rejected = (contracts.kind(pl.col("rule")) == contracts.REJECTED).mean()
    found = events.group_by("period").agg(rejected=rejected).filter(pl.col("rejected") > share)["period"].sort()
    if found.is_empty():
        return []
    told = f"more than {share:.0%} of the sampled events of {found.len():,} of {events['period'].n_unique():,} periods"
    return [f"{told} are rejected, so these are refused: {', '.join(found.head(3))}"]
