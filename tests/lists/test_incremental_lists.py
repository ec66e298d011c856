"""A change costs only the lists and sentences that it reaches, and nobody can tell them from ones made all anew."""

import random
from dataclasses import dataclass

import polars as pl
import pytest

from mmrec.lists import reasons, top_k
from mmrec.lists.top_k import State
from mmrec.planning import graph
from mmrec.published.state import load
from tests.helpers.listed import FACTORS, ORDER, REASONS, TOP_K, rows

GIVEN = ("model/versions", "model/arrays", "model/items", "fused/statistics")  # a rebuild's named inputs
USERS = {"files": ["people.csv"], "columns": {"text": ["about"]}}
TEXTS = ("A thing number 4", "red shoes", "words of nobody")


def refresh(shop, days):
    """Everything up to the fused items, then factors, lists and sentences of these days; the reports."""
    shop.run(*[n.asset for n in graph.nodes(shop.settings) if n.stage not in ("model", "recommendations")])
    return shop.run(FACTORS, TOP_K, REASONS, periods=days)


class Story:
    """A shop to which things happen one after the other at random. `days` are those that are served."""

    def __init__(self, shop, seed):
        self.shop, self.draw = shop.configure(users=USERS), random.Random(seed)
        self.days, self.added = shop.days[:1], 0
        self.profiles = {person: ("yes", text) for person, text in zip(shop.people, TEXTS, strict=False)}
        self.deliver_profiles()

    def deliver_profiles(self):
        lines = [f"{person},{consent},{text}" for person, (consent, text) in sorted(self.profiles.items())]
        (self.shop.data / "people.csv").write_text("\n".join(["user_id,consent,about", *lines]) + "\n")

    def item(self):
        return self.draw.choice(self.shop.catalogue()).partition(",")[0]

    def text(self):
        return f"A thing number {self.draw.randrange(20)}"

    def deliver(self, person, item, kind, query=""):
        day, clock = self.draw.choice(self.days), f"{self.draw.randrange(24):02}:{self.draw.randrange(60):02}:07"
        self.shop.write_events(day, [*self.shop.lines(day), f"{person},{item},{day}T{clock},{kind},,{query}"])

    def event(self):
        self.deliver(self.draw.choice(self.shop.people), self.item(), self.draw.choice(["view", "purchase"]))

    def search(self):
        self.deliver(self.draw.choice(self.shop.people[:3]), "", "search", self.draw.choice(TEXTS))

    def event_gone(self):
        day = self.draw.choice(self.days)
        lines = self.shop.lines(day)
        lines.pop(self.draw.randrange(len(lines)))
        self.shop.write_events(day, lines)

    def profile(self):
        person = self.draw.choice([*self.shop.people[:3], "zq-person-lonely"])
        self.profiles[person] = (self.draw.choice(["yes", "no"]), self.draw.choice(TEXTS))
        self.deliver_profiles()

    def new_item(self):
        self.added += 1
        picture = f"item-0{self.draw.randrange(10)}.png"
        self.shop.add_item(f"item-{self.draw.choice('0x')}{self.added},New {self.added},{self.text()},{picture}")

    def item_gone(self):
        self.shop.remove_item(self.item())

    def content(self):
        self.shop.edit_item(self.item(), about=self.text())

    def title(self):
        self.shop.edit_item(self.item(), title=f"Title {self.draw.random()}")

    def next_day(self):
        self.days = self.shop.days[: len(self.days) + 1]

    def chapters(self, count):
        """What happens, at random, and between which refreshes."""
        return [[self.draw.choice(HAPPENINGS) for _ in range(3)] for _ in range(count)]


HAPPENINGS = (
    "event",
    "search",
    "event_gone",
    "profile",
    "content",
    "title",
    "item_gone",
    *["new_item", "next_day"] * 2,
)
SHORT = (["event", "new_item", "next_day"], ["content", "title", "item_gone"], ["search", "next_day", "new_item"])


