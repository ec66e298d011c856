"""Each quality check holds on a sound lake and fails, in words with counts, on the fault it is about."""

import dagster as dg
import polars as pl
import pytest

from checks import drift, model, neighbours, results, vectors
from mmrec import tables
from mmrec.builds.report import WHOLE, Check
from mmrec.lake.store import Lake

ASSET = "embeddings/text"
DAY = "2024-01-02"
NOON = pl.Series([0]).cast(pl.Datetime("us", "UTC"))[0]


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def put(lake, table, rows):
    lake.replace(table, tables.contract(table).conform(pl.DataFrame(rows), partial=True))


def embed(lake, made, failed=0, current=None):
    """Vectors by key, an item for each key of `current`, and items that failed."""
    fields = {"input_hash": "h", "encoder_id": "e"}
    put(lake, f"{ASSET}/vectors", [{"key": k, "vector": v, "checksum": 1, "encoder_id": "e"} for k, v in made.items()])
    keys = list(made) if current is None else current
    put(lake, f"{ASSET}/current", [{"item_id": f"i{n}", "key": k, **fields} for n, k in enumerate(keys)])
    if failed:
        rows = [{"item_id": f"f{n}", "key": f"f{n}", "reason": "bad", "run_id": "r", **fields} for n in range(failed)]
        put(lake, f"{ASSET}/failed", rows)


def outcome(lake):
    return {check.name: check.passed for check in vectors.judge(lake, ASSET)}


def found(lake, name):
    return next(check.found for check in vectors.judge(lake, ASSET) if check.name == name)


SOUND = {"a": [0.6, 0.8], "b": [1.0, 0.0]}


def test_sound_vectors_pass(lake):
    embed(lake, SOUND)
    assert outcome(lake) == {"finite": True, "norms": True, "failed_share": True, "complete": True}


def test_no_vectors_at_all_pass(lake):
    assert all(outcome(lake).values())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None], ids=str)
def test_a_number_that_is_none_is_found(lake, bad):
    embed(lake, {**SOUND, "c": [bad, 1.0]})
    assert outcome(lake) == {"finite": False, "norms": True, "failed_share": True, "complete": True}
    assert found(lake, "finite") == "1 of 3 vectors are not finite"


@pytest.mark.parametrize("bad", [[0.0, 0.0], [1e6, 0.0]], ids=["nought", "huge"])
def test_an_insane_length_is_found(lake, bad):
    embed(lake, {**SOUND, "c": bad})
    assert outcome(lake)["norms"] is False
    assert found(lake, "norms").startswith("1 vectors outside")


def test_many_failures_are_found(lake):
    embed(lake, SOUND, failed=1)
    assert outcome(lake)["failed_share"] is False
    assert found(lake, "failed_share") == "1 of 3 items failed"


def test_a_missing_vector_is_found(lake):
    embed(lake, SOUND, current=["a", "b", "gone"])
    assert outcome(lake)["complete"] is False
    assert found(lake, "complete") == "2 vectors"


def test_a_key_written_twice_or_not_current_does_not_count(lake):
    embed(lake, SOUND, current=["a", "a"])
    rows = [{"key": "a", "vector": SOUND["a"], "checksum": 1, "encoder_id": "e", "device": "cpu"}]
    lake.append(f"{ASSET}/vectors", pl.DataFrame(rows))
    assert all(outcome(lake).values())


def land(lake, *counts):
    event = {"item_id": "i1", "event": "view", "time": NOON, "source_file": "f", "source_row": 1}
    rows = [
        {"period": f"2024-01-0{day}", "user_id": f"u{index}", **event}
        for day, count in enumerate(counts, start=1)
        for index in range(count)
    ]
    put(lake, "validated/interactions", rows)


@pytest.mark.parametrize(
    ("counts", "passed"),
    [((8, 8, 8, 8), True), ((8, 8, 8, 2), True), ((8, 8, 8, 1), False), ((8, 8, 8, 33), False), ((8, 8, 99), True)],
    ids=["alike", "a quarter", "less", "more", "too few periods to say"],
)
def test_the_newest_period_is_compared_with_the_median(lake, counts, passed):
    land(lake, *counts)
    check = drift.judge(lake)
    assert check.passed is passed
    assert not check.blocking


def test_drift_says_what_it_saw(lake):
    land(lake, 8, 8, 8, 1)
    assert drift.judge(lake).found == "1 rows in 2024-01-04; median 8"
    assert drift.judge(lake).expected == "2 to 32 rows"


def evaluate(lake, low, high, **more):
    row = {"period": DAY, "model": "mf", "minus": "popularity", "split": "test", "metric": "NDCG@20", "segment": "all"}
    put(lake, "model/evaluation", [{**row, "value": (low + high) / 2, "low": low, "high": high, "people": 9, **more}])


@pytest.mark.parametrize(
    ("low", "high", "passed"), [(0.01, 0.03, True), (-0.01, 0.03, True), (-0.03, -0.01, False)], ids=str
)
def test_the_model_may_not_lie_below_popularity(lake, low, high, passed):
    evaluate(lake, low, high)
    assert model.against_popularity(lake, DAY).passed is passed


