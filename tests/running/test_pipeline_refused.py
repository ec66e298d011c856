"""What is refused, through the whole graph: a bad day by name, and a newest day without its history."""

import json

import dagster as dg
import pytest

from tests.helpers.pipeline import RANGE, Pipeline
from tests.helpers.shop import DAYS, PERSON

pytestmark = pytest.mark.usefixtures("great_expectations")


def test_a_bad_day_is_refused_by_name_and_the_other_days_are_published(tmp_path):
    bad = Pipeline(tmp_path)
    spoilt = bad.shop.spoil(DAYS[2])
    result = bad.refresh(tags=RANGE, raise_on_error=False)
    newest, _ = bad.materializations(result)
    assert not result.success
    published = {day for asset, day in newest if asset == "validated/interactions"}
    assert published == set(DAYS) - {DAYS[2]}
    assert ("model/factors", DAYS[0]) not in newest
    assert newest["validated/rejected", None].metadata["dagster/row_count"].value == spoilt
    verdicts = {e.partition: e for e in result.get_asset_check_evaluations() if e.check_name == "rejected_share"}
    assert not verdicts[DAYS[2]].passed
    assert "%" in verdicts[DAYS[2]].metadata["expected"].value + verdicts[DAYS[2]].metadata["found"].value
    said = json.dumps([dg.serialize_value(record) for record in bad.instance.all_logs(result.run_id)])
    assert PERSON not in said
    later = bad.refresh(partition=DAYS[-1], raise_on_error=False)
    after, _ = bad.materializations(later)
    assert ("recommendations/snapshot", DAYS[-1]) in after
    assert DAYS[2] in after["model/factors", DAYS[-1]].metadata["warnings"].value


@pytest.mark.full
def test_the_newest_day_alone_on_an_empty_lake_ends_in_one_clear_message(tmp_path):
    result = Pipeline(tmp_path).refresh(partition=DAYS[-1], raise_on_error=False)
    failed = [event for event in result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["model__factors"]
    assert "materialize" in failed[0].step_failure_data.user_failure_data.description
