"""raw: what was delivered, as delivered, with file and row; and the ledger of what landed.

Landed = what the source files hold. Nothing is judged here: a row whose time cannot be used stays, in the newest period
that its file touches, and a file that touches none is refused whole, by name.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from mmrec import periods, tables
from mmrec.builds import ledger, publishing
from mmrec.builds.report import WHOLE, Check, PeriodReport, StageReport
from mmrec.ingest import sources
from mmrec.ingest.landing import LANDING, Landed, emptiness, from_ledger, ledger_rows, of_events, read_events, reading
from mmrec.keys import canonical_digest, file_hash
from mmrec.lake.store import Lake
from mmrec.media.opening import BadMedia, open_regular, spelled_on_disk
from mmrec.modalities import FILES
from mmrec.quality import rules
from mmrec.settings import Items, Settings, Users

FILES_READABLE = "files_readable"  # the blocking check of raw/interactions


def interactions(lake: Lake, settings: Settings, wanted: list[str]) -> StageReport:
    """Lands the event files and writes the rows of the wanted periods; the ledger is rewritten for every file."""
    began = time.perf_counter()
    landed = _land(lake, settings)
    keys = {period: _period_key(lake, settings, landed, period) for period in wanted}
    reports = publishing.unchanged(lake, keys)
    stale = {period: key for period, key in keys.items() if period not in reports}
    held = held_periods(lake, landed, list(stale))
    stale = {period: key for period, key in stale.items() if period not in held}
    if stale:
        reports |= publishing.publish(lake, "raw/interactions", _rows_of(settings, landed, list(stale)), stale, began)
    reports |= held
    refused = refusals(landed)
    lines = [each.lines for each in landed if each.lines]
    return publishing.report(
        lake,
        "raw/interactions",
        reports,
        began,
        facts={
            "files": len(landed),
            "files_refused": len(refused),
            **{f"lines_{name}": sum(getattr(each, name) for each in lines) for name in ("total", "rejected", "blank")},
            "rows_with_day_only": sum(each.day_only for each in landed),
            "rows_with_clock_skipped": sum(each.clock_skipped for each in landed),
        },
        tables={"landed files": ledger_rows(settings, landed).drop("mtime_ns", "sha256", "reading")},
        checks=[_readable(len(landed), refused)],
        warnings=_empty_periods(lake, settings, landed),
        problem="; ".join(refused) if refused else None,
    )


def items(lake: Lake, settings: Settings) -> StageReport:
    """The catalogue as delivered, from every catalogue file."""
    return _deliver(lake, settings, "raw/items", items_keys(lake, settings))


def users(lake: Lake, settings: Settings) -> StageReport:
    """The profiles as delivered, from every profile file; their text only where the person's consent says yes."""
    return _deliver(lake, settings, "raw/users", users_keys(lake, settings))


def media(lake: Lake, settings: Settings) -> StageReport:
    """One row a file that the catalogue names; hashed again only when its size or modification time changed."""
    began = time.perf_counter()
    frame = named_media(lake, settings, lake.scan("raw/items"))
    keys = _media_keys(lake, frame)
    reports = publishing.unchanged(lake, keys) or publishing.publish(lake, "raw/media", frame, keys, began)
    broken = frame.filter(pl.col("problem").is_not_null())
    warnings = [f"{broken.height} of {frame.height} named files cannot be used"] if broken.height else []
    return publishing.report(
        lake,
        "raw/media",
        reports,
        began,
        facts={"size_bytes": int(frame["size_bytes"].sum() or 0), "files_unusable": broken.height},
        tables={"unusable files": broken.select("uri", "problem").head(5)},
        warnings=warnings,
    )


def interactions_keys(lake: Lake, settings: Settings, wanted: list[str]) -> dict[str, str]:
    """Stage keys by period, from the files as they are; nothing is written."""
    landed = landed_files(lake, settings)
    return {period: _period_key(lake, settings, landed, period) for period in wanted}


def items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The catalogue's stage key, from the files as they are."""
    return _delivered_key(lake, settings, "raw/items")


def users_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The profiles' stage key, from the files as they are."""
    return _delivered_key(lake, settings, "raw/users")


