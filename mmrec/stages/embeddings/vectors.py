"""embeddings: one vector an item and modality, computed only where a key has none.

The order of commits is vectors → current → failed: a reader who takes current first never finds a key without its
vector, and a killed run loses at most one chunk. `current` and `failed` are light and change by one commit a run;
`vectors` is content-addressed and only ever added to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mmrec import encoders, keys, tables
from mmrec.builds import ledger, publishing
from mmrec.builds.costs import Costs
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.builds.stage import StageRun
from mmrec.encoders import running
from mmrec.lake.hashing import digest
from mmrec.lake.store import Lake
from mmrec.media.opening import MediaRef
from mmrec.modalities import FILES
from mmrec.published import user_texts
from mmrec.settings import Settings
from mmrec.stages.embeddings import preview
from mmrec.stages.embeddings.concurrent import Others
from mmrec.stages.embeddings.rows import REMOVED, EmbeddingPlan, plan_embeddings
from mmrec.stages.raw import precomputed


@dataclass
class _Work:
    """What became of the planned keys: planned = done + found done by another run + failed."""

    planned: int
    done: int = 0
    found: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    loading_seconds: float = 0.0
    facts: dict[str, int | float | str] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, int]:
        """The four, by the names they are reported under. Raises where they do not add up."""
        if self.planned != self.done + self.found + len(self.failed):
            raise AssertionError(
                f"planned {self.planned} keys, but {self.done} done, {self.found} found and {len(self.failed)} failed"
            )
        counts = (self.planned, self.done, self.found, len(self.failed))
        return dict(zip(("keys_planned", "keys_done", "keys_found", "keys_failed"), counts, strict=True))


def embed(
    lake: Lake, settings: Settings, modality: str, *, retry_failed: bool = False, budget: float | None = None
) -> StageReport:
    """Brings one modality's vectors up to date. Imports torch only when a key has no vector.

    Raises one line, and does nothing, where that is expected to take more seconds than the budget.
    """
    run = StageRun(lake, tables.current(modality))
    wanted = settings.embeddings[modality]  # type: ignore[index]
    identity = encoders.identity(modality, wanted.encoder, wanted.precision, settings.weights)
    key = _stage_key(lake, settings, modality, identity)
    if run.begin({WHOLE: key}) or (retry_failed and run.reports[WHOLE].rejected):
        plan = plan_embeddings(lake, modality, identity.id, retry_failed=retry_failed)
        if budget is not None:
            Costs(lake).affords(lake.asset, identity.id, plan.missing.height, budget)
        work = _bring_up_to_date(run, settings, plan, identity)
    else:
        plan, work = EmbeddingPlan.nothing(modality, identity.id, run.reports[WHOLE].rows), _Work(planned=0)
    failed = lake.scan(tables.failed(modality)).sort("item_id", "user_id", "input_hash").collect()
    return run.report(
        facts={**_about(lake, settings, modality, identity), **work.numbers, **work.facts},
        tables={
            "planned by reason": _reasons(plan),
            "failures": failed.drop_nulls("item_id").select("item_id", "reason").head(5),
            **(preview.of_vectors(lake, modality) if work.done + work.found else {}),
        },
        warnings=[
            *([f"{failed.height} inputs could not be encoded; see `mmrec rejected`"] if failed.height else []),
            *(precomputed.unmatched(lake, settings, modality) if modality in settings.precomputed else []),
        ],
    )


def _bring_up_to_date(
    run: StageRun, settings: Settings, plan: EmbeddingPlan, identity: encoders.EncoderIdentity
) -> _Work:
    """Encodes what the plan lacks, makes it current, and notes the build."""
    lake = run.lake
    work = _encode(lake, settings, plan, identity)
    alone = _switch(lake, plan, work)
    failed = _write_failed(lake, plan, work)
    report = _period_report(plan, work, failed, *content(lake, plan.modality), run.seconds)
    # Where another run has written there too, the next one looks again.
    key = _stage_key(lake, settings, plan.modality, identity) if alone else ""
    run.record({WHOLE: report}, {WHOLE: key}, recipe=identity.id)
    return work


def _about(
    lake: Lake, settings: Settings, modality: str, identity: encoders.EncoderIdentity
) -> dict[str, int | float | str]:
    wanted = settings.embeddings[modality]  # type: ignore[index]
    lacking = lake.scan(tables.VALIDATED_ITEMS).filter(pl.col(f"{modality}_hash").is_null())
    return {
        "encoder": wanted.encoder,
        "precision": wanted.precision,
        "encoder_id": identity.id,
        "width": identity.width,
        "items_without": lacking.select(pl.len()).collect().item(),
    }


def _stage_key(lake: Lake, settings: Settings, modality: str, identity: encoders.EncoderIdentity) -> str:
    """Equal keys: nobody has written since to what the vectors rest on, nor to the tables that they are.

    Versions of tables, not of data: what a kill or a repair has left is looked at again, at the cost of a plan.
    """
    said = modality == user_texts.MODALITY and settings.users is not None
    own = [f"embeddings/{modality}/{name}" for name in ("vectors", "failed")]
    read = [tables.VALIDATED_ITEMS, *([tables.VALIDATED_USERS, tables.VALIDATED_INTERACTIONS] if said else [])]
    seen = {table: lake.pin(table) for table in (*read, *own, *_current(modality))}
    return ledger.stage_key(lake.code_version, {}, {"encoder": identity.id, **seen})


def _current(modality: str) -> list[str]:
    """The tables of current rows: of items, and for texts of people's words."""
    names = ("current", "words") if modality == user_texts.MODALITY else ("current",)
    return [f"embeddings/{modality}/{name}" for name in names]


