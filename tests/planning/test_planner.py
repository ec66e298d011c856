"""Which items need a vector and why: each reason by example, from tables written by hand."""

import subprocess
import sys

import polars as pl
import pytest

from mmrec import keys, tables
from mmrec.builds import ledger
from mmrec.builds.report import WHOLE, PeriodReport
from mmrec.lake import hashing
from mmrec.lake.store import Lake
from mmrec.stages.embeddings.rows import CHANGED, ENCODER, FAILED, MISSING, NEW, REMOVED, SAME, plan_embeddings

ITEMS, ASSET = "validated/items", "embeddings/text"


class Case:
    """A lake of items, current rows, vectors and failures; inputs are named by a letter."""

    def __init__(self, root):
        self.lake = Lake(str(root))

    def items(self, **inputs):
        rows = [
            {"item_id": item, "title": item, "text": text, "text_hash": text, "source_file": "f", "source_row": 1}
            for item, text in inputs.items()
        ]
        self.lake.replace(ITEMS, tables.contract(ITEMS).conform(pl.DataFrame(rows), partial=True))
        return self

    def current(self, encoder="e1", /, **inputs):
        rows = [row(item, text, encoder) for item, text in inputs.items()]
        self.lake.append(f"{ASSET}/current", pl.DataFrame(rows))
        return self

    def vectors(self, *inputs, encoder="e1"):
        rows = [
            {"key": key(each, encoder), "encoder_id": encoder, "vector": [1.0], "checksum": 0, "device": "cpu"}
            for each in inputs
        ]
        self.lake.append(f"{ASSET}/vectors", pl.DataFrame(rows))
        return self

    def failed(self, encoder="e1", /, **inputs):
        rows = [
            row(item, text, encoder) | {"user_id": None, "reason": "bad", "run_id": "r"}
            for item, text in inputs.items()
        ]
        self.lake.append(f"{ASSET}/failed", pl.DataFrame(rows))
        return self

    def plan(self, encoder="e1", **options):
        found = plan_embeddings(self.lake.acting_as(ASSET, "1"), "text", encoder, **options)
        assert found.rows["item_id"].is_sorted()
        assert not found.missing["key"].is_duplicated().any()
        return found

    def reasons(self, encoder="e1", **options):
        return dict(self.plan(encoder, **options).rows.select("item_id", "reason").iter_rows())


def key(text, encoder="e1"):
    return keys.row_key("text", text, encoder)


def row(item, text, encoder):
    return {"item_id": item, "input_hash": text, "encoder_id": encoder, "key": key(text, encoder)}


def missing(plan):
    return set(plan.missing["input_hash"])


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def test_on_an_empty_lake_there_is_nothing_to_do(case):
    plan = case.plan()
    assert plan.rows.is_empty() and plan.words.is_empty()
    assert plan.reasons == {SAME: 0}


def test_what_is_current_stays(case):
    plan = case.items(a="A").current(a="A").vectors("A").plan()
    assert plan.rows.is_empty() and plan.words.is_empty()
    assert plan.missing.is_empty()
    assert plan.reasons == {SAME: 1}


def test_each_reason(case):
    case.items(new="N", changed="C2", encoder="E", same="S", lost="L", failed="F", without=None)
    case.current(changed="C1", same="S", lost="L", removed="R")
    case.current("e0", encoder="E")
    case.vectors("C1", "S", "R").vectors("E", encoder="e0").failed(failed="F")
    assert case.reasons() == {"new": NEW, "changed": CHANGED, "encoder": ENCODER, "lost": MISSING, "removed": REMOVED}
    assert missing(case.plan()) == {"N", "C2", "E", "L"}
    assert case.plan().reasons == {NEW: 1, CHANGED: 1, ENCODER: 1, MISSING: 1, REMOVED: 1, SAME: 1}
    assert case.reasons(retry_failed=True)["failed"] == FAILED
    assert missing(case.plan(retry_failed=True)) == {"N", "C2", "E", "L", "F"}


