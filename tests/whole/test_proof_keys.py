"""Whatever happens to a catalogue, its encoder and its runs: each run computes what no run has computed, and no more.

Random sequences of edits, failures, kills and runs beside each other on a lake in memory. What must be computed says a
dictionary; what must be there says a rebuild from nothing.
"""

import numpy as np
import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mmrec import encoders, keys, tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, PeriodReport
from mmrec.encoders.hashed import HashEncoder
from mmrec.settings import Settings
from mmrec.stages import fused
from mmrec.stages.embeddings import vectors
from tests.helpers.hooked_lake import AFTER, BEFORE, HookedMemoryLake, Killed, Raising, interleaved
from tests.helpers.lives import LIVES
from tests.helpers.needed import BAD, Needed, failing  # noqa: F401 (a fixture)
from tests.helpers.shop import CONFIG, PERSON

pytestmark = pytest.mark.usefixtures("failing")
ENCODERS = ("hash:4", "hash:6")
SETTINGS = {name: Settings.model_validate({**CONFIG, "embeddings": {"text": {"encoder": name}}}) for name in ENCODERS}
ITEMS = st.sampled_from([f"item-{number}" for number in range(5)])
TEXTS = st.sampled_from(["ash", "birch", "cedar", "date palm", "elm"])
PEOPLE = st.sampled_from([f"{PERSON}-{number}" for number in range(2)])
TEXT = "embeddings/text"


class Content(RuleBasedStateMachine):
    """A catalogue's texts and people's words, and their vectors."""

    def __init__(self):
        super().__init__()
        BAD.clear()
        self.lake, self.needed = HookedMemoryLake("memory"), Needed()
        self.texts, self.words, self.encoder = {}, {}, ENCODERS[0]

    @initialize(first=TEXTS, second=TEXTS)
    def delivered(self, first, second):
        self.texts = {"item-0": first, "item-1": second}
        self.write()
        self.settle()

    # -- what happens ----------------------------------------------------------------------------------------------

    @rule(item=ITEMS, text=TEXTS)
    def put(self, item, text):
        """A new item, an edit, an edit taken back, the text of another item."""
        self.texts[item] = text
        self.write()
        self.settle()

    @rule(item=ITEMS, other=ITEMS)
    def remove_or_rename(self, item, other):
        text = self.texts.pop(item, None)
        if other != item and text is not None:
            self.texts[other] = text
        self.write()
        self.settle()

    @rule()
    def switch_encoder(self):
        self.encoder = ENCODERS[1 - ENCODERS.index(self.encoder)]
        self.settle()

    @rule(person=PEOPLE, text=st.none() | TEXTS)
    def say(self, person, text):
        """Consent with words, other words, or consent withdrawn."""
        self.words[person] = text
        self.write()
        self.settle()

    @rule(text=TEXTS)
    def break_or_mend(self, text):
        """A text that fails, and, when it is mended, a run that tries failures again."""
        BAD.symmetric_difference_update({text})
        self.settle(retry=text not in BAD)

    @rule(item=ITEMS, text=TEXTS, commit=st.integers(0, 6), when=st.sampled_from([BEFORE, AFTER]))
    def edit_and_kill(self, item, text, commit, when):
        self.texts[item] = text
        self.write()
        before, failed = set(self.needed.vectors), set(self.needed.failed)
        computed = self.needed.run(self.wanted, self.bad)
        killed = Raising(commit, when, Killed())
        try:
            self.embed(killed)
        except Killed:
            self.learn(before, computed, {frozenset(failed), frozenset(self.needed.failed)})
        self.check_vectors()

    @rule(item=ITEMS, text=TEXTS, seed=st.integers(0, 99), kill=st.none() | st.integers(0, 4))
    def edit_and_run_twice_at_once(self, item, text, seed, kill):
        self.texts[item] = text
        self.write()
        computed = self.needed.run(self.wanted, self.bad)
        reports = []

        def undisturbed(switch):
            reports.append(self.embed(switch, "one"))

        def perhaps_killed(switch):
            killed = Raising(kill, AFTER, Killed())
            self.embed(lambda *verb: (killed(*verb), switch(*verb)), "other")

        interleaved(seed, undisturbed, perhaps_killed)
        facts = reports[0].facts
        assert facts["keys_planned"] <= len(computed) + len(self.needed.failed)
        assert facts["keys_done"] + facts["keys_found"] <= len(computed)
        self.check()

    # -- runs and what must hold after them --------------------------------------------------------------------------

    @property
    def settings(self):
        return SETTINGS[self.encoder]

    @property
    def wanted(self):
        """Texts under the encoder, as `Needed` knows them."""
        return {(text, self.encoder) for text in (*self.texts.values(), *self.words.values()) if text is not None}

    @property
    def bad(self):
        return {(text, self.encoder) for text in BAD}

    def embed(self, hook=lambda *verb: None, run="run", *, lake=None, retry=False):
        acting = (lake or HookedMemoryLake("memory", hook=hook, states=self.lake.states)).acting_as(TEXT, "1", run)
        return vectors.embed(acting, self.settings, "text", retry_failed=retry)

    def settle(self, *, retry=False):
        """One run to the end."""
        computed = self.needed.run(self.wanted, self.bad, retry=retry)
        facts = self.embed(retry=retry).facts
        assert facts["keys_done"] == len(computed)
        self.check()

    def check(self):
        """Everything that can be is current, every failure is told, and nothing was computed twice or in vain."""
        self.check_vectors()
        failed = {text for text, _ in self.needed.failed}
        current = dict(self.rows(f"{TEXT}/current").select("item_id", "key").iter_rows())
        assert current == {i: self.key(t, self.encoder) for i, t in self.texts.items() if t not in failed}
        words = dict(self.rows(f"{TEXT}/words").select("user_id", "key").iter_rows())
        said = {who: text for who, text in self.words.items() if text is not None}
        assert words == {who: self.key(text, self.encoder) for who, text in said.items() if text not in failed}
        told = self.rows(f"{TEXT}/failed").select(pl.coalesce("item_id", "user_id")).to_series()
        assert sorted(told) == sorted(who for who, text in (*self.texts.items(), *said.items()) if text in failed)

    def check_vectors(self):
        """Every vector is that of its key; each current row has one."""
        rows = self.rows(f"{TEXT}/vectors").unique("key")
        found = dict(rows.select("key", "vector").iter_rows())
        assert found.keys() == {self.key(*each) for each in self.needed.vectors}
        for text, encoder in self.needed.vectors:
            assert np.array_equal(found[self.key(text, encoder)], vector(text, encoder))
        assert set(self.rows(f"{TEXT}/current")["key"]) | set(self.rows(f"{TEXT}/words")["key"]) <= found.keys()

    def learn(self, before, computed, failed):
        """What a killed run has left: vectors of before and some of those it had to compute; failures old or new."""
        stored = set(self.rows(f"{TEXT}/vectors")["key"])
        self.needed.vectors = {each for each in before | computed if self.key(*each) in stored}
        assert before <= self.needed.vectors
        told = set(self.rows(f"{TEXT}/failed")["key"])
        [self.needed.failed] = [set(each) for each in failed if {self.key(*one) for one in each} == told][:1]

    def write(self):
        items = [
            {"item_id": item, "text": text, "text_hash": keys.text_hash(text)} for item, text in self.texts.items()
        ]
        self.put_table("validated/items", items)
        made = PeriodReport(len(items), keys.canonical_digest(items))  # fused vectors are keyed by it, as after a stage
        ledger.record(self.lake.acting_as("validated/items", "1"), {WHOLE: made}, {WHOLE: ""})
        people = [
            {
                "user_id": who,
                "consent": "yes" if text else "no",
                "text": text,
                "text_hash": text and keys.text_hash(text),
            }
            for who, text in self.words.items()
        ]
        self.put_table("validated/users", people)

    def put_table(self, table, rows):
        contract = tables.contract(table)
        frame = pl.DataFrame(rows, schema_overrides=contract.schema) if rows else contract.empty()
        self.lake.replace(table, contract.conform(frame, partial=True))

    def rows(self, table, lake=None):
        return (lake or self.lake).pinned({}).scan(table).sort(pl.nth(0)).collect()

    @staticmethod
    def key(text, encoder):
        return keys.row_key("text", keys.text_hash(text), identity(encoder).id)


