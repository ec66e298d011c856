"""What must come of the shop of the settings matrix under a combination of settings, in plain Python.

By loops, dictionaries and `zoneinfo`: nothing of `mmrec` is used but its settings. Not here: which combinations there
are (`settings_table.py`), what is delivered (`plain_files.py`), and running the pipeline.
"""

import datetime as dt
import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property

from tests.helpers.plain_data import EVENTS, FILES, ITEMS, NAMES, PROFILES, YES
from tests.helpers.plain_files import PlainFiles, file_of, text_of


@dataclass(frozen=True)
class Row:
    """A delivered event as it should be judged."""

    file: str
    row: int
    period: str
    rule: str
    user: str | None
    item: str | None
    kind: str | None
    value: float | None
    time: dt.datetime | None
    query: str | None
    words: str | None

    @property
    def key(self):
        return self.user, self.item, self.kind, self.time, self.query


class PlainShop(PlainFiles):
    """The shop under one combination of settings: its files, and what should come of them."""

    # -- what must come of it ------------------------------------------------------------------------------------------

    @cached_property
    def landed(self):
        """Every event, in the order of files and rows, with the rule it breaks."""
        rows = []
        for file in range(FILES["events"]):
            mine = [event for event in EVENTS if event.file == file]
            times = [self._time(event) for event in mine]
            periods = [at and self._period(at) for at in times]
            newest = max(period for period in periods if period)
            for number, (event, at, period) in enumerate(zip(mine, times, periods, strict=True), 1):
                read = self._read(event, self.name("events", file), number, at if period else None)
                rows.append(replace(read, period=period or newest, rule=self._rule(event, read)))
        return _without_duplicates(sorted(rows, key=lambda row: (row.file, row.row)))

    def _time(self, event):
        if event.day is None:
            return None
        wall = self._wall(event)
        whole_day = self.time_form(event.file) == "date"
        return self._instant(dt.datetime.combine(wall.date(), dt.time()) if whole_day else wall)

    def _read(self, event, file, number, at):
        columns = {name: self.row[f"interactions.columns.{name}"] for name in ("event", "value", "query", "review")}
        query = _clean(event.query) if columns["query"] else None
        review = _clean(event.review) if columns["review"] else None
        return Row(
            file,
            number,
            "",
            "",
            text_of(self.user(event.user)),
            text_of(self.item(event.item)),
            event.kind if columns["event"] else self.row["interactions.event"],
            event.value if columns["value"] and event.value != "n/a" else None,
            at,
            query,
            query or review,
        )

    def _rule(self, event, read):
        limits = self.row["interactions.value_range"]
        unusable = event.value == "n/a" and self.row["interactions.columns.value"]
        outside = limits and read.value is not None and not limits[0] <= read.value <= limits[1]
        broken = {
            "event_ignored": read.kind in self.row["events.ignore"],
            "event_unnamed": read.kind is not None and read.kind not in self.row["events.weights"],
            "event_missing": read.kind is None,
            "user_missing": read.user is None,
            "time_unusable": read.time is None,
            "item_missing": read.item is None and not (read.kind == "search" and read.query),
            "value_unusable": unusable,
            "value_out_of_range": outside,
        }
        return next((rule for rule, is_broken in broken.items() if is_broken), "ok")

    @cached_property
    def refused(self):
        """The periods whose share of rejected rows, or of events of unknown items, is too high."""
        found = set()
        for period, rows in grouped(self.landed, lambda row: row.period).items():
            rejected = sum(kind(row.rule) == "rejected" for row in rows)
            unknown = sum(row.rule == "ok" and row.item is not None and row.item not in self.items for row in rows)
            allowed = self.row["quality.max_unknown_item_share"]
            if rejected > self.row["quality.max_rejected_share"] * len(rows):
                found.add(period)
            if allowed is not None and unknown > allowed * len(rows):
                found.add(period)
        return found

    @cached_property
    def events(self):
        """Every good event of a period that was published."""
        return [row for row in self.landed if row.rule == "ok" and row.period not in self.refused]

    def weight(self, row):
        """What an event says that the person likes; 0 where it says nothing of the kind."""
        scale = {"none": lambda _: 1.0, "linear": lambda value: value, "log": lambda value: math.log(1 + value)}
        lowest = self.row["interactions.liked_from"] or 0
        if row.value is not None and (row.value <= 0 or row.value < lowest):
            return 0.0
        by_value = scale[self.row["interactions.value_scale"]](1.0 if row.value is None else row.value)
        return self.row["events.weights"][row.kind] * by_value

    @cached_property
    def last(self):
        """The newest period of which anything has landed."""
        return max(row.period for row in self.landed)

    @cached_property
    def met(self):
        """(person, item) → the weights of their events."""
        return grouped([row for row in self.events if row.item], lambda row: (row.user, row.item), self.weight)

    @cached_property
    def liked(self):
        """person → the items that they like."""
        return grouped([pair for pair, weights in self.met.items() if any(weights)], lambda it: it[0], lambda it: it[1])

    @cached_property
    def boundary(self):
        """The period up to whose end the served item factors were fitted."""
        filled = sorted({row.period for row in self.events})
        known = [period for period in self.calendar if filled[0] <= period <= filled[-1]]
        return known[(len(known) - 1) // self.row["model.refit"] * self.row["model.refit"]]

    @cached_property
    def warm(self):
        """item → how many people liked it up to the boundary."""
        early = [row for row in self.events if row.item and row.period <= self.boundary and self.weight(row)]
        return Counter(item for _, item in {(row.user, row.item) for row in early})

    def held_out(self):
        """How many people have something to validate on: at least, and at most (equal times have no order here).

        Of their liked items of the catalogue, those of the tenth before the last, that they had not met before.
        """
        mine = [row for row in self.events if row.item]
        if self.row["model.split"] == "global":
            times = sorted(row.time for row in mine if self.weight(row))
            first, last = times[int(len(times) * 0.8 + 1e-9)], times[int(len(times) * 0.9 + 1e-9)]
            before = {(row.user, row.item) for row in mine if row.time < first}
            held = [row for row in mine if first <= row.time < last and self.weight(row) and row.item in self.items]
            people = {row.user for row in held if (row.user, row.item) not in before}
            return len(people), len(people)
        enough = {user for user, items in self.liked.items() if len(items) >= self.row["model.min_events"]}
        mixed = {user for (user, item), weights in self.met.items() if not all(weights) or item not in self.items}
        return len(enough - mixed), len(enough)

    @cached_property
    def items(self):
        """item → its entry of the catalogue: the first of equal ids, with a title."""
        good = [item for item in ITEMS if item.title]
        order = {item: (self.name("catalogue", item.number % FILES["catalogue"]), ITEMS.index(item)) for item in good}
        return {text_of(self.item(item.number)): item for item in sorted(good, key=order.get, reverse=True)}

    def text(self, item):
        """An item's text: its title, where no columns are named."""
        if not self.row["items.columns.text"]:
            return _clean(item.title)
        parts = (item.about, "and more" if item.about and item.number % 2 else None)
        return ". ".join(part for part in parts if part) or None

    def modalities(self, item):
        """What of an item is encoded."""
        has = {"text": self.text(item), **{name: file_of(item, name) for name in NAMES[1:]}}
        return [
            name
            for name in NAMES
            if self.row[f"embeddings.{name}.encoder"] and self.row[f"items.columns.{name}"] != [] and has[name]
        ]

    def attributes(self, item):
        """The further columns of an item, those that are empty left out."""
        own = {"price": item.price, "director": item.director, "shelf": item.shelf}
        return {name: own[name] for name in self.row["items.attributes"] if own[name] is not None}

    @cached_property
    def consenting(self):
        """The people who say yes, and nowhere no, with the cleaned text of their first row."""
        if not self.row["users.files"]:
            return {}
        said = grouped(PROFILES, lambda profile: profile.user)
        yes = {user: rows for user, rows in said.items() if all(row.consent in YES for row in rows)}
        named = self.row["users.columns.text"]
        texts = {
            user: ". ".join(_clean(part) for part in (rows[0].bio, rows[0].likes) if part) for user, rows in yes.items()
        }
        return {text_of(self.user(user)): text if named else None for user, text in texts.items()}

    @cached_property
    def words(self):
        """person → the sha256 of each of their texts that may be read."""
        found = defaultdict(set)
        for user, text in self.consenting.items():
            found[user] |= {text} - {None}
        for row in self.events:
            if row.words and row.user in self.consenting:
                found[row.user].add(row.words)
        return {
            user: {hashlib.sha256(text.encode()).hexdigest() for text in texts}
            for user, texts in found.items()
            if texts
        }


def kind(rule):
    """What becomes of a row by its rule."""
    kinds = {"ok": "valid", "duplicate": "duplicate", "event_ignored": "ignored", "event_unnamed": "ignored"}
    return kinds.get(rule, "rejected")


def grouped(rows, key, value=lambda row: row):
    """key → the values of its rows, in their order."""
    found = defaultdict(list)
    for row in rows:
        found[key(row)].append(value(row))
    return dict(found)


def _without_duplicates(rows):
    seen, found = set(), []
    for row in rows:
        again = row.rule == "ok" and row.key in seen
        seen |= {row.key} if row.rule == "ok" else set()
        found.append(replace(row, rule="duplicate") if again else row)
    return found


def _clean(text):
    return " ".join(text.split()) if text else None