def _encode(lake: Lake, settings: Settings, plan: EmbeddingPlan, identity: encoders.EncoderIdentity) -> _Work:
    """Computes the missing vectors and commits them chunk by chunk."""
    work = _Work(planned=plan.missing.height)
    if plan.missing.is_empty():
        return work
    began = time.perf_counter()
    encoder = encoders.load(identity, settings.embeddings[plan.modality].device)  # type: ignore[index]
    table = tables.vectors(plan.modality)
    named, inputs = plan.missing["key"].to_list(), _inputs(lake, settings, plan)
    others = Others(lake, table, plan.missing)
    for chunk in running.run(encoder, named, inputs, seed=time.time_ns() % 2**32, elsewhere=others.stored):
        work.failed |= chunk.failed
        work.done += len(chunk.keys)
        work.found += len(chunk.found)
        work.seconds += chunk.seconds
        if chunk.keys:
            rows = _vector_rows(chunk.keys, chunk.vectors, plan.encoder_id, encoder.device)
            others.wrote(chunk.keys, lake.append(table, rows))
    work.loading_seconds = time.perf_counter() - began - work.seconds
    work.facts = {
        "device": encoder.device,
        "device_reason": encoder.device_reason,
        "peak_device_bytes": encoders.peak_device_bytes(encoder.device),
        "items_per_second": round(work.done / max(work.seconds, 1e-9), 1),
        "seconds_encoding": round(work.seconds, 2),
        "seconds_loading": round(work.loading_seconds, 2),
    }
    return work


def _inputs(lake: Lake, settings: Settings, plan: EmbeddingPlan) -> list[Any]:
    """The canonical input of each missing key, in the order of `plan.missing`: a text, a registered file, a vector."""
    column, hashed = plan.modality, f"{plan.modality}_hash"
    if column in settings.precomputed:
        return precomputed.vectors(lake, settings, column, plan.missing["input_hash"].to_list())
    known = lake.scan(tables.VALIDATED_ITEMS).select(column, input_hash=hashed)
    if plan.words.height:
        known = pl.concat([known, user_texts.said(lake).select("text", "input_hash")])
    texts = known.unique("input_hash", keep="any").collect()
    rows = plan.missing.join(texts, on="input_hash", how="left", maintain_order="left")
    if column not in {kind.name for kind in FILES}:
        return rows[column].to_list()
    root = settings.media_root
    return [MediaRef(root / uri, root, sha) for uri, sha in rows.select(column, "input_hash").iter_rows()]


