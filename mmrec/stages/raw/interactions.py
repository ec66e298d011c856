"""raw/interactions: event files as they lie there, and the ledger of what landed.

A row whose time cannot be used stays, in the newest period that its file touches; a file that touches none is refused
whole, by name. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mmrec import periods, tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, Check, PeriodReport, StageReport
from mmrec.builds.stage import StageRun, by_period
from mmrec.ingest import sources
from mmrec.ingest.landing import Landed, emptiness, from_ledger, ledger_rows, of_events, read_events, reading
from mmrec.keys import canonical_digest
from mmrec.lake.store import Lake
from mmrec.settings import Settings

FILES_READABLE = "files_readable"  # the blocking check of raw/interactions


def interactions(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Lands the event files and writes the rows of the wanted periods; the ledger is rewritten for every file."""
    run = StageRun(lake, tables.RAW_INTERACTIONS)
    landed = _land(lake, settings)
    run.begin({period: _period_key(lake, settings, landed, period) for period in wanted})
    run.hold(held_periods(lake, landed, list(run.stale)))
    run.publish(by_period(rows_of(settings, landed, list(run.stale))))
    refused = refusals(landed)
    lines = [each.lines for each in landed if each.lines]
    return run.report(
        facts={
            "files": len(landed),
            "files_refused": len(refused),
            **{f"lines_{name}": sum(getattr(each, name) for each in lines) for name in ("total", "rejected", "blank")},
            "rows_with_day_only": sum(each.day_only for each in landed),
            "rows_with_clock_skipped": sum(each.clock_skipped for each in landed),
        },
        tables={"landed files": ledger_rows(settings, landed).drop("ctime_ns", "sha256", "reading")},
        checks=[_readable(len(landed), refused)],
        warnings=_empty_periods(lake, settings, landed),
        problem="; ".join(refused) if refused else None,
    )


def interactions_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys by period, from the files as they are; nothing is written."""
    landed = landed_files(lake, settings)
    return {period: _period_key(lake, settings, landed, period) for period in wanted}


def refusals(landed: list[Landed]) -> list[str]:
    """The event files that are refused, each with the reason."""
    return [f"{each.file} {each.refused}" for each in landed if each.refused]


def _event_files(settings: Settings) -> list[str]:
    return sources.find(settings.data, settings.interactions.files, "interactions.files")


def landed_files(lake: Lake, settings: Settings) -> list[Landed]:
    """Every event file as it is now, read again only when its bytes are not those in the ledger."""
    same = lake.scan(tables.LANDING).filter(pl.col("reading") == canonical_digest(reading(settings))).collect()
    known = {str(file): from_ledger(rows) for (file,), rows in same.group_by("file")}
    return [_read_landed(settings, file, known.get(file)) for file in _event_files(settings)]


def _land(lake: Lake, settings: Settings) -> list[Landed]:
    """The event files as they are now; the ledger is rewritten where anything differs."""
    landed = landed_files(lake, settings)
    frame = ledger_rows(settings, landed)
    if not lake.exists(tables.LANDING) or not frame.equals(lake.scan(tables.LANDING).sort("file", "period").collect()):
        lake.replace(tables.LANDING, frame)
    return landed


def _read_landed(settings: Settings, file: str, known: Landed | None) -> Landed:
    try:
        with (settings.data / file).open("rb") as opened:
            stat = sources.stat(opened, known.stat if known else None)
    except OSError as error:
        return Landed(file, sources.Stat(0, 0, ""), {}, f"cannot be read: {error.strerror}")
    last = periods.newest(settings.calendar)
    settled = known is not None and known.lines and not known.beyond and max(known.rows, default="") <= last
    if known and known.stat.sha256 == stat.sha256 and settled:
        return replace(known, stat=stat)
    try:
        return of_events(file, stat, read_events(settings, file))
    except sources.RefusedFile as error:
        return Landed(file, stat, {}, str(error))


def _empty_periods(lake: Lake, settings: Settings, landed: list[Landed]) -> list[str]:
    """Warnings about periods of the whole calendar that have no event; what had landed of a refused file counts."""
    touched = {period for each in landed for period in each.rows}
    if refusals(landed):
        touched |= held_periods(lake, landed, periods.keys(settings.calendar)).keys()
    return emptiness(settings.calendar, touched)


def held_periods(lake: Lake, landed: list[Landed], wanted: list[str]) -> dict[str, PeriodReport]:
    """The periods with rows of a file that is refused now: a broken delivery does not take back what had landed."""
    files = [each.file for each in landed if each.refused]
    rows = lake.scan(tables.RAW_INTERACTIONS).filter(
        pl.col("period").is_in(wanted) & pl.col("source_file").is_in(files)
    )
    known = ledger.newest(lake, tables.RAW_INTERACTIONS)
    return {
        period: PeriodReport(
            known[period].rows,
            known[period].data_version,
            refused=f"{file} is refused now; the {known[period].rows} rows that had landed stay",
        )
        for period, file in rows.select("period", "source_file").unique("period").collect().iter_rows()
        if period in known
    }


def _period_key(lake: Lake, settings: Settings, landed: list[Landed], period: str) -> str:
    touching = {each.file: f"{each.stat.sha256}:{each.rows[period]}" for each in landed if period in each.rows}
    return ledger.stage_key(lake.code_version, reading(settings), touching)


def rows_of(settings: Settings, landed: list[Landed], wanted: list[str]) -> pl.DataFrame:
    """The rows of these periods, of every file that touches one."""
    contract = tables.contract(tables.RAW_INTERACTIONS)
    files = [each.file for each in landed if set(wanted) & set(each.rows)]
    frames = [read_events(settings, file).rows.filter(pl.col("period").is_in(wanted)) for file in files]
    return pl.concat([contract.empty(), *[contract.conform(frame) for frame in frames]])


def _readable(files: int, refused: list[str]) -> Check:
    return Check(
        FILES_READABLE,
        WHOLE,
        blocking=True,
        passed=not refused,
        expected="every file has the mapped columns and, if it has rows, a usable time",
        found=f"{len(refused)} of {files} files refused" + (f": {refused[0]}" if refused else ""),
    )
