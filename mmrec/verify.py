"""The oracle: everything is built again from nothing and held against the lake, table by table, to the last bit.

Incremental equals rebuilt, given the same named inputs (`mmrec/rebuild.py`). Not compared are where a row came from,
unless it is its key, and which run wrote it when. Vectors that another kind of device computed are compared by cosine,
and what lies behind them is rebuilt from the stored ones. Here: which periods, in which order, and what each table is
compared by. Not here: rebuilding, comparing (`mmrec/comparison.py`), and what is checked by digests that the lake holds
itself (`mmrec/integrity.py`). Nothing is written to the lake.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import polars as pl

from mmrec import builds, contracts, integrity, periods, pins, publishing, reencoded, tables
from mmrec import plan as planning
from mmrec.comparison import Compared, compare, together
from mmrec.errors import MmrecError
from mmrec.graph import Node, nodes
from mmrec.lake import Lake
from mmrec.rebuild import ANSWERS, GIVEN, Kept, beside, kept, rebuild
from mmrec.report import WHOLE
from mmrec.settings import Settings
from mmrec.tables import Table

LANDING, REJECTED, SNAPSHOT = "ledger/landing", "validated/rejected", "recommendations/snapshot"
_OF_A_RUN = {"run_id", "at", "mtime_ns"}  # which run wrote a row and when, and a clock beside the bytes


@dataclass(frozen=True)
class Scope:
    """Of model and recommendations the `chosen` periods are compared. `behind` are published ones that are left out."""

    chosen: list[str]
    behind: list[str]
    kept: Kept


def scope(lake: Lake, settings: Settings, period: str | None = None, last: int | None = None) -> Scope:
    """The published periods, or the one that is named, or the `last` ones of those (up to the named one).

    Raises where a run would have work: then the lake is not what a rebuild from today's sources gives, and nothing is
    wrong with it. Periods that were published from earlier inputs and not chosen by name are left out.
    """
    known = set(lake.scan("ledger/snapshots").select(pl.col("period").unique()).collect()["period"])
    published = [each for each in periods.keys(settings.calendar) if each in known]
    if not published:
        raise MmrecError("nothing is published yet, so there is nothing to verify; type `mmrec run`")
    if period is not None and period not in published:
        raise MmrecError(f"period {period} is not published; published are: {', '.join(published)}")
    count = last or (1 if period else len(published))
    wanted = [each for each in published if period is None or each <= period][-count:]
    stale = _behind(lake, settings, wanted)
    current = [each for each in wanted if each not in stale]
    chosen = wanted if period or last or not current else current
    found = kept(lake)
    work = planning.plan(lake, settings, chosen).rows
    if work and not found.by_asset:  # a refused delivery is judged again by every run, so it is always planned
        told = ", ".join(dict.fromkeys(f"{row.asset} ({row.reason})" for row in work))
        raise MmrecError(
            f"the sources, the settings or the code have changed since the last run: {told}; `mmrec plan` says more, "
            f"`mmrec run` brings the lake up to date, then it can be verified"
        )
    return Scope(chosen, sorted(set(published) - set(chosen)), found)


def verify(
    lake: Lake, settings: Settings, scope: Scope, *, stored_vectors: bool = False
) -> Generator[Compared, None, None]:
    """Rebuilds beside the lake and gives each table's outcome as soon as it stands. The lake is read as it is now."""
    reader = lake.pinned({name: v for name in tables.names() if (v := lake.version(name)) is not None})
    with beside(reader) as rebuilt:
        for node in rebuild(reader, settings, scope.chosen, rebuilt, stored_vectors=stored_vectors):
            yield from of_node(reader, settings, scope, rebuilt, node)
            if node.stage == "embeddings":
                reencoded.take_stored(reader, rebuilt.pinned({}), node.name)
        yield from of_ledgers(reader, settings, scope, rebuilt)


def of_node(lake: Lake, settings: Settings, scope: Scope, rebuilt: Lake, node: Node) -> Iterator[Compared]:
    """The tables of one asset, once it is rebuilt. Raises where a source has changed since the last run."""
    made = rebuilt.pinned({})
    for table in tables.owned_by(node.asset):
        if table.name in GIVEN or (table.name.startswith("ledger/") and table.name != LANDING):
            continue
        outcome = _of_table(lake, settings, scope, made, table)
        if not outcome.equal and _made_of_others(lake, made, node.asset):
            if node.stage == "raw":
                raise _changed(outcome)
            outcome = replace(outcome, note="made of other inputs or settings; `mmrec run` makes it again")
        yield outcome
    if node.asset == "fused/items":
        yield integrity.statistics(lake)
    if node.asset == "model/factors":
        yield from integrity.versions(lake)


