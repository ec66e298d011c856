"""Batch contracts judge what is about to be published, and a suite says the table's contract again on its own."""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

from mmrec import tables
from mmrec.builds.report import Check
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.quality import contracts, suites
from mmrec.quality import verdicts as judging
from mmrec.quality.contracts import DUPLICATE, GOOD, IGNORED, UNNAMED, Candidate
from mmrec.settings import Settings

pytestmark = pytest.mark.usefixtures("great_expectations")

EVENTS, ITEMS = "validated/interactions", "validated/items"


def settings(**quality):
    return Settings.model_validate(
        {
            "name": "shop",
            "calendar": {"start": "2024-01-01", "end": "2024-01-31"},
            "interactions": {"files": ["*.csv"], "event": "view", "value_range": [1, 5]},
            "events": {"view": 1},
            "items": {"files": ["items.csv"]},
            "quality": quality,
        }
    )


def events(count=4, **columns):
    rows = {
        "period": ["2024-01-01"] * count,
        "user_id": [f"zq-person-{at}" for at in range(count)],
        "item_id": ["i1"] * count,
        "event": ["view"] * count,
        "value": [3.0] * count,
        "time": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * count,
        "query": [None] * count,
        "review": [None] * count,
        "split": [None] * count,
        "words_hash": [None] * count,
        "source_file": ["f.csv"] * count,
        "source_row": list(range(1, count + 1)),
    }
    return pl.DataFrame(rows | columns, schema=tables.contract(EVENTS).schema, strict=False)


def candidate(good=None, rules=None, period="2024-01-01", digest="d", against="a", known=None):
    good = events() if good is None else good
    landed = pl.DataFrame({"rule": rules or [GOOD] * good.height}, schema={"rule": pl.String})
    landed = landed.with_row_index("source_row", offset=1).with_columns(
        source_file=pl.lit("f.csv"), reason=pl.lit("why")
    )
    landed = landed if known is None else landed.with_columns(known=pl.Series(known))
    return Candidate(period, landed, good, digest, against)


def judged(*arguments, asset=EVENTS, quality=None, **options):
    """check → (passed, expected, found)."""
    checks = suites.judge(asset, candidate(*arguments, **options), settings(**(quality or {})))
    return {check.name: (check.passed, check.expected, check.found) for check in checks}


def failed(*arguments, **options):
    return {name: told for name, told in judged(*arguments, **options).items() if not told[0]}


def test_good_rows_pass_every_check():
    found = judged()
    assert list(found) == [spec.name for spec in contracts.checks(EVENTS, settings())]
    assert all(passed for passed, *_ in found.values())
    assert found["volume"] == (True, "1 to 1000000000 rows", "4 rows")


@pytest.mark.parametrize(("rejected", "passes"), [(5, True), (6, False)])
def test_the_share_of_rejected_rows(rejected, passes):
    rules = [GOOD] * (10 - rejected) + ["value_unusable"] * rejected
    found = judged(events(10 - rejected), rules)["rejected_share"]
    assert found[0] == passes
    assert found[1] == "at most 50% rejected"
    assert found[2].startswith(f"{rejected} of 10 rows")


def test_the_share_of_unknown_items():
    found = judged(events(10), known=[True] * 8 + [False] * 2, quality={"max_unknown_item_share": 0.1})
    assert found["references"] == (False, "at most 10% name an unknown item", "2 of 10 rows (20.0%)")
    assert found["rejected_share"][0]
    assert "references" not in judged(events(10))


def test_only_rejected_rows_enter_the_share():
    assert judged(events(1), [GOOD, *[DUPLICATE] * 8, *[IGNORED] * 8, *[UNNAMED] * 8])["rejected_share"][0]


def test_a_failed_check_shows_the_share_of_each_rule_and_its_worst_rows(lake, judge):
    judge.fails = {"bad"}
    rules = [GOOD, "user_missing", *["value_unusable"] * 7, DUPLICATE]
    [checks] = judging.verdicts(lake, EVENTS, [candidate(events(1), rules, digest="bad")], settings()).values()
    share = next(check for check in checks if check.name == "rejected_share")
    assert share.shares == {"value_unusable": 0.7, "user_missing": 0.1}
    assert [(row["file"], row["row"]) for row in share.worst] == [("f.csv", at) for at in range(3, 8)]
    assert share.worst[0]["reason"] == "why"
    again = judging.verdicts(lake, EVENTS, [candidate(events(1), rules, digest="bad")], settings())
    assert share in next(iter(again.values())), "a verdict that is remembered shows them too"
    twice = suites.explained(EVENTS, replace(share, name="keys"), candidate(events(2, user_id=["a", "a"])), settings())
    assert [row["row"] for row in twice.worst] == [1, 2]
    assert "value_unusable 70.0%, user_missing 10.0%; first f.csv row 3" in judging.refusal([share])


def test_an_empty_period_only_warns():
    found = failed(events(0))
    assert list(found) == ["volume"]
    assert found["volume"][2] == "0 rows"
    assert {spec.name: spec.blocking for spec in contracts.checks(EVENTS, settings())}["volume"] is False
    assert judging.refusal([Check("volume", "p", False, False, "e", "f")]) is None