def test_items_with_the_same_input_are_one_key(case):
    plan = case.items(a="X", b="X", c="Y").plan()
    assert plan.reasons == {NEW: 3, SAME: 0}
    assert plan.missing.height == 2


def test_the_same_input_under_another_id_needs_no_vector(case):
    plan = case.items(a="X", b="X").current(a="X").vectors("X").plan()
    assert plan.reasons == {NEW: 1, SAME: 1}
    assert plan.missing.is_empty()
    assert plan.rows["key"].to_list() == [key("X")]


def test_taking_back_an_edit_needs_no_vector(case):
    plan = case.items(a="old").current(a="edited").vectors("old", "edited").plan()
    assert plan.reasons == {CHANGED: 1, SAME: 0}
    assert plan.missing.is_empty()


def test_switching_an_encoder_back_needs_no_vector(case):
    case.items(a="X").current("e2", a="X").vectors("X").vectors("X", encoder="e2")
    assert case.plan("e1").missing.is_empty()
    assert case.reasons("e1") == {"a": ENCODER}
    assert missing(case.plan("e3")) == {"X"}


def test_a_failure_is_kept_until_its_input_or_its_encoder_changes(case):
    case.items(a="X").failed(a="X")
    assert case.plan().rows.is_empty()
    assert case.reasons("e2") == {"a": NEW}
    assert case.items(a="Y").reasons() == {"a": NEW}


def test_failures_of_another_code_version_are_tried_again(case):
    case.items(a="X").failed(a="X")
    acting = case.lake.acting_as(ASSET, "0")
    ledger.record(acting, {WHOLE: PeriodReport(0, "-")}, {WHOLE: ""})
    assert case.reasons() == {"a": FAILED}
    ledger.record(case.lake.acting_as(ASSET, "1"), {WHOLE: PeriodReport(0, "-")}, {WHOLE: ""})
    assert case.reasons() == {}


def test_an_item_whose_new_input_failed_before_does_not_keep_the_vector_of_the_old_one(case):
    case.items(a="X").current(a="old").vectors("old").failed(b="X")
    assert case.reasons() == {"a": REMOVED}
    assert case.plan().given_up["item_id"].to_list() == ["a"]


def test_an_input_that_failed_here_and_has_a_vector_from_another_run_is_no_failure(case):
    plan = case.items(a="X").failed(a="X").vectors("X").plan()
    assert (plan.reasons, plan.missing.height, plan.given_up.height) == ({NEW: 1, SAME: 0}, 0, 0)


def test_a_key_that_stands_twice_is_there(case):
    assert case.items(a="X").current(a="X").vectors("X", "X").plan().rows.is_empty()


def test_modalities_do_not_share_keys():
    assert keys.row_key("text", "ab", "c") != keys.row_key("text", "a", "bc")
    assert keys.row_key("text", "a", "e") != keys.row_key("image", "a", "e")
    series = hashing.row_keys("text", pl.Series(["a", None, "b"]), "e")
    assert series.to_list() == [keys.row_key("text", "a", "e"), None, keys.row_key("text", "b", "e")]


def test_hashes_of_texts_are_those_of_each_text():
    texts = pl.Series(["a", None, "", "ä\n"])
    assert hashing.text_hashes(texts).to_list() == [
        keys.text_hash("a"),
        None,
        keys.text_hash(""),
        keys.text_hash("ä\n"),
    ]


def test_planning_imports_no_torch(case):
    case.items(a="A")
    code = (
        "import sys; from mmrec.lake.store import Lake; from mmrec.stages.embeddings.rows import plan_embeddings\n"
        f"plan = plan_embeddings(Lake({case.lake.root!r}), 'text', 'e1'); print(plan.missing.height)\n"
        "print(sorted({'torch', 'transformers', 'great_expectations', 'dagster'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "[]"]
