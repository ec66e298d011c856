"""Lists that are merged from old and new ones, with ties planted where they hurt; sentences and checksums of rows."""

import random
from collections import Counter
from dataclasses import replace
from hashlib import md5
from zlib import crc32

import numpy as np
import polars as pl
import pytest

from mmrec.lake.hashing import row_checksums
from mmrec.lists import top_k, wording
from mmrec.lists.top_k import State
from mmrec.models.candidates import Candidate
from mmrec.models.cooccurrence import LinkSettings
from mmrec.models.factorization import Hyper, ItemFactors
from mmrec.models.histories import Histories
from mmrec.models.links import SparseLinks
from mmrec.published.state import Known, Served
from mmrec.published.user_texts import MARK, PROFILE
from mmrec.published.versions import Version
from mmrec.published.weighing import Weighing

FITTED, PEOPLE, WIDTH = [f"item-{at:02}" for at in range(30)], [f"zq-person-{at}" for at in range(9)], 3
_RANDOM = np.random.default_rng(5)
_AT = np.arange(30).repeat(4), _RANDOM.integers(0, 30, 120)
LINKS = SparseLinks(Histories.build(*_AT, _RANDOM.integers(1, 3, 120).astype(float), n_users=30))


def vector(*named):
    """A factor on a coarse grid: scores tie often."""
    return np.random.default_rng(crc32(repr(named).encode())).integers(-1, 2, WIDTH).astype(float)


def world(new, gone, events):
    """What is served, of a version that knows `FITTED`, with `new` items (id → digest) and without those `gone`."""
    ids = [*FITTED, *sorted(new)]
    H = np.array([vector(item, new.get(item)) for item in ids])
    counts = np.array([1] * len(FITTED) + [0] * len(new))
    factors = ItemFactors(H, None, np.eye(WIDTH), np.ones(WIDTH), H, counts, Hyper(width=WIDTH))
    choice = Candidate("plain", factors.hyper, links=LinkSettings())
    columns = ("user_id", "item_id", "event", "time", "period", "source_file", "source_row", "weight")
    rows = [(person, item, "view", None, "p", "f", 1, 1.0) for person, item in sorted(events) if item in ids]
    schema = dict.fromkeys(columns[:3], pl.String) | {"time": pl.Datetime("us", "UTC")} | {"weight": pl.Float64}
    frame = pl.DataFrame(rows, columns, orient="row", schema_overrides=schema)
    said = frame.clear().with_columns(*(pl.lit(None, pl.String).alias(name) for name in ("key", "about", "text")))
    known = Known(choice, ids, dict(new), [], factors, None, {}, frame, said)
    version = Version("v1", "p", "", choice, Weighing({"view": 1.0}), FITTED, [None] * len(FITTED), factors, LINKS)
    users = np.array([vector(person, sum(p == person for p, _ in events)) for person in PEOPLE])
    return Served("p", version, known, np.array([item not in gone for item in ids]), PEOPLE, users)


@pytest.mark.parametrize("k", [1, 4, 10])
def test_merged_lists_are_those_of_ranking_everything(k):
    draw, ways = random.Random(k), Counter()
    for _ in range(6):
        new, gone, made = {}, set(), None
        events = {(person, draw.choice(FITTED)) for person in PEOPLE for _ in range(5)}
        for _ in range(5):
            gone ^= {draw.choice(FITTED)}
            new.pop(f"item-{draw.randrange(12):02}x", None)
            new |= {f"item-{draw.randrange(12):02}x": str(draw.randrange(3)) for _ in range(2)}
            events |= {(draw.choice(PEOPLE[:2]), draw.choice([*FITTED, *new]))}
            now = world(new, gone, events)
            made = top_k.brought_up_to_date(now, State.of(now, k), made, "1")
            whole = top_k.brought_up_to_date(now, State.of(now, k), None, "1")
            assert made.rows.sort("user_id", "rank").equals(whole.rows.sort("user_id", "rank"))
            ways.update(made.people)
    assert ways["merged"] > 10
    assert ways["computed"] > 6 * len(PEOPLE)


def test_a_text_is_named_as_the_person_said_it_whoever_else_said_the_same():
    alone = world({}, set(), set())
    text = {"item_id": MARK + "k", "key": "k", "text": "red shoes", "about": None, "weight": 1.0}
    said = [{"user_id": PEOPLE[0], "event": "search", **text}, {"user_id": PEOPLE[1], "event": PROFILE, **text}]
    H = np.vstack([alone.H, np.ones(WIDTH)])
    factors = replace(alone.factors, H=H, HQ=H, counts=np.append(alone.factors.counts, 0))
    known = replace(alone.known, words=[MARK + "k"], factors=factors, said=pl.DataFrame(said, alone.known.said.schema))
    both = replace(alone, known=known, user_ids=PEOPLE[:2], users=np.ones((2, WIDTH)))
    titles = pl.DataFrame({"item_id": FITTED, "title": FITTED})
    found = wording.reasons(both, top_k.best(both, 2), titles)
    told = dict(found.group_by("user_id").agg(pl.col("reason").unique()).iter_rows())
    assert told == {
        PEOPLE[0]: ["Because you searched for “red shoes”."],
        PEOPLE[1]: ["Because you wrote your profile."],
    }
    assert found["named"].to_list() == [[None]] * 4


def test_a_sentence_has_the_verb_of_the_newest_event():
    alone = world({}, set(), {(PEOPLE[0], FITTED[0])})
    events = pl.concat([alone.known.events.with_columns(event=pl.lit(kind)) for kind in ("view", "purchase")])
    two = replace(alone, known=replace(alone.known, events=events), user_ids=PEOPLE[:1], users=alone.users[:1])
    found = wording.reasons(two, top_k.best(two, 30), pl.DataFrame({"item_id": FITTED, "title": FITTED}))
    assert {sentence for sentence in found["reason"] if FITTED[0] in sentence} == {f"Because you bought {FITTED[0]}."}


def test_checksums_of_rows_tell_fields_apart():
    rows = [("ab", "c"), ("a", "bc"), ("abc", None), ("abc", ""), ("ab", "c")]
    found = row_checksums(*(pl.Series(field, dtype=pl.String) for field in zip(*rows, strict=True))).to_list()
    assert found[0] == found[4]
    assert found[2] == found[3]
    assert len(set(found)) == 3
    assert found[0] == int.from_bytes(md5(b"2:ab1:c").digest()[8:], "little") >> 1