@dataclass
class Told:
    """What a day's lists and sentences rest on, in plain values: the model that the counts are held against."""

    version: str
    histories: dict  # person → events and words
    placed: dict  # item → what its factor is a function of
    content: dict  # item → hashes
    titles: dict
    lists: dict  # person → items
    named: dict  # person, item → items whose titles the evidence holds

    @classmethod
    def of(cls, shop, day):
        known, found = load(shop.lake, shop.settings, day).known, shop.scan("model/users", period=day)
        items = {row[0]: row[1:] for row in shop.scan("validated/items").select(
            "item_id", "text_hash", "image_hash", "title").iter_rows()}  # fmt: skip
        fitted = set(shop.scan("model/items", version=found["version"][0])["item_id"])
        placed = {item: item in fitted or hashes[:2] for item, hashes in items.items()}
        weighs = {**dict.fromkeys(fitted, True), **placed}  # what was fitted counts after it left the catalogue too
        histories = {}
        for told in (known.events, known.said):
            for row in told.drop("source_file", "source_row", "period").iter_rows(named=True):
                event = (*row.values(), weighs.get(row["item_id"]))
                histories.setdefault(row["user_id"], set()).add(event)
        listed = shop.scan(TOP_K, period=day).group_by("user_id").agg("item_id").iter_rows()
        named = shop.scan(REASONS, period=day).select("user_id", "item_id", "named").iter_rows()
        content, titles = ({item: row[part] for item, row in items.items()} for part in (slice(2), 2))
        return cls(found["version"][0], histories, placed, content, titles, dict(listed), {r[:2]: r[2] for r in named})

    def stands(self, now, person):
        """Whether a list of then is one of now, but for items that have arrived."""
        same = self.histories.get(person) == now.histories[person] and person in self.lists
        return same and all(self.placed[item] == now.placed.get(item) for item in self.lists[person])

    def holds(self, now, person, item):
        """Whether a sentence of then is one of now."""
        same = self.version == now.version and self.histories.get(person) == now.histories[person]
        named = self.named.get((person, item))
        titles = named is not None and all(self.titles.get(of) == now.titles.get(of) for of in named)
        return same and titles and self.content[item] == now.content[item]


def expected(before, after):
    """What the counts of lists and of sentences must be: (computed, merged), computed."""
    computed = merged = worded = 0
    for day, now in after.items():
        earlier = [after[each] for each in sorted(after) if each < day]
        bases = [base for base in (*earlier, before.get(day)) if base and base.version == now.version]
        touched = {person for person in now.histories if not (bases and bases[-1].stands(now, person))}
        arrived = bases and any(bases[-1].placed.get(item) != placed for item, placed in now.placed.items())
        computed, merged = computed + len(touched), merged + (len(now.histories) - len(touched) if arrived else 0)
        sources = [base for base in (*earlier[-1:], before.get(day)) if base]
        worded += sum(
            any(not any(base.holds(now, person, item) for base in sources) for item in items)
            for person, items in now.lists.items()
        )
    return (computed, merged), worded


def anew(shop, day):
    """A day's lists and sentences, of the same factors, made without looking at any that are there."""
    lake = shop.lake
    served = load(lake, shop.settings, day)
    made = top_k.brought_up_to_date(served, State.of(served, shop.settings.recommendations.k), None, "1")
    return made.rows, reasons.brought_up_to_date(reasons.read(lake, served, "1"), []).rows


def rebuilt(shop, make_shop, folder):
    """The same shop in a lake of its own, built from nothing but its files and the named inputs."""
    folder.mkdir()
    fresh = make_shop(folder, like=shop).configure(**shop.settings.model_dump(include={"users"}))
    fresh.configure(lake={"root": str(folder / "lake")})
    for table in GIVEN:
        fresh.lake.append(table, shop.scan(table))
    return fresh


