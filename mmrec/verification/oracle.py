"""The oracle: everything is built again from nothing and held against the lake, table by table, to the last bit.

Incremental equals rebuilt, given the same named inputs (`mmrec/verification/rebuild.py`). Not compared are where a row
came from, unless it is its key, and which run wrote it when. Vectors that another kind of device computed are compared
by cosine, and what lies behind them is rebuilt from the stored ones. Here: in which order, and what each table is
compared by. Not here: which periods (`mmrec/verification/scope.py`), rebuilding, comparing
(`mmrec/verification/comparing.py`), and what is held against digests that the lake has itself
(`mmrec/verification/inputs.py`). Nothing is written to the lake.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import polars as pl

from mmrec import periods, tables
from mmrec.builds import ledger
from mmrec.builds.assets import SNAPSHOT
from mmrec.builds.report import WHOLE
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning.graph import Node, nodes
from mmrec.settings import Settings
from mmrec.tables import Table
from mmrec.verification import inputs, snapshots, vectors
from mmrec.verification.comparing import Compared, compare, together
from mmrec.verification.rebuild import beside, rebuild
from mmrec.verification.scope import ANSWERS, Scope

_OF_A_RUN = {"run_id", "at", "ctime_ns"}  # which run wrote a row and when, and a clock beside the bytes


def verify(
    lake: Lake, settings: Settings, scope: Scope, *, stored_vectors: bool = False
) -> Generator[Compared, None, None]:
    """Rebuilds beside the lake and gives each table's outcome as soon as it stands. The lake is read as it is now."""
    reader = lake.pinned({t.name: v for t in tables.ALL if (v := lake.version(t.name)) is not None})
    yield from inputs.given(reader)  # first: where one is damaged the rebuild cannot use it
    with beside(reader) as rebuilt:
        for node in rebuild(reader, settings, scope.chosen, rebuilt, stored_vectors=stored_vectors):
            yield from of_node(reader, settings, scope, rebuilt, node)
            if node.stage == "embeddings":
                vectors.take_stored(reader, rebuilt.pinned({}), node.name, _precision(settings, node.name))
        yield from of_ledgers(reader, settings, scope, rebuilt)


def of_node(lake: Lake, settings: Settings, scope: Scope, rebuilt: Lake, node: Node) -> Iterator[Compared]:
    """The tables of one asset, once it is rebuilt. Raises where a source has changed since the last run."""
    made = rebuilt.pinned({})
    for table in tables.owned_by(node.asset):
        if table.given or (table.name.startswith("ledger/") and table.name != tables.LANDING):
            continue
        outcome = _of_table(lake, settings, scope, made, table)
        if not outcome.equal and _made_of_others(lake, made, node.asset):
            if node.stage == "raw":
                raise _changed(outcome)
            outcome = replace(outcome, note="made of other inputs or settings; `mmrec run` makes it again")
        yield outcome


def of_ledgers(lake: Lake, settings: Settings, scope: Scope, rebuilt: Lake) -> Iterator[Compared]:
    """What belongs to several assets: rejected rows, the outcomes of checks, builds without their runs, snapshots."""
    made = rebuilt.pinned({})
    mine = pl.col("table").is_in([node.name for node in nodes(settings) if node.stage == "validated"])
    mine &= pl.col("period").is_in([WHOLE, *periods.keys(settings.calendar)])
    yield compare(
        tables.REJECTED, made.scan(tables.REJECTED).collect(), lake.scan(tables.REJECTED).filter(mine).collect()
    )
    for table, key, columns in (
        (tables.VERDICTS, ["asset", "period", "verdict", "check"], _told(tables.VERDICTS)),
        (tables.BUILDS, ["asset", "period"], ["data_version", "rows"]),
    ):
        ours, theirs = (_newest(each.scan(table)) for each in (made, lake))
        theirs = theirs.join(ours.select("asset", "period").unique(), on=["asset", "period"], how="semi")
        yield compare(table, ours, theirs, columns=columns, key=key)
    published = sorted({*scope.chosen, *scope.behind})
    yield snapshots.snapshots(lake, made, published, scope.chosen)


def _of_table(lake: Lake, settings: Settings, scope: Scope, made: Lake, table: Table) -> Compared:
    if table.name == tables.FUSED_VECTORS:
        return vectors.fused(lake, made)
    if table.name.endswith("/vectors"):
        modality = table.name.split("/")[1]
        return vectors.vectors(lake, made, modality, _precision(settings, modality))
    parts = []
    for where, rows in _parts(lake, settings, scope, made, table):
        ours, theirs = (each.scan(table.name).filter(rows).collect() for each in (made, lake))
        if table.name == tables.FUSED_SPACES:  # those of earlier statistics stay
            theirs = theirs.join(ours, on="space", how="semi")
        parts.append(compare(table.name, ours, theirs, columns=_told(table.name), where=where))
    kept = scope.kept.get(table.name, [])
    shown = f"{', '.join(kept[:3])}{', …' if len(kept) > 3 else ''}"
    return together(parts, f"the newest delivery of {shown} was refused: its earlier rows are given" if kept else "")


def _precision(settings: Settings, modality: str) -> str:
    return settings.embeddings[modality].precision  # type: ignore[index]


def _parts(lake: Lake, settings: Settings, scope: Scope, made: Lake, table: Table) -> Iterator[tuple[str, pl.Expr]]:
    """A table in parts that fit the memory, each as a condition for SQL and for Polars: periods, or ranges of keys."""
    wanted = scope.chosen if table.owner.startswith(ANSWERS) else periods.keys(settings.calendar)
    if "period" in table.partition_by:
        yield from ((f"t.period = '{period}'", pl.col("period") == period) for period in wanted)
    elif "period" in table.columns:
        yield "", pl.col("period").is_in([WHOLE, *wanted])
    elif table.heavy and made.rows(table.name):
        [key] = table.key
        held = pl.concat([each.scan(table.name).select(key) for each in (lake, made)]).collect()[key]
        for some in vectors.slices(held):
            yield "", pl.col(key).is_between(pl.lit(some["key"][0]), pl.lit(some["key"][-1]))
    else:
        yield "", pl.lit(value=True)


def _told(table: str) -> list[str]:
    """The columns that are compared: all but those of a run, and where a row came from."""
    return [c.name for c in tables.contract(table).columns_ if c.name not in _OF_A_RUN and not c.provenance]


def _newest(rows: pl.LazyFrame) -> pl.DataFrame:
    """The newest rows of each asset's period. A snapshot's build counts tables, and its name is compared elsewhere."""
    return ledger.newest_rows(rows.filter(pl.col("asset") != SNAPSHOT), "asset", "period").collect()


def _made_of_others(lake: Lake, made: Lake, asset: str) -> bool:
    """Whether the lake's newest builds of an asset have other stage keys than the rebuilt ones."""
    theirs = ledger.newest(lake, asset)
    return any(
        period not in theirs or theirs[period].stage_key != build.stage_key
        for period, build in ledger.newest(made, asset).items()
    )


def _changed(outcome: Compared) -> MmrecError:
    row = ", ".join(f"{name} {value}" for name, value in outcome.first.key.items()) if outcome.first else ""
    return MmrecError(
        f"the sources have changed since the last run: {outcome.table} would differ in {outcome.differing} rows, first "
        f"in {row}; type `mmrec run` first"
    )