def _vector_rows(named: list[str], vectors: np.ndarray, encoder_id: str, device: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "key": named,
            "encoder_id": encoder_id,
            "vector": pl.Series(np.ascontiguousarray(vectors, dtype=np.float32)).cast(tables.VECTOR),
            "checksum": keys.vector_checksums(vectors),
            "device": device.partition(":")[0],
        }
    )


def _switch(lake: Lake, plan: EmbeddingPlan, work: _Work) -> bool:
    """One merge a table: rows whose key has a vector become current; removed and failed ones do not stay.

    Whether nobody else has written there since the plan: what then is current may be another run's too.
    """
    lost, alone = pl.col("key").is_in(list(work.failed)), True
    for table, rows in (("current", plan.rows), ("words", plan.words)):
        wanted = rows.filter((pl.col("reason") != REMOVED) & ~lost).with_columns(encoder_id=pl.lit(plan.encoder_id))
        gone = rows.filter((pl.col("reason") == REMOVED) | lost)
        if wanted.height + gone.height:
            name = f"embeddings/{plan.modality}/{table}"
            before = lake.pin(name)
            version = lake.merge(name, wanted, list(tables.contract(name).key), removed=gone)
            alone &= version == (1 if before is None else before + 1)  # a table is made empty before it is merged into
    return alone


def _write_failed(lake: Lake, plan: EmbeddingPlan, work: _Work) -> pl.DataFrame:
    """Every input without a vector that should have one, and why; written where it differs."""
    table = tables.failed(plan.modality)
    contract = tables.contract(table)
    failed = {"key": list(work.failed), "reason": list(work.failed.values())}
    reasons = pl.DataFrame(failed, schema=dict.fromkeys(failed, pl.String))
    tried = pl.concat([plan.rows.drop("reason"), plan.words.drop("reason")], how="diagonal")
    parts = [tried.join(reasons, on="key"), plan.given_up, _unusable(lake, plan)]
    named = {"encoder_id": pl.lit(plan.encoder_id), "run_id": pl.lit(lake.run_id)}
    rows = contract.conform(pl.concat(parts, how="diagonal").with_columns(**named), partial=True)
    rows = rows.sort("item_id", "user_id", "input_hash")
    old = lake.scan(table).collect()
    same = [name for name in contract.columns if name != "run_id"]
    if rows.height != old.height or rows.join(old, on=same, how="anti", nulls_equal=True).height:
        lake.replace(table, rows)
    return rows


def _unusable(lake: Lake, plan: EmbeddingPlan) -> pl.DataFrame:
    """Items that name a file which cannot be used: they never got an input hash, so the planner does not see them."""
    problem = f"{plan.modality}_problem"
    if problem not in tables.contract(tables.VALIDATED_ITEMS).columns:
        return pl.DataFrame(schema={"item_id": pl.String})
    named = lake.scan(tables.VALIDATED_ITEMS).filter(pl.col(problem).is_not_null())
    return named.select("item_id", input_hash=pl.lit(""), key=pl.lit(""), reason=problem).collect()


def content(lake: Lake, modality: str) -> tuple[int, str]:
    """How many rows are current, and their data version: a digest of keys, never of floats."""
    rows, versions = 0, list[str]()
    for table in _current(modality):
        names = [tables.contract(table).key[0], "key"]
        current = lake.scan(table).select(names).collect()
        rows += current.height
        versions += [_digest(current)] if current.height or not versions else []
    return rows, versions[0] if len(versions) == 1 else keys.canonical_digest(versions)


def _period_report(
    plan: EmbeddingPlan, work: _Work, failed: pl.DataFrame, rows: int, data_version: str, seconds: float
) -> PeriodReport:
    return PeriodReport(
        rows,
        data_version,
        computed=work.done,
        reused=rows - min(work.done, rows),
        removed=plan.reasons.get(REMOVED, 0),
        rejected=failed.height,
        seconds=seconds,
        fixed_seconds=work.loading_seconds,
        work=work.planned,
    )


def _digest(rows: pl.DataFrame) -> str:
    return digest(rows.with_columns(_one=pl.lit("")), "_one", rows.columns).get("", publishing.EMPTY)


def _reasons(plan: EmbeddingPlan) -> pl.DataFrame:
    return pl.DataFrame({"reason": list(plan.reasons), "items": list(plan.reasons.values())})