def test_too_many_rows_are_said():
    assert failed(quality={"max_rows": 3})["volume"][1:] == ("1 to 3 rows", "4 rows")


def test_published_rows_with_one_key_fail():
    found = failed(events(user_id=["zq-person-1", "zq-person-1", "zq-person-2", "zq-person-3"]))
    assert list(found) == ["keys"]
    assert found["keys"][1] == "user_id + item_id + event + time + query unique"


def test_a_missing_value_where_none_may_be_fails():
    found = failed(events(event=["view", None, "view", "view"]))
    assert found["nulls"][1:] == ("event never missing", "1 of 4 rows (25.0%)")


def test_a_value_out_of_range_that_slipped_through_the_rules_fails():
    assert failed(events(value=[1.0, 5.0, 5.5, None]))["ranges"][:2] == (False, "value within 1 to 5")


@pytest.mark.parametrize("column", ["user_id", "source_row"])
def test_a_column_of_another_type_fails(column):
    other = events().with_columns(pl.col(column).is_null())
    assert failed(other)["types"][1].startswith(f"{column} is ")


def test_a_header_of_another_order_fails():
    other = events().select(tables.contract(EVENTS).columns[::-1])
    assert "header" in failed(other)


def test_an_expectation_that_cannot_be_evaluated_counts_as_failed():
    found = failed(events().drop("event"))
    assert found["nulls"][2] == "the expectation could not be evaluated"


def test_no_verdict_shows_a_person():
    told = str(judged(events(user_id=["zq-person-1"] * 4, value=[9.0] * 4)))
    assert "zq-person" not in told


def test_the_catalogue_has_a_contract_too():
    row = dict.fromkeys(tables.contract(ITEMS).columns)
    rows = [row | {"item_id": item, "title": "t", "source_file": "f", "source_row": 1} for item in ("a", "b", "a")]
    good = pl.DataFrame(rows, schema=tables.contract(ITEMS).schema)
    assert list(failed(good, asset=ITEMS, period="")) == ["keys"]
    assert not failed(good.head(2), asset=ITEMS, period="")


# -- the ledger --------------------------------------------------------------------------------------------------------


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path), asset=EVENTS, run_id="r")


@pytest.fixture
def judge(monkeypatch):
    """A judge without Great Expectations, and what it was asked; `fails` names the digests that it refuses."""

    def pronounce(asset, candidate, settings):
        pronounce.asked.append(candidate.digest)
        passed = candidate.digest not in pronounce.fails
        return [
            Check(spec.name, candidate.period, spec.blocking, passed, "e", "f")
            for spec in contracts.checks(asset, settings)
        ]

    pronounce.asked, pronounce.fails = [], set()
    monkeypatch.setattr(suites, "judge", pronounce)
    return pronounce


def verdicts(lake, *candidates, **quality):
    found = judging.verdicts(lake.acting_as(EVENTS, "1"), EVENTS, candidates, settings(**quality))
    return {period: judging.refusal(checks) for period, checks in found.items()}


def test_the_same_candidate_suite_and_surroundings_are_the_old_verdict(lake, judge):
    assert verdicts(lake, candidate()) == verdicts(lake, candidate()) == {"2024-01-01": None}
    assert judge.asked == ["d"]
    assert lake.rows(tables.VERDICTS) == len(contracts.checks(EVENTS, settings()))


@pytest.mark.parametrize("other", [{"digest": "x"}, {"against": "x"}, {"period": "2024-01-02"}])
def test_another_candidate_or_other_surroundings_are_judged(lake, judge, other):
    verdicts(lake, candidate())
    verdicts(lake, candidate(**other))
    assert len(judge.asked) == 2


def test_another_threshold_is_another_suite(lake, judge):
    verdicts(lake, candidate())
    verdicts(lake, candidate(), max_rejected_share=0.4)
    assert len(judge.asked) == 2


def test_the_newest_verdict_is_that_of_the_newest_candidate(lake, judge):
    judge.fails = {"bad"}
    for digest, lets_through in (("good", True), ("bad", False), ("good", True), ("bad", False), ("bad", False)):
        verdicts(lake, candidate(digest=digest))
        assert judging.judged_periods(lake.acting_as(EVENTS, "1"), EVENTS) == {"2024-01-01": lets_through}
    assert judge.asked == ["good", "bad"]


def test_a_refusal_names_each_blocking_check_that_failed():
    checks = [
        Check("keys", "p", True, False, "unique", "2 twice"),
        Check("volume", "p", False, False, "1 row", "0 rows"),
        Check("types", "p", True, True, "e", "f"),
        Check("nulls", "p", True, False, "none", "3"),
    ]
    assert judging.refusal(checks) == (
        "failed its contract: keys (expected unique; found 2 twice), nulls (expected none; found 3)"
    )


def test_an_asset_without_a_contract_has_no_checks():
    assert contracts.checks("fused/items", settings()) == []
    with pytest.raises(MmrecError, match="no table is called"):
        tables.contract("validated/nothing")
