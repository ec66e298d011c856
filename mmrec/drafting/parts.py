"""Which source holds the events, which the catalogue, which the people.

Names come first; where they do not tell, the events' item column is the one whose values are ids of the catalogue. Not
here: how one source's columns are told apart (`mmrec/drafting/roles.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from mmrec.drafting import ids
from mmrec.drafting.columns import Column
from mmrec.drafting.names import fit
from mmrec.drafting.roles import Choice, catalogue_id, is_bare, propose, time_of, title_of, user_of, would_do
from mmrec.drafting.samples import Source

_SHARED = 0.5  # of a column's different values are ids of the catalogue, where its name alone does not tell
_NAMED = 0.6  # what a name weighs against that share: two names more than any share, one less than a whole one
_NEEDED = ("user_id", "item_id", "time", "title")
_TRIED = 6  # of the biggest sources, where names tell nothing


@dataclass(frozen=True)
class Table:
    """A source in its part: the chosen columns by role, and those that are somebody's words (`text`)."""

    source: Source
    chosen: dict[str, Choice]
    text: tuple[Column, ...] = ()

    @property
    def taken(self) -> list[Column]:
        """The columns that have a role."""
        return [*(choice.column for choice in self.chosen.values()), *self.text]

    def column(self, role: str) -> Column:
        """The column that was chosen for a role."""
        return self.chosen[role].column

    def also(self, *roles: str) -> Table:
        """With those of these roles that one of the other columns is named for.

        A column that some files lack is taken only where there is no doing without: the others would be refused.
        """
        table = self
        for role in roles:
            columns = table.source.columns if role in _NEEDED else table.source.shared
            if found := propose(columns, role, table.taken):
                table = replace(table, chosen={**table.chosen, role: found})
        return table

    @property
    def unused(self) -> list[str]:
        """The columns that have no role, by name."""
        taken = {column.name for column in self.taken}
        return [name for name in (*self.source.rows.columns, *self.source.left_out) if name not in taken]


@dataclass(frozen=True)
class Parts:
    """What the sources are; None where no source is it. `left` are the sources that have no part."""

    events: Table | None
    catalogue: Table | None
    people: Table | None
    left: list[Source]


def assign(sources: Sequence[Source]) -> Parts:
    """Gives every source its part. Without both events and a catalogue nobody gets one, except by name."""
    filled = sorted((source for source in sources if source.rows.height), key=lambda each: -each.row_count)
    events = [found for each in filled if (found := _events(each))]
    catalogues = [found for each in filled if (found := _catalogue(each))]
    tried = product(_sources(events) or filled[:_TRIED], _sources(catalogues) or filled[:_TRIED])
    pairs = [pair for one, other in tried if one is not other and (pair := _pair(one, other))]
    if not pairs:
        event = next(iter(events), None)
        others = (each for each in catalogues if event is None or each.source is not event.source)
        return Parts(event, next(others, None), None, filled)
    event, catalogue = max(pairs, key=_likely)
    rest = [each for each in filled if each is not event.source and each is not catalogue.source]
    people = next((found for each in rest if (found := _people(each, event.column("user_id")))), None)
    left = [each for each in rest if people is None or each is not people.source]
    events_ = _with_values(_with_types(event)).also("query", "review")
    return Parts(events_, catalogue.also("categories"), people, left)


def _with_types(events: Table) -> Table:
    """With the column of types, unless it holds people's ids: types are settings, and written down."""
    found = events.also("event")
    named = "event" in found.chosen and _share(found.column("event"), found.column("user_id"))
    return events if named else found


def _with_values(events: Table) -> Table:
    """With the column of values: a rating, or else an amount."""
    found = events.also("value")
    if "value" in found.chosen or not (amount := propose(events.source.shared, "amount", events.taken)):
        return found
    return replace(events, chosen={**events.chosen, "value": amount})


def _sources(tables: Sequence[Table]) -> list[Source]:
    return [table.source for table in tables]


def _events(source: Source) -> Table | None:
    """A source whose names say who, what and when."""
    found = Table(source, {}).also("time", "user_id", "item_id")
    return found if len(found.chosen) == 3 else None


def _catalogue(source: Source) -> Table | None:
    """A source that names each item once and has a title for it."""
    item = catalogue_id(source.columns)
    found = Table(source, {"item_id": item}).also("title") if item else None
    return found if found and "title" in found.chosen else None


def _people(source: Source, user: Column) -> Table | None:
    """A source with one row a person, and something to know of it: its words, or whether they may be used."""
    unique = [column for column in source.columns if column.is_unique]
    known = [Choice(each, "the events name its values") for each in unique if _share(user, each) >= _SHARED]
    who = propose(unique, "user_id") or next(iter(known), None)
    if who is None:
        return None
    found = Table(source, {"user_id": who}).also("consent")
    about = [each for each in source.columns if each not in found.taken and propose([each], "about")]
    return replace(found, text=tuple(about)) if about or "consent" in found.chosen else None


def _pair(events: Source, catalogue: Source) -> tuple[Table, Table] | None:
    """Two sources as events and catalogue: by their names, and where these do not tell by the ids that they share."""
    when = time_of(events.columns)
    named = propose(events.columns, "user_id", [when.column]) if when else None
    both = _ids(events, catalogue, [each.column for each in (when, named) if each])
    if when is None or both is None:
        return None
    item, known = both
    who = named or user_of(events.columns, [when.column, item.column])
    title = title_of(catalogue.columns, [known.column])
    if who is None or title is None or (not named and _share(who.column, known.column) > _SHARED):
        return None  # without a name to tell, either column could be the items'
    chosen = {"user_id": who, "item_id": item, "time": when}
    return Table(events, chosen), Table(catalogue, {"item_id": known, "title": title})


def _ids(events: Source, catalogue: Source, taken: list[Column]) -> tuple[Choice, Choice] | None:
    """The events' item column and the catalogue's id: what is named so, and of these the two that share most."""
    known = catalogue_id(catalogue.columns)
    mine = [each for each in events.columns if each not in taken and (_is_named(each) or is_bare(each))]
    theirs = [each for each in catalogue.columns if each.is_unique and (is_bare(each) or _is(known, each))]

    def likely(two: tuple[Column, Column]) -> float:
        return _share(*two) + _NAMED * (_is_named(two[0]) + _is(known, two[1]))

    best = max(product(mine, theirs), key=likely, default=None)
    if best is None or likely(best) < min(2 * _NAMED, _SHARED + _NAMED * (_is_named(best[0]) + _is(known, best[1]))):
        return None
    equal = [each.name for each in mine if each is not best[0] and likely((each, best[1])) == likely(best)]
    told, is_doubtful = ids.told(*best)
    item = Choice(best[0], told, would_do(equal), is_doubtful)
    return item, known if known and _is(known, best[1]) else Choice(best[1], "the events name its values")


def _is_named(column: Column) -> bool:
    return bool(fit(column.name, "item_id")[0])


def _is(choice: Choice | None, column: Column) -> bool:
    return choice is not None and choice.column is column


def _share(one: Column, other: Column) -> float:
    """Of a column's different values, those that another one holds."""
    mine = one.values.unique()
    return float(mine.is_in(other.values.unique().implode()).sum()) / max(mine.len(), 1)


def _likely(pair: tuple[Table, Table]) -> tuple[bool, float, int]:
    """Events meet an item again and again, name ids of the catalogue, and are many."""
    item, known = (table.column("item_id") for table in pair)
    return (not item.is_unique, _share(item, known), pair[0].source.row_count)