def of_ledgers(lake: Lake, settings: Settings, scope: Scope, rebuilt: Lake) -> Iterator[Compared]:
    """What belongs to several assets: rejected rows, the outcomes of checks, builds without their runs, snapshots."""
    made = rebuilt.pinned({})
    mine = pl.col("table").is_in([node.name for node in nodes(settings) if node.stage == "validated"])
    mine &= pl.col("period").is_in([WHOLE, *periods.keys(settings.calendar)])
    yield compare(REJECTED, made.scan(REJECTED).collect(), lake.scan(REJECTED).filter(mine).collect())
    for ledger, key, columns in (
        (contracts.LEDGER, ["asset", "period", "verdict", "check"], _told(contracts.LEDGER)),
        (builds.LEDGER, ["asset", "period"], ["data_version", "rows"]),
    ):
        ours, theirs = (_newest(each.scan(ledger)) for each in (made, lake))
        theirs = theirs.join(ours.select("asset", "period").unique(), on=["asset", "period"], how="semi")
        yield compare(ledger, ours, theirs, columns=columns, key=key)
    published = sorted({*scope.chosen, *scope.behind})
    yield pins.snapshots(lake, made, published, scope.chosen)


def _of_table(lake: Lake, settings: Settings, scope: Scope, made: Lake, table: Table) -> Compared:
    if table.name.endswith("/vectors"):
        return reencoded.vectors(lake, made, table.name.split("/")[1])
    parts = []
    for where, rows in _parts(lake, settings, scope, made, table):
        ours, theirs = (each.scan(table.name).filter(rows).collect() for each in (made, lake))
        if table.name == "fused/spaces":  # those of earlier statistics stay
            theirs = theirs.join(ours, on="space", how="semi")
        parts.append(compare(table.name, ours, theirs, columns=_told(table.name), where=where))
    count = len(scope.kept.by_asset.get(table.name, []))
    kept = f"{count} periods whose newest delivery was refused were given to the rebuild" if count else ""
    return together(parts, kept)


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
        for some in reencoded.slices(held):
            yield "", pl.col(key).is_between(pl.lit(some["key"][0]), pl.lit(some["key"][-1]))
    else:
        yield "", pl.lit(value=True)


def _told(table: str) -> list[str]:
    """The columns that are compared: all but those of a run, and where a row came from."""
    return [c.name for c in tables.contract(table).columns_ if c.name not in _OF_A_RUN and not c.provenance]


def _newest(rows: pl.LazyFrame) -> pl.DataFrame:
    """The newest rows of each asset's period. A snapshot's build counts tables, and its name is compared elsewhere."""
    rows = rows.filter(pl.col("asset") != SNAPSHOT)
    return rows.filter(pl.col("at") == pl.col("at").max().over("asset", "period")).collect()


def _behind(lake: Lake, settings: Settings, wanted: list[str]) -> set[str]:
    """The periods of which some part would be made again from what is in the lake now."""
    stale: set[str] = set()
    for node in nodes(settings):
        if node.stage in ANSWERS and node.partitioned and node.asset != SNAPSHOT:
            acting = lake.acting_as(node.asset, node.code_version)
            stale |= set(wanted) - set(publishing.unchanged(acting, node.keys(acting, settings, wanted)))
    return stale


def _made_of_others(lake: Lake, made: Lake, asset: str) -> bool:
    """Whether the lake's newest builds of an asset have other stage keys than the rebuilt ones."""
    theirs = builds.newest(lake, asset)
    return any(
        period not in theirs or theirs[period].stage_key != build.stage_key
        for period, build in builds.newest(made, asset).items()
    )


def _changed(outcome: Compared) -> MmrecError:
    row = ", ".join(f"{name} {value}" for name, value in outcome.first.key.items()) if outcome.first else ""
    return MmrecError(
        f"the sources have changed since the last run: {outcome.table} would differ in {outcome.differing} rows, first "
        f"in {row}; type `mmrec run` first (a file whose bytes changed under an old modification time needs `touch`)"
    )