def test_only_the_test_figure_over_everybody_counts(lake):
    evaluate(lake, -0.03, -0.01, split="validation")
    assert model.against_popularity(lake, DAY).found == "too little history to compare"


def test_the_figures_are_said(lake):
    evaluate(lake, -0.03, -0.01)
    said = model.against_popularity(lake, DAY).found
    assert said == "mf − popularity NDCG@20: -0.0200 [-0.0300, -0.0100], 9 people"


def serve(lake, lists):
    land(lake, 2, 1)  # u0 and u1 on the first day, u0 on the second, all with i1
    factors = [{"period": DAY, "user_id": u, "events": 1, "words": 0} for u in ("u0", "u1")]
    put(lake, "model/users", [*factors, {"period": DAY, "user_id": "u2", "events": 0, "words": 0}])
    rows = [{"period": DAY, "user_id": u, "rank": 1, "item_id": item, "score": 1.0} for u, item in lists]
    put(lake, "recommendations/top_k", rows)


def test_complete_lists_of_new_items_pass(lake):
    serve(lake, [("u0", "i2"), ("u1", "i2")])
    assert model.everybody_has_a_list(lake, DAY).passed
    assert model.nothing_seen(lake, DAY).passed


def test_a_person_without_a_list_is_counted(lake):
    serve(lake, [("u0", "i2")])
    assert model.everybody_has_a_list(lake, DAY).found == "1 of 2 people have none"
    assert not model.everybody_has_a_list(lake, DAY).passed


def test_a_seen_item_is_counted(lake):
    serve(lake, [("u0", "i1"), ("u1", "i2")])
    assert model.nothing_seen(lake, DAY).found == "1 listed items were seen"
    assert not model.nothing_seen(lake, DAY).passed


def compare(lake, modalities, lists, by="text"):
    """Items with their modalities, and lists by item."""
    fields = {"space": "s", "digest": "d", "vector": [1.0]}
    put(lake, "fused/current", [{"item_id": item, "modalities": has, **fields} for item, has in modalities.items()])
    rows = [
        {"item_id": item, "by": by, "rank": rank, "neighbour": other, "similarity": 0.5, "checksum": 1}
        for item, listed in lists.items()
        for rank, other in enumerate(listed, start=1)
    ]
    if rows:
        put(lake, "recommendations/similar_items", rows)


def test_whole_lists_pass(lake):
    compare(lake, {"a": ["text"], "b": ["text", "image"], "c": []}, {"a": ["b"], "b": ["a"]})
    assert [(check.name, check.passed) for check in neighbours.judge(lake)] == [("complete", True), ("few_hubs", True)]


def test_no_neighbours_at_all_pass(lake):
    assert all(check.passed for check in neighbours.judge(lake))


def test_a_list_that_lacks_items_is_found(lake):
    compare(lake, {item: ["text"] for item in "abc"}, {"a": ["b", "c"], "b": ["a"]})
    [complete, _] = neighbours.judge(lake)
    assert (complete.passed, complete.found) == (False, "2 of 3 lists by one modality are shorter")


def test_an_item_on_too_many_lists_is_found(lake):
    everybody = [f"i{number:04}" for number in range(1000)]
    compare(lake, {"i0007": ["text"]}, {item: ["i0007"] for item in everybody[:100]})
    [_, hubs] = neighbours.judge(lake)
    assert (hubs.passed, hubs.found) == (True, "item i0007 is on 100% of 100 lists by text")
    compare(lake, {}, {item: ["i0007" if at < 300 else f"i{at:04}"] for at, item in enumerate(everybody)})
    [_, hubs] = neighbours.judge(lake)
    assert (hubs.passed, hubs.found) == (False, "item i0007 is on 30% of 1000 lists by text")
    assert hubs.expected == "at most 25% of the lists"
    compare(lake, {}, {item: ["i0007" if at < 240 else f"i{at:04}"] for at, item in enumerate(everybody)})
    assert neighbours.judge(lake)[1].passed


def judged(*passed, blocking=True):
    return [Check("keys", f"2024-01-0{n}", blocking, ok, "unique", f"{n} twice") for n, ok in enumerate(passed, 1)]


def test_one_period_is_shown_as_it_is():
    result = results.result("keys", "validated/items", judged(False))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert result.description == "expected unique; found 1 twice"
    assert {name: value.value for name, value in result.metadata.items()} == {
        "expected": "unique",
        "found": "1 twice",
        "period": "2024-01-01",
    }


def test_of_many_periods_the_failed_ones_are_named():
    result = results.result("keys", "validated/items", judged(True, *[False] * 7))
    assert result.description.startswith("fails in 7 of 8 periods of this run: 2024-01-02, ")
    assert result.description.endswith("2024-01-06 and 2 more")
    assert result.metadata["failed_periods"].value == 7
    assert len(result.metadata["worst"].records) == 5


def test_a_failed_warning_is_a_warning():
    assert results.result("keys", "validated/items", judged(False, blocking=False)).severity.value == "WARN"


def test_an_asset_without_periods_shows_none():
    result = results.result("keys", "validated/items", [Check("keys", WHOLE, True, True, "unique", "unique")])
    assert set(result.metadata) == {"expected", "found"}
    assert results.evaluation("validated/items", Check("keys", WHOLE, True, True, "a", "b")).partition is None
