"""How a report looks: numbers stay numbers, texts never become markup, vectors are short, and no person is shown."""

from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from mmrec import tables
from mmrec.builds.report import WHOLE, PeriodReport, StageReport
from mmrec.planning import graph
from mmrec.settings import Settings
from mmrec_assets.showing import display

PERSON = "person-4c1d-zebra"
DAY = "2024-01-01"


@pytest.fixture(scope="module")
def settings():
    return Settings.model_validate(
        {
            "name": "tiny",
            "calendar": {"start": DAY, "end": "2024-01-03"},
            "interactions": {"files": ["*.csv"], "event": "view"},
            "events": {"view": 1.0},
            "items": {"files": ["items.csv"], "columns": {"text": ["title"]}},
            "embeddings": {"text": {"encoder": "hash:8"}},
        }
    )


def report(asset, period=WHOLE, **more):
    counts = PeriodReport(rows=7, data_version="v1", computed=3, reused=4, removed=2, rejected=1, seconds=0.25)
    return StageReport(asset, {period: counts}, 1.5, more.pop("lake_version", 9), more.pop("inputs", {}), **more)


def shown(settings, asset, period=WHOLE, **more):
    return display.materialization(graph.node(settings, asset), report(asset, period, **more), period)


def test_counts_are_numbers(settings):
    found = shown(settings, "raw/items")
    wanted = {"dagster/row_count": 7, "rows_computed": 3, "rows_reused": 4, "rows_removed": 2, "rows_rejected": 1}
    assert {name: found[name].value for name in wanted} == wanted
    assert all(isinstance(found[name], dg.IntMetadataValue) for name in wanted)
    assert found["seconds"].value == 0.25
    assert found["run_seconds"].value == 1.5
    assert found["lake_version"].value == 9


def test_a_period_counts_its_own_rows(settings):
    found = shown(settings, "raw/interactions", DAY)
    assert found["dagster/partition_row_count"].value == 7
    assert "dagster/row_count" not in found


def test_a_table_that_was_never_written_has_no_version(settings):
    assert isinstance(shown(settings, "raw/items", lake_version=None)["lake_version"], dg.NullMetadataValue)


def test_inputs_are_shown_with_their_version_and_the_own_table_is_none(settings):
    found = shown(settings, "validated/items", inputs={"raw/items": 4, "raw/media": 2, "validated/items": 1})
    rows = [record.data for record in found["input_versions"].records]
    assert rows == [{"table": "raw/items", "lake_version": 4}, {"table": "raw/media", "lake_version": 2}]


def test_a_sample_shows_no_person_whatever_the_stage_hands_in(settings):
    frame = pl.DataFrame({"user_id": [PERSON], "item_id": ["i1"], "query": [PERSON], "event": ["view"]})
    found = shown(settings, "validated/interactions", DAY, sample=frame, tables={"worst": frame})
    for name in ("sample", "worst"):
        assert set(found[name].records[0].data) == {"item_id", "event"}
    assert PERSON not in str(found)


def test_a_sample_of_reasons_holds_neither_sentence_nor_evidence(settings):
    frame = pl.DataFrame({"rank": [1], "reason": ["because of x"], "evidence": ["{}"], "user_id": [PERSON]})
    assert set(shown(settings, "recommendations/reasons", DAY, sample=frame)["sample"].records[0].data) == {"rank"}


def test_text_is_never_markup(settings):
    evil = "<img src=x onerror=alert(1)> [click](javascript:1)"
    frame = pl.DataFrame({"item_id": ["i1"], "title": [evil]})
    found = shown(settings, "raw/items", sample=frame, facts={"note": evil}, tables={"t": frame}, warnings=[evil])
    assert not [name for name, value in found.items() if isinstance(value, dg.MarkdownMetadataValue)]
    assert isinstance(found["note"], dg.TextMetadataValue)
    assert isinstance(found["warnings"], dg.TextMetadataValue)


def test_facts_keep_their_kind_and_get_lower_case_names(settings):
    found = shown(settings, "raw/items", facts={"NDCG@20": 0.125, "files": 3, "encoder": "minilm"})
    assert isinstance(found["ndcg@20"], dg.FloatMetadataValue)
    assert isinstance(found["files"], dg.IntMetadataValue)
    assert isinstance(found["encoder"], dg.TextMetadataValue)


def test_a_fact_cannot_pose_as_a_count(settings):
    assert shown(settings, "raw/items", facts={"rows_computed": 999})["rows_computed"].value == 3


def test_what_is_about_the_newest_period_stands_there_only(settings):
    both = report("model/evaluation", "2024-01-01", facts={"k": 20})
    counts = both.periods["2024-01-01"]
    both.periods["2024-01-01"] = replace(counts, facts={"mf − EASE NDCG@20": 0.1})
    both.periods["2024-01-02"] = replace(counts, facts={"mf − EASE NDCG@20": 0.2})
    node = graph.node(settings, "model/evaluation")
    older = display.materialization(node, both, "2024-01-01")
    newer = display.materialization(node, both, "2024-01-02")
    assert "k" not in older
    assert newer["k"].value == 20
    assert [each["mf_minus_ease_ndcg@20"].value for each in (older, newer)] == [0.1, 0.2]


CELLS = {
    "vector": ([0.123, 0.5, -0.034], "[0.12, …, −0.03] × 3"),
    "words": (["a", "b"], "a, b"),
    "no words": ([], ""),
    "long text": ("x" * 500, "x" * 159 + "…"),
    "bytes": (b"abc", "3 bytes"),
    "nothing": (None, None),
    "truth": (True, True),
    "number": (1.5, 1.5),
}


@pytest.mark.parametrize(("value", "expected"), CELLS.values(), ids=CELLS.keys())
def test_a_cell_is_short_and_plain(value, expected):
    assert display.cell(value) == expected


def test_a_long_table_is_cut():
    assert len(display.shown(pl.DataFrame({"n": range(1000)})).records) == 20


def test_no_rows_are_said():
    assert display.shown(pl.DataFrame()).value == "no rows"


def test_columns_show_key_people_and_provenance():
    columns = {column.name: column for column in display.schema(tables.contract("validated/interactions")).columns}
    assert columns["user_id"].constraints.other == ["key", "personal"]
    assert columns["source_row"].constraints.other == ["provenance"]
    assert columns["value"].constraints.nullable
    assert columns["time"].type == "time (UTC)"


def test_types_are_words():
    columns = {column.name: column.type for column in display.schema(tables.contract("fused/vectors")).columns}
    assert columns["key"] == "string"
    assert columns["modalities"] == "list of string"
    assert columns["vector"] == "list of float32"


def test_every_table_of_an_asset_is_named(settings):
    assert display.declaration("/lake", "model/factors")["dagster/table_name"].value == "model.users"
    named = display.declaration("/lake", "model/factors")["other_tables"].value
    assert named == "model.versions, model.candidates, model.arrays, model.items"


def test_rejected_rows_show_rules_and_places():
    by_rule = pl.DataFrame({"table": ["interactions"], "rule": ["user_missing"], "rows": [5]})
    first = pl.DataFrame({"source_file": ["a.csv"], "source_row": [3], "row": [PERSON]})
    found = display.rejected(by_rule, first, None, "empty")
    assert found["dagster/row_count"].value == 5
    assert found["sample"].records[0].data == {"source_file": "a.csv", "source_row": 3}
    assert isinstance(found["lake_version"], dg.NullMetadataValue)
