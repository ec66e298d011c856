"""What a published snapshot promises: that its pins can be read, belong together, and show what is there today.

Here: the newest snapshot of each period, asked at its pins. Not here: publishing (`mmrec/stages/recommendations`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from mmrec import tables
from mmrec.builds.ledger import newest_rows
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.verification.comparing import Compared, compare
from mmrec.verification.inputs import Wrong, checked


def snapshots(lake: Lake, rebuilt: Lake, published: Sequence[str], chosen: Sequence[str]) -> Compared:
    """Each period's newest snapshot: its pins can be read and belong together; the chosen periods' is today's."""
    rows = lake.scan(tables.SNAPSHOTS).filter(pl.col("period").is_in(published))
    newest = newest_rows(rows, "period").sort("period", "table").collect()
    today = dict(rebuilt.scan(tables.SNAPSHOTS).select("period", "snapshot").unique().collect().iter_rows())
    unread = _unread(lake, newest)
    wrong: list[Wrong] = []
    for (period, name), pinned in newest.group_by("period", "snapshot", maintain_order=True):
        key, pins = {"snapshot": name, "period": period}, dict(pinned.select("table", "version").iter_rows())
        if period in chosen and today.get(str(period)) != name:
            wrong.append((key, "snapshot", today.get(str(period)), name))
        gone = [(table, told) for (table, version), told in unread.items() if pins.get(table) == version]
        wrong += [({**key, "table": table}, f"version {pins[table]}", "can be read", told) for table, told in gone]
        if not gone:
            wrong += [(key, what, 0, count) for what, count in _apart(lake.pinned(pins), str(period)) if count]
        if not gone and period in chosen:
            wrong += [(key, table, "the rows of today", "others") for table in _others(lake, str(period), pins)]
    return checked(tables.SNAPSHOTS, newest.drop("at", "run_id"), wrong, "its pins can be read and belong together")


def _unread(lake: Lake, pins: pl.DataFrame) -> dict[tuple[str, int], str]:
    """(table, version) → why that version cannot be read any more."""
    found = {}
    for table, version in pins.select("table", "version").unique().sort(pl.all()).iter_rows():
        try:
            lake.scan(table, version).select(pl.len()).collect()
        except MmrecError as error:
            found[table, version] = str(error)
        except (OSError, pl.exceptions.PolarsError):
            found[table, version] = "a file of it is gone or damaged"
    return found


def _apart(pinned: Lake, period: str) -> list[tuple[str, int]]:
    """What must be 0 of the tables at their pins, and what it is."""
    queries = [f"SELECT '{what}', count(*) FROM {of.format(period=period)}" for what, of in _APART.items()]
    return pinned.sql(" UNION ALL ".join(queries)).rows()


_APART = {
    "recommended items of a person without a factor": """recommendations.top_k t WHERE t.period = '{period}'
        AND NOT EXISTS (FROM model.users u WHERE u.period = t.period AND u.user_id = t.user_id)""",
    "recommended items without a reason": """recommendations.top_k t WHERE t.period = '{period}' AND NOT EXISTS (
        FROM recommendations.reasons r
        WHERE r.period = t.period AND r.user_id = t.user_id AND r.rank = t.rank AND r.item_id = t.item_id)""",
    "reasons of an item that is not recommended": """recommendations.reasons r WHERE r.period = '{period}'
        AND NOT EXISTS (FROM recommendations.top_k t
        WHERE r.period = t.period AND r.user_id = t.user_id AND r.rank = t.rank AND r.item_id = t.item_id)""",
    "recommended items that the catalogue has not": """recommendations.top_k t WHERE t.period = '{period}'
        AND NOT EXISTS (FROM validated.items i WHERE i.item_id = t.item_id)""",
    "factors of an unknown item-factor version": """model.users u WHERE u.period = '{period}'
        AND NOT EXISTS (FROM model.versions v WHERE v.version = u.version)""",
    "item-factor versions without arrays": """model.versions v
        WHERE NOT EXISTS (FROM model.arrays a WHERE a.version = v.version)""",
    "items without a fused row": """validated.items i
        WHERE NOT EXISTS (FROM fused.current f WHERE f.item_id = i.item_id)""",
    "neighbours without a fused row": """recommendations.similar_items s
        WHERE NOT EXISTS (FROM fused.current f WHERE f.item_id = s.neighbour)""",
}


def _others(lake: Lake, period: str, pins: Mapping[str, int]) -> Iterator[str]:
    """The tables whose rows of a period are other ones at their pin than they are now."""
    for table in (tables.TOP_K, tables.REASONS, tables.MODEL_USERS, tables.EVALUATION):
        then, now = lake.scan(table, pins[table], periods=[period]), lake.scan(table, periods=[period])
        shown = [name for name in tables.contract(table).columns if name not in _MADE_OF]
        if pins[table] != lake.reads[table] and not compare(table, then.collect(), now.collect(), columns=shown).equal:
            yield table


_MADE_OF = ("state", "checksum")  # names what a row was made of: another under new code that makes the same row
