"""Runs beside each other: which of the planned keys another run has stored meanwhile."""

from __future__ import annotations

import polars as pl

from mmrec.lake.store import Lake


class Others:
    """Looks for planned keys that another run has stored since the plan; only into new files, and only of others."""

    def __init__(self, lake: Lake, table: str, planned: pl.DataFrame) -> None:
        self.lake, self.table, self.planned = lake, table, planned.lazy().select("key")
        self.seen = lake.reads.get(table, -1)  # up to this version everything is known
        self.own: set[str] = set()
        self.moved = True  # whether somebody else may have written since

    def wrote(self, named: list[str], version: int) -> None:
        """This run has stored keys, and that made the table's `version`."""
        self.own.update(named)
        self.moved = self.moved or version != self.seen + 1
        self.seen = self.seen if self.moved else version

    def stored(self) -> set[str]:
        """Keys that another run has stored; one of this run's own only if it stands there twice."""
        version = self.lake.version(self.table) if self.moved else None
        self.moved = False
        if version is None or version == self.seen:
            return set()
        rows = self.lake.added(self.table, self.seen if self.seen >= 0 else None)
        counts = rows.join(self.planned, on="key", how="semi").select("key").collect()["key"].value_counts()
        self.seen = version
        return {key for key, count in counts.iter_rows() if count > (key in self.own)}
