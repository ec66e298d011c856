"""raw/items and raw/users: the catalogue and the profiles as delivered, each landed whole or not at all."""

from __future__ import annotations

from typing import Any

import polars as pl

from mmrec import tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, StageReport
from mmrec.builds.stage import Made, StageRun
from mmrec.ingest import sources
from mmrec.keys import file_hash
from mmrec.lake.store import Lake
from mmrec.quality import rules
from mmrec.settings import Items, Settings, Users


def items(lake: Lake, settings: Settings) -> StageReport:
    """The catalogue as delivered, from every catalogue file."""
    return _deliver(lake, settings, tables.RAW_ITEMS, items_keys(lake, settings))


def users(lake: Lake, settings: Settings) -> StageReport:
    """The profiles as delivered, from every profile file; their text only where the person's consent says yes."""
    return _deliver(lake, settings, tables.RAW_USERS, users_keys(lake, settings))


def items_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The catalogue's stage key, from the files as they are."""
    return _delivered_key(lake, settings, tables.RAW_ITEMS)


def users_keys(lake: Lake, settings: Settings) -> dict[str, str]:
    """The profiles' stage key, from the files as they are."""
    return _delivered_key(lake, settings, tables.RAW_USERS)


def ahead(lake: Lake, settings: Settings, table: str) -> tuple[pl.DataFrame, list[str]]:
    """What raw/items or raw/users is about to be, and why it stays as it is: the files that are refused now."""
    rows, refused = _as_delivered(settings, table)
    return (lake.scan(table).collect() if refused else rows), refused


def _deliver(lake: Lake, settings: Settings, table: str, keys: dict[str, str]) -> StageReport:
    """Lands an unpartitioned table of the sources whole; a refused file leaves the rows that had landed."""
    run = StageRun(lake, table)
    files = _files_of(settings, table)
    if run.begin(keys):
        rows, refused = _as_delivered(settings, table)
        if refused:
            return run.problem("; ".join(refused))
        run.publish({WHOLE: Made(rows, work=rows.height)})
    return run.report(facts={"files": len(files)})


def _delivered_key(lake: Lake, settings: Settings, table: str) -> dict[str, str]:
    hashes = {file: file_hash(settings.data / file) for file in _files_of(settings, table)}
    return {WHOLE: ledger.stage_key(lake.code_version, {"columns": _columns_of(settings, table)}, hashes)}


def _section(settings: Settings, table: str) -> Items | Users:
    section = settings.users if table == tables.RAW_USERS else settings.items
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
    if table == tables.RAW_USERS:
        rows = rows.with_columns(text=pl.when(rules.consent("consent") == "yes").then("text"))
    return rows, refused
