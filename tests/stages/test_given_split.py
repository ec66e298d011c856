"""A column of the event files that says which events are train, validation and test."""

import polars as pl
import pytest
from pydantic import ValidationError

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.evaluation.problem import Problem
from mmrec.lake.hashing import digest
from mmrec.planning.walk import plan
from mmrec.published import events as history
from mmrec.published.weighing import Weighing
from tests.helpers.shop import EVENT_HEADER

GIVEN = {"interactions": {"columns": {"split": "fold"}}, "model": {"split": "given"}}
FOLDS = ("train", " Test ", "validation", "TRAIN")


def deliver(shop, fold=lambda at: FOLDS[at % 4]):
    """Every day's events with a further column."""
    for day in shop.days:
        lines = [f"{line},{fold(at)}" for at, line in enumerate(shop.lines(day))]
        shop.write_events(day, lines, header=f"{EVENT_HEADER},fold")


def problem(shop):
    settings, day = shop.settings, shop.days[-1]
    events = history.read(shop.lake, settings, day, Weighing.of(settings))
    return events, Problem.of(events, shop.items, {}, {}, settings.model)


def test_each_event_is_in_the_part_that_its_column_says(new_shop):
    deliver(new_shop)
    new_shop.configure(**GIVEN).run(*new_shop.events)
    landed = new_shop.scan(tables.RAW_INTERACTIONS)
    assert set(landed["split"]) == set(FOLDS)  # as delivered
    events, found = problem(new_shop)
    assert set(events["split"]) == {"train", "validation", "test"}
    names = ("train", "validation", "test")
    assert [names[at] for at in found.part] == events["split"].to_list()


def test_a_row_that_says_none_of_the_three_is_rejected(new_shop):
    deliver(new_shop, lambda at: ["train", "dev", ""][min(at, 2)] if at < 3 else "test")
    new_shop.configure(**GIVEN).run(*new_shop.events, strict=False)
    kept_out = new_shop.scan(tables.REJECTED).filter(pl.col("rule") == "split_unknown")
    assert kept_out.height == 2 * len(new_shop.days)
    assert set(kept_out["reason"]) == {"the split is none of: train, validation, test"}
    assert kept_out["row"].str.contains('"split":"dev"').sum() == len(new_shop.days)


def test_a_column_that_nobody_names_changes_no_byte_of_what_is_stored(new_shop):
    """Old lakes have no such column: their data versions and rejected rows must be those of today."""
    new_shop.spoil(new_shop.days[0], 0.1)
    new_shop.run(*new_shop.events, strict=False)
    contract = tables.contract(tables.VALIDATED_INTERACTIONS)
    rows = new_shop.scan(contract.name)
    before = [name for name in contract.content if name != "split"]
    assert rows["split"].null_count() == rows.height > 0
    assert digest(rows, "period", contract.content, contract.silent) == digest(rows, "period", before)
    told = digest(rows.with_columns(split=pl.lit("test")), "period", contract.content, contract.silent)
    assert not set(told.values()) & set(digest(rows, "period", before).values())
    assert not new_shop.scan(tables.REJECTED)["row"].str.contains("split").any()


def test_naming_the_column_later_lands_and_judges_again(new_shop):
    deliver(new_shop)
    new_shop.run(*new_shop.events)
    assert problem(new_shop)[0].columns[-1] == "weight"
    new_shop.configure(**GIVEN)
    with pytest.raises(MmrecError, match=r"^some events were judged before interactions.columns.split was set"):
        problem(new_shop)
    stale = {row.asset for row in plan(new_shop.lake, new_shop.settings, new_shop.days).rows}
    assert {tables.RAW_INTERACTIONS, tables.VALIDATED_INTERACTIONS} <= stale
    new_shop.run(*new_shop.events)
    assert problem(new_shop)[0]["split"].null_count() == 0


@pytest.mark.parametrize("change", [{"interactions": GIVEN["interactions"]}, {"model": GIVEN["model"]}])
def test_one_setting_without_the_other_is_refused(new_shop, change):
    with pytest.raises(ValidationError, match=r"model.split is 'given' where interactions.columns.split names the"):
        new_shop.configure(**change)
