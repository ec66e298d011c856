"""A shop to which anything may happen: edits, pictures, encoders, words, failures, kills, runs beside each other.

After every step the lake is compared with a rebuild from nothing, given the same named inputs (frozen statistics,
failures that are remembered); rows computed are those that were not there, and vectors computed those that a dictionary
says.
"""

import contextlib
import itertools
import shutil

import polars as pl
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from mmrec import encoders, keys, tables
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.published import user_texts
from tests.helpers.hooked_lake import AFTER, BEFORE, HookedLake, Killed, Raising, interleaved
from tests.helpers.needed import BAD, Needed
from tests.helpers.shop import DAYS, ITEMS, PEOPLE, Shop

TEXTS = ("ash", "birch", "A thing number 3", "A thing number 4")
EDITED = st.sampled_from([*ITEMS[2:6], "item-98", "item-99"])
PICTURES = st.sampled_from(["", "item-01.png", "item-02.png", "absent.png"])
USERS = {"files": ["people.csv"], "columns": {"text": ["about"]}}
CONTENT = (
    *("raw/items", "raw/media", "raw/interactions", "raw/users", "validated/items", "validated/interactions"),
    *("validated/users", "embeddings/text", "embeddings/image", "fused/items"),
)
MODALITIES = ("text", "image")
KEYED = [f"embeddings/{modality}/{table}" for modality in MODALITIES for table in ("current", "failed")]
COMPARED = [
    *("raw/items", "raw/media", "raw/interactions", "raw/users", "validated/items", "validated/interactions"),
    *("validated/users", "validated/rejected", *KEYED, "embeddings/text/words", "fused/current"),
]


def rows(lake, table):
    """A table's rows in one order, without what names a run."""
    frame = lake.pinned({}).scan(table).drop("run_id", strict=False).collect()
    return frame.sort([name for name, dtype in frame.schema.items() if not dtype.is_nested()])


def run(lake, shop, assets=CONTENT, run_id="run", *, retry=False):
    nodes = {asset: graph.node(shop.settings, asset) for asset in assets}
    return {a: n.run(lake, shop.settings, DAYS, run_id, retry_failed=retry) for a, n in nodes.items()}


