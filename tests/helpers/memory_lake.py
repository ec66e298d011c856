"""A dictionary behind the lake's verbs: for tests that run thousands of stages and need no files.

The lake's own contract tests run against both, so that they agree. A table is its states, one a version; a state is
frames, as a Delta table is files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.files import of_periods
from mmrec.lake.keyed import prefix
from mmrec.lake.store import Lake

State = tuple[pl.DataFrame, ...]


@dataclass(frozen=True)
class MemoryLake(Lake):
    """See `mmrec.lake.store.Lake`. Copies of it (`acting_as`, `pinned`) share the tables."""

    states: dict[str, list[State]] = field(default_factory=dict)

    def exists(self, table):
        return table in self.states

    def version(self, table):
        return len(self.states[table]) - 1 if table in self.states else None

    def rows(self, table):
        return self._rows(table).height

    def scan(self, table, version=None, *, periods=None):
        if version is None and table in self.shown:
            return of_periods(self.shown[table], periods)
        pin = version if version is not None else self.reads.get(table, self.version(table))
        if version is None and pin is not None:
            self.reads.setdefault(table, pin)
        return of_periods(self._rows(table, pin).lazy(), periods)

    def _sealed(self, table):
        return self.scan(table)

    def added(self, table, since):
        known = set() if since is None else set(map(id, self._state(table, since)))
        return self._whole(table, [frame for frame in self._state(table) if id(frame) not in known]).lazy()

    def keyed(self, table):
        return KeyedFrame(self._rows(table, self.reads.get(table)))

    def append(self, table, rows):
        frame = tables.contract(table).conform(rows)
        return self._change(table, lambda state: (*state, frame))

    def replace(self, table, rows, where: Mapping[str, Sequence[str]] | None = None):
        frame = tables.contract(table).conform(rows)
        if where is not None:
            self._make(table)
        return self._change(table, lambda state: (*_without(state, where), frame))

    def merge(self, table, rows, on, removed=None):
        contract = tables.contract(table)
        frame = contract.conform(rows)
        gone = contract.empty() if removed is None else contract.conform(removed, partial=True)
        named = pl.concat([frame, gone]).select(on)
        self._make(table)
        return self._change(table, lambda state: (self._whole(table, state).join(named, on=on, how="anti"), frame))

    def counts(self, table):
        rows = self.pinned({}).scan(table).collect()
        if "period" in tables.contract(table).partition_by:
            return dict(rows["period"].value_counts().iter_rows())
        return {"": rows.height}

    def compact(self, table):
        return self._change(table, lambda state: (self._whole(table, state),)) if table in self.states else None

    def _make(self, table):
        if table not in self.states:
            self.append(table, tables.contract(table).empty())

    def _change(self, table, changed) -> int:
        def attempt():
            state = changed(self._state(table))
            self.states.setdefault(table, []).append(state)

        return self._commit(table, attempt)

    def _state(self, table, version=None) -> State:
        states = self.states.get(table, [()])
        if version is not None and not version < len(states):
            raise MmrecError(f"version {version} of {table} is not there")
        return states[-1 if version is None else version]

    def _rows(self, table, version=None):
        return self._whole(table, self._state(table, version))

    def _whole(self, table, frames):
        if len(frames) == 1:
            return frames[0]
        return pl.concat(frames) if frames else tables.contract(table).empty()


@dataclass(frozen=True)
class KeyedFrame:
    """See `mmrec.lake.keyed.Keyed`, of a frame."""

    frame: pl.DataFrame

    @property
    def prefixes(self):
        return self.frame.select(prefix(pl.col("key"))).to_series()

    def places(self, keys):
        return self.frame["key"].is_in(keys.implode()).arg_true().to_numpy()

    def at(self, places, columns=None):
        return self.frame[places.tolist()].select(columns or self.frame.columns)

    def stored(self, keys):
        return keys.unique().filter(keys.unique().is_in(self.frame["key"].implode()))

    def rows(self, keys):
        found = self.frame.join(keys.to_frame("key"), on="key", how="semi")
        return found.unique("key", keep="any").sort("key")


def _without(state: State, where) -> State:
    if where is None:
        return ()
    named = pl.all_horizontal(pl.lit(value=True), *[pl.col(name).is_in(list(values)) for name, values in where.items()])
    kept = [(frame, frame.filter(~named)) for frame in state]
    return tuple(frame if frame.height == left.height else left for frame, left in kept)