class Rebuilt(Content):
    """The same with fused vectors, and a rebuild from nothing at the end."""

    @rule()
    def fuse(self):
        self.settle()
        fused.items(self.lake.acting_as("fused/items", "1"), self.settings)

    def teardown(self):
        """What incremental runs have made is what one run makes of the same content, statistics and failures."""
        self.fuse()
        BAD.clear()
        BAD.update(text for text, _ in self.needed.failed)
        rebuilt = HookedMemoryLake("rebuilt")
        for table in ("validated/items", "validated/users", "fused/statistics"):
            rebuilt.append(table, self.lake.pinned({}).scan(table).collect())
        self.embed(lake=rebuilt)
        fused.items(rebuilt.acting_as("fused/items", "1"), self.settings)
        for table in (f"{TEXT}/current", f"{TEXT}/words", "fused/current"):
            assert self.rows(table).equals(self.rows(table, rebuilt)), table


def identity(encoder):
    return encoders.identity("text", encoder, "fp32", None)


def vector(text, encoder):
    made = HashEncoder(identity(encoder))
    return made.encode([made._prepare(text)])[0]


def test_runs_compute_what_is_missing_and_nothing_else():
    run_state_machine_as_test(Content, settings=settings(LIVES, max_examples=25))


def test_what_runs_have_made_is_what_a_rebuild_makes():
    run_state_machine_as_test(Rebuilt, settings=settings(LIVES, max_examples=10))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_long_lives_are_rebuilt_too():
    run_state_machine_as_test(Rebuilt, settings=settings(LIVES, max_examples=200, stateful_step_count=30))