@pytest.mark.full
@pytest.mark.parametrize("seed", range(9))
def test_whatever_happens_costs_what_it_reaches_and_equals_a_rebuild(fused_shop, make_shop, tmp_path, seed):
    story, before = Story(fused_shop, seed), {}
    for step, happenings in enumerate([[], *(story.chapters(12) if seed else SHORT)]):
        for name in happenings:
            getattr(story, name)()
        reports = refresh(fused_shop, story.days)
        after = {day: Told.of(fused_shop, day) for day in story.days}
        counts, worded = expected(before, after)
        found = reports[TOP_K].facts, reports[REASONS].facts
        assert (found[0]["people_computed"], found[0]["people_merged"]) == counts, (step, happenings)
        assert found[1]["people_computed"] == worded, (step, happenings)
        made_anew = zip(*(anew(fused_shop, day) for day in story.days), strict=True)
        for table, made in zip((TOP_K, REASONS), made_anew, strict=True):
            assert rows(fused_shop, table).equals(pl.concat(made).sort(ORDER[table])), (step, happenings, table)
        before = after
    fresh = rebuilt(fused_shop, make_shop, tmp_path / "again")
    refresh(fresh, story.days)
    for table in ORDER:
        assert rows(fused_shop, table).equals(rows(fresh, table)), table


def test_a_new_period_costs_the_people_who_did_something_in_it(fused_shop):
    shop, (*_, third, fourth) = fused_shop, fused_shop.days
    shop.write_events(fourth, shop.lines(fourth)[:1])
    shop.run(*shop.events)
    shop.run(FACTORS, TOP_K, REASONS, periods=[third])
    reports = shop.run(FACTORS, TOP_K, REASONS, periods=[fourth])
    assert reports[TOP_K].facts == {"k": 3, "people_computed": 1, "people_merged": 0, "people_copied": 11}
    assert reports[REASONS].facts == {"people_computed": 1, "people_copied": 11}
    for table in (TOP_K, REASONS):
        assert 0 <= reports[table].total("computed") <= 3
        assert reports[table].total("computed") + reports[table].total("reused") == 36


def test_lists_of_other_code_or_another_length_are_not_built_on(built):
    served = load(built.lake, built.settings, built.days[-1])
    for code, k, there in (("1", 3, True), ("2", 3, False), ("1", 4, False)):
        found = top_k.start(built.lake.acting_as(TOP_K, code), served, State.of(served, k), {})
        assert (found is not None) == there


@pytest.mark.parametrize(("table", "made"), [(TOP_K, top_k.of_period), (REASONS, reasons.of_period)])
@pytest.mark.parametrize("label", ["state", "checksum"])
def test_rows_that_do_not_say_what_they_were_made_of_are_made_anew(shop, table, made, label):
    before, day = rows(shop, table), shop.days[-1]
    if label in before.columns:
        shop.lake.replace(table, before.with_columns(pl.lit(None).alias(label)))
        code = graph.node(shop.settings, table).code_version
        found = made(shop.lake.acting_as(table, code), shop.settings, day, {})
        assert found.people["computed"] == len(shop.people)
        assert found.rows.sort(ORDER[table]).equals(before.filter(pl.col("period") == day))


def test_lists_of_older_factors_are_made_again_when_the_events_come_back(shop):
    day, person = shop.days[-1], shop.people[3]
    before, lines = rows(shop, TOP_K), shop.lines(day)
    listed = before.filter((pl.col("period") == day) & (pl.col("user_id") == person))["item_id"][0]
    shop.write_events(day, [*lines, f"{person},{listed},{day}T23:59:59,view,,"])
    shop.run(*shop.events)
    shop.run(TOP_K)
    now = rows(shop, TOP_K).filter((pl.col("period") == day) & (pl.col("user_id") == person))
    assert listed not in set(now["item_id"])
    shop.write_events(day, lines)
    shop.run(*shop.events)
    shop.run(TOP_K)
    assert rows(shop, TOP_K).equals(before)