class Pipeline(RuleBasedStateMachine):
    """A shop's files and its lake."""

    base: Shop  # with everything up to fused made
    folders: itertools.count
    root: object

    def __init__(self):
        super().__init__()
        BAD.clear()
        self.folder = self.root / str(next(self.folders))
        self.shop = Shop(shutil.copytree(self.base.folder, self.folder / "shop")).configure(users=USERS)
        self.encoder = "hash:8"
        self.needed = {modality: Needed(self.wanted(modality)) for modality in MODALITIES}

    def teardown(self):
        shutil.rmtree(self.folder)

    # -- what happens ----------------------------------------------------------------------------------------------

    @rule(item=EDITED, text=st.sampled_from(TEXTS), picture=PICTURES)
    def put(self, item, text, picture):
        """A new item, an edit, an edit taken back, a duplicate; a picture that another item has, or that is absent."""
        self.write_item(item, text, picture)
        self.step()

    @rule(item=EDITED, other=EDITED)
    def remove_or_rename(self, item, other):
        line = next((line for line in self.shop.catalogue() if line.startswith(f"{item},")), None)
        self.shop.remove_item(item)
        if line is not None and item != other:
            self.shop.remove_item(other)
            self.shop.add_item(line.replace(item, other, 1))
        self.step()

    @rule(picture=st.sampled_from(ITEMS[:3]), content=st.sampled_from([b"one", b"two", None]))
    def replace_picture(self, picture, content):
        """Other bytes under the same name, the same bytes as another, or no file any more."""
        path = self.shop.data / "pictures" / f"{picture}.png"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        self.step()

    @rule()
    def switch_encoder(self):
        self.encoder = "hash:6" if self.encoder == "hash:8" else "hash:8"
        self.shop.configure(embeddings={"text": {"encoder": self.encoder}})
        self.step()

    @rule(day=st.sampled_from(DAYS), person=st.sampled_from(PEOPLE[:3]), query=st.sampled_from(TEXTS))
    def land_late(self, day, person, query):
        """An event and a search of a day that has long been made; the same again is a repetition."""
        if self.shop.events_file(day).exists():
            late = [f"{person},item-01,{day}T23:00:00,rating,4,", f"{person},,{day}T23:30:00,search,,{query}"]
            self.shop.write_events(day, [*self.shop.lines(day), *late])
        self.step()

    @rule(day=st.sampled_from(DAYS))
    def remove_or_restore_event_file(self, day):
        file, kept = self.shop.events_file(day), self.folder / f"{day}.csv"
        if kept.exists():
            kept.rename(file)
        elif any(self.shop.events_file(other).exists() for other in DAYS if other != day):  # no file at all is an error
            file.rename(kept)
        self.step()

    @rule(person=st.sampled_from(PEOPLE[:3]), consent=st.sampled_from(["yes", "no"]), text=st.sampled_from(TEXTS))
    def say(self, person, consent, text):
        """A profile with consent, another, or consent withdrawn: searches are read or not read any more."""
        file = self.shop.data / "people.csv"
        lines = [line for line in file.read_text().splitlines() if not line.startswith(f"{person},")]
        file.write_text("\n".join([*lines, f"{person},{consent},{text}"]) + "\n")
        self.step()

    @rule(text=st.sampled_from(TEXTS))
    def break_or_mend(self, text):
        BAD.symmetric_difference_update({text})
        self.step(retry=text not in BAD)

    @rule(item=EDITED, text=st.sampled_from(TEXTS), commit=st.integers(0, 25), when=st.sampled_from([BEFORE, AFTER]))
    def edit_and_kill(self, item, text, commit, when):
        """What a killed run has left is there, and the next step finds it."""
        self.write_item(item, text, "item-01.png")
        before = {modality: set(needed.vectors) for modality, needed in self.needed.items()}
        with contextlib.suppress(Killed):
            run(self.lake(Raising(commit, when, Killed())), self.shop)
        for modality, needed in self.needed.items():
            needed.vectors, needed.failed = self.stored(modality), self.told(modality)
            assert before[modality] <= needed.vectors <= before[modality] | self.wanted(modality)
            assert self.current(modality) <= needed.vectors

    @rule(item=EDITED, text=st.sampled_from(TEXTS), seed=st.integers(0, 99), kill=st.none() | st.integers(0, 25))
    def edit_and_run_twice_at_once(self, item, text, seed, kill):
        self.write_item(item, text, "item-02.png")

        def perhaps_killed(switch):
            killed = Raising(kill, AFTER, Killed())
            run(self.lake(lambda *verb: (killed(*verb), switch(*verb))), self.shop, run_id="other")

        interleaved(seed, lambda switch: run(self.lake(switch), self.shop, run_id="one"), perhaps_killed)
        for modality, needed in self.needed.items():
            needed.run(self.wanted(modality), self.bad(modality))
        self.check()

    # -- runs and what must hold after them --------------------------------------------------------------------------

    def step(self, *, retry=False):
        """One run to the end computes what was not there."""
        stored = {asset: asset for asset in CONTENT if not asset.startswith("embeddings")}
        stored["fused/items"] = "fused/vectors"
        before = {asset: rows(self.lake(), table) for asset, table in stored.items()}
        reports = run(self.lake(), self.shop, retry=retry)
        for modality, needed in self.needed.items():
            computed = needed.run(self.wanted(modality), self.bad(modality), retry=retry)
            assert reports[f"embeddings/{modality}"].facts["keys_done"] == len(computed)
        for asset, old in before.items():
            content = ["key"] if asset == "fused/items" else tables.contract(asset).content
            new = rows(self.lake(), stored[asset]).join(old, on=content, how="anti", nulls_equal=True)
            assert reports[asset].total("computed") == new.height, asset
        self.check()

    def check(self):
        """Nothing was computed in vain, and everything is as a rebuild makes it."""
        for modality, needed in self.needed.items():
            assert self.stored(modality) == needed.vectors
            assert self.told(modality) == needed.failed
        rebuilt = Lake(str(self.folder / "rebuilt"))
        rebuilt.append("fused/statistics", rows(self.lake(), "fused/statistics"))
        with self.as_remembered():
            run(rebuilt, self.shop)
        for table in COMPARED:
            assert rows(self.lake(), table).equals(rows(rebuilt, table)), table
        shutil.rmtree(rebuilt.root)

    @contextlib.contextmanager
    def as_remembered(self):
        """What is remembered to have failed fails, and what was made before it broke does not."""
        broken = set(BAD)
        BAD.clear()
        BAD.update(text for text in TEXTS if self.key("text", keys.text_hash(text)) in self.needed["text"].failed)
        yield
        BAD.clear()
        BAD.update(broken)

    def write_item(self, item, text, picture):
        self.shop.remove_item(item)
        self.shop.add_item(f"{item},Title of {item},{text},{picture}")

    def lake(self, hook=lambda *verb: None):
        return HookedLake(self.shop.settings.lake_root, hook=hook)

    def key(self, modality, input_hash):
        encoder = self.shop.settings.embeddings[modality].encoder
        return keys.row_key(modality, input_hash, encoders.identity(modality, encoder, "fp32", None).id)

    def wanted(self, modality):
        """The keys of the catalogue's inputs, and of what people said, as they are published."""
        lake = self.lake()
        hashes = lake.scan("validated/items").select(pl.col(f"{modality}_hash").alias("input_hash"))
        if modality == user_texts.MODALITY:
            hashes = pl.concat([hashes, user_texts.said(lake).select("input_hash")])
        return {self.key(modality, each) for each in hashes.drop_nulls().unique().collect()["input_hash"]}

    def bad(self, modality):
        return {self.key("text", keys.text_hash(text)) for text in BAD} if modality == "text" else set()

    def stored(self, modality):
        return set(rows(self.lake(), f"embeddings/{modality}/vectors")["key"])

    def told(self, modality):
        return set(rows(self.lake(), f"embeddings/{modality}/failed")["key"]) - {""}

    def current(self, modality):
        names = ("current", "words") if modality == user_texts.MODALITY else ("current",)
        return {key for name in names for key in rows(self.lake(), f"embeddings/{modality}/{name}")["key"]}


LIVES = settings(
    max_examples=1,
    stateful_step_count=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a life is short enough to be read as it is, and shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)


def machine(shop, folder):
    """The machine over copies, in `folder`, of a shop with people, made up to fused."""
    (shop.data / "people.csv").write_text(f"user_id,consent,about\n{PEOPLE[0]},yes,A thing number 4\n")
    shop.configure(users=USERS)
    run(shop.lake, shop)
    return type("Pipeline", (Pipeline,), {"base": shop, "root": folder, "folders": itertools.count()})