def media_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The stage key of the files that the catalogue names, as they are."""
    return _media_keys(lake, named_media(lake, settings, lake.scan("raw/items")))


def ahead(lake: Lake, settings: Settings, table: str) -> tuple[pl.DataFrame, list[str]]:
    """What raw/items or raw/users is about to be, and why it stays as it is: the files that are refused now."""
    rows, refused = _as_delivered(settings, table)
    return (lake.scan(table).collect() if refused else rows), refused


def refusals(landed: list[Landed]) -> list[str]:
    """The event files that are refused, each with the reason."""
    return [f"{each.file} {each.refused}" for each in landed if each.refused]


def people(settings: Settings) -> int:
    """How many different people the event files name now, refused files left out."""
    named: set[str] = set()
    for file in _event_files(settings):
        with contextlib.suppress(sources.RefusedFile):
            columns = settings.interactions.columns.model_dump(include={"user_id", "time"})
            frame = sources.read(settings.data, file, columns)
            named.update(frame["user_id"].drop_nulls().unique())
    return len(named)


def landed_digest(lake: Lake, settings: Settings) -> tuple[str | None, str]:
    """The newest period that any event file touches, and a digest of events, catalogue and media as they lie there."""
    landed = landed_files(lake, settings)
    touched = sorted({period for each in landed for period in each.rows})
    items, refused = ahead(lake, settings, "raw/items")
    about = [[each.file, each.stat.sha256] for each in landed] + [
        refused,
        items.rows(),
        named_media(lake, settings, items.lazy()).rows(),
    ]
    return (touched[-1] if touched else None), canonical_digest(about)


def _event_files(settings: Settings) -> list[str]:
    return sources.find(settings.data, settings.interactions.files, "interactions.files")


def landed_files(lake: Lake, settings: Settings) -> list[Landed]:
    """Every event file as it is now, read again only when its bytes are not those in the ledger."""
    same = lake.scan(LANDING).filter(pl.col("reading") == canonical_digest(reading(settings))).collect()
    known = {str(file): from_ledger(rows) for (file,), rows in same.group_by("file")}
    return [_read_landed(settings, file, known.get(file)) for file in _event_files(settings)]


def _land(lake: Lake, settings: Settings) -> list[Landed]:
    """The event files as they are now; the ledger is rewritten where anything differs."""
    landed = landed_files(lake, settings)
    frame = ledger_rows(settings, landed)
    if not lake.exists(LANDING) or not frame.equals(lake.scan(LANDING).sort("file", "period").collect()):
        lake.replace(LANDING, frame)
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
    rows = lake.scan("raw/interactions").filter(pl.col("period").is_in(wanted) & pl.col("source_file").is_in(files))
    known = ledger.newest(lake, "raw/interactions")
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


def _rows_of(settings: Settings, landed: list[Landed], wanted: list[str]) -> pl.DataFrame:
    contract = tables.contract("raw/interactions")
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


def _deliver(lake: Lake, settings: Settings, table: str, keys: dict[str, str]) -> StageReport:
    """Lands an unpartitioned table of the sources whole; a refused file leaves the rows that had landed."""
    began = time.perf_counter()
    reports = publishing.unchanged(lake, keys)
    files = _files_of(settings, table)
    if not reports:
        rows, refused = _as_delivered(settings, table)
        if refused:
            return publishing.problem(lake, "; ".join(refused), began)
        reports = publishing.publish(lake, table, rows, keys, began)
    return publishing.report(lake, table, reports, began, facts={"files": len(files)})


def _delivered_key(lake: Lake, settings: Settings, table: str) -> dict[str, str]:
    hashes = {file: file_hash(settings.data / file) for file in _files_of(settings, table)}
    return {WHOLE: ledger.stage_key(lake.code_version, {"columns": _columns_of(settings, table)}, hashes)}


def _section(settings: Settings, table: str) -> Items | Users:
    section = settings.users if table == "raw/users" else settings.items
    assert section is not None, "an asset without its section of the settings is not in the graph"
    return section


def _files_of(settings: Settings, table: str) -> list[str]:
    return sources.find(settings.data, _section(settings, table).files, f"{table.partition('/')[2]}.files")


def _columns_of(settings: Settings, table: str) -> dict[str, Any]:
    section = _section(settings, table)
    columns: dict[str, Any] = section.columns.model_dump()
    if isinstance(section, Items):
        columns |= {"text": columns["text"] or [columns["title"]], "attributes": section.attributes or None}
    return columns


def _as_delivered(settings: Settings, table: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows of every file that can be read, and why the others cannot."""
    contract = tables.contract(table)
    frames, refused = [contract.empty()], []
    for file in _files_of(settings, table):
        try:
            found = sources.read(settings.data, file, _columns_of(settings, table))
            sources.refuse_if_none_can_be_read(found)
            frames.append(contract.conform(found))
        except sources.RefusedFile as error:
            refused.append(f"{file} {error}")
    rows = pl.concat(frames)
    if table == "raw/users":
        rows = rows.with_columns(text=pl.when(rules.consent("consent") == "yes").then("text"))
    return rows, refused


def named_media(lake: Lake, settings: Settings, items: pl.LazyFrame) -> pl.DataFrame:
    """One row a file that the items name; hashed again only when its size or modification time changed."""
    named = [
        items.select(uri=pl.col(kind.name).str.strip_chars(), max_bytes=pl.lit(kind.max_bytes, dtype=pl.Int64))
        for kind in FILES
    ]
    of_all = pl.concat(named).filter(pl.col("uri") != "")
    files = of_all.group_by("uri").agg(pl.col("max_bytes").max()).sort("uri").collect()
    known = {
        row["uri"]: sources.Stat(row["size_bytes"], row["mtime_ns"], row["sha256"])
        for row in lake.scan("raw/media").filter(pl.col("sha256").is_not_null()).collect().iter_rows(named=True)
    }
    root = settings.media_root  # finding it costs as much as opening a file
    inside = cache(lambda folder: Path(os.path.realpath(folder)).is_relative_to(root))  # a link may lead elsewhere now
    rows = [_media_row(root, uri, max_bytes, known.get(uri), inside) for uri, max_bytes in files.iter_rows()]
    return pl.DataFrame(rows, schema=tables.contract("raw/media").schema, orient="row")


def _media_keys(lake: Lake, frame: pl.DataFrame) -> dict[str, str]:
    return {WHOLE: ledger.stage_key(lake.code_version, {}, {"files": canonical_digest(frame.rows())})}


def _media_row(
    root: Path, uri: str, max_bytes: int, known: sources.Stat | None, inside: Callable[[Path], bool]
) -> tuple[Any, ...]:
    """A file's row; one whose folder is still `inside` the root and that looks as it did is not opened again."""
    try:
        if known is not None and 0 < known.size_bytes <= max_bytes:
            is_exact = uri.isascii() or os.path.lexists(root / uri)
            place = root / uri if is_exact else spelled_on_disk(Path(uri), root)
            if place is not None and inside(place.parent) and sources.untouched(place, known):
                return (uri, known.size_bytes, known.mtime_ns, known.sha256, None)
        with open_regular(Path(uri), root, max_bytes) as opened:
            stat = sources.stat(opened, known)
    except BadMedia as error:
        return (uri, None, None, None, str(error))
    return (uri, stat.size_bytes, stat.mtime_ns, stat.sha256, None)
