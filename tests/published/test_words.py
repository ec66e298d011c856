"""People's own words: read only with consent, encoded as texts, part of the person's factor, gone when withdrawn."""

import json

import numpy as np
import polars as pl
import pytest

from mmrec import keys
from mmrec.planning import graph
from mmrec.planning.walk import plan
from mmrec.published import state, user_texts, versions
from mmrec.queries import recommend, why

PROFILES = "user_id,consent,about\n"
TEXT = "embeddings/text"
FACTORS, TOP_K, EVALUATION = "model/factors", "recommendations/top_k", "model/evaluation"
USERS = {"files": ["people.csv"], "columns": {"text": ["about"]}}
YES, NO, LONELY = "zq-person-00", "zq-person-01", "zq-person-lonely"
DELIVERED = ((YES, "yes", "A thing number 4"), (NO, "no", "the secret of 1"), (LONELY, "true", "A thing number 7"))


def profiles(shop, *rows):
    (shop.data / "people.csv").write_text(PROFILES + "".join(f"{','.join(row)}\n" for row in rows))


def assets(shop):
    return [node.asset for node in graph.nodes(shop.settings)]


def run(shop, *names):
    return shop.run(*(names or assets(shop)))


def with_people(shop):
    """Three profiles, one without consent and one of a person without events; and two reviews on the last day."""
    profiles(shop, *DELIVERED)
    day = shop.days[-1]
    rated = [line.rpartition(",")[0] for line in shop.lines(day)]
    said = {YES: "wonderful number 4", NO: "hidden words"}
    done = set()
    lines = []
    for line in rated:
        person = line.partition(",")[0]
        review = "" if person in done or ",rating," not in line else said.get(person, "")
        done |= {person} if review else set()
        query = "words of a search" if ",search," in line else ""
        lines.append(f"{line},{query},{review}")
    shop.write_events(day, lines, header=f"{shop.event_header},review")
    for other in shop.days[:-1]:
        shop.write_events(other, [f"{line}," for line in shop.lines(other)], header=f"{shop.event_header},review")
    return shop.configure(users=USERS, interactions={"columns": {"review": "review"}})


@pytest.fixture(scope="module")
def peopled(built, make_shop, tmp_path_factory):
    """A shop with people's words, everything run, for tests that only read."""
    shop = with_people(make_shop(tmp_path_factory.mktemp("peopled"), like=built))
    run(shop)
    return shop


@pytest.fixture
def shop(peopled, make_shop, tmp_path):
    """A copy of it."""
    copy = make_shop(tmp_path, like=peopled)
    return copy.configure(users=USERS, interactions={"columns": {"review": "review"}})


def factors(shop, day=None):
    rows = shop.scan("model/users", period=day or shop.days[-1])
    return dict(rows.select("user_id", "factor").iter_rows())


def encoded(shop):
    return {(user, key) for user, key in shop.scan(f"{TEXT}/words").select("user_id", "input_hash").iter_rows()}


def test_only_words_with_consent_are_read(peopled):
    consent = dict(peopled.scan("validated/users").select("user_id", "consent").iter_rows())
    assert consent == {YES: "yes", NO: "no", LONELY: "yes"}
    said = {
        (YES, "A thing number 4"),
        (YES, "wonderful number 4"),
        (YES, "words of a search"),
        *((YES, f"words of {YES}") for _ in peopled.days[:-1]),
        (LONELY, "A thing number 7"),
    }
    assert encoded(peopled) == {(user, keys.text_hash(text)) for user, text in said}
    assert peopled.scan("raw/users", user_id=NO)["text"].to_list() == [None]


def test_words_share_the_vectors_of_items_with_the_same_text(shop):
    vectors = shop.scan(f"{TEXT}/vectors")
    assert not vectors["key"].is_duplicated().any()
    [twin] = shop.scan(f"{TEXT}/current", item_id="item-04")["key"]
    assert twin in set(shop.scan(f"{TEXT}/words", user_id=YES)["key"])


def test_a_person_without_events_gets_a_list(peopled):
    mine = peopled.scan("model/users", user_id=LONELY, period=peopled.days[-1])
    assert mine.select("events", "words").row(0) == (0, 1)
    answer = recommend.recommend(peopled.lake, peopled.settings, LONELY)
    assert len(answer["items"]) == peopled.settings.recommendations.k
    assert all(row["reason"] for row in answer["items"])


def test_shares_over_events_and_words_sum_to_the_score(peopled):
    for person in (YES, LONELY):
        answer = why.why(peopled.lake, peopled.settings, person)
        known = state.load(peopled.lake, peopled.settings, peopled.days[-1], only=person)
        assert np.isclose(sum(answer["through"].values()), answer["score"])
        assert answer["events_in_all"] == known.histories.lengths[0]
    assert answer["events"][0] | {"share": 0} == {
        "item_id": answer["events"][0]["item_id"],
        "share": 0,
        "event": user_texts.PROFILE,
        "time": None,
        "period": "",
        "source_file": "people.csv",
        "source_row": 3,
        "events": 1,
        "title": "A thing number 7",
    }
    assert np.isclose(answer["events"][0]["share"], answer["score"])


def test_a_list_holds_no_text(peopled):
    items = set(peopled.scan("validated/items")["item_id"])
    assert set(peopled.scan(TOP_K)["item_id"]) <= items


def test_a_search_counts_from_its_period_on(peopled):
    first, last = (
        set(user_texts.read(peopled.lake, peopled.settings, day, 1.0)["event"])
        for day in (peopled.days[0], peopled.days[-1])
    )
    assert (first, last) == ({user_texts.PROFILE, "search"}, {user_texts.PROFILE, "search", "rating"})


@pytest.mark.full
def test_a_changed_profile_moves_only_that_person(shop):
    before = factors(shop)
    profiles(shop, (YES, "yes", "A thing number 9"), (NO, "no", "x"), (LONELY, "true", "A thing number 7"))
    planned = {row.asset: row for row in plan(shop.lake, shop.settings, shop.days).rows}
    assert (planned["validated/users"].rows, planned["validated/users"].at_most) == (1, False)
    assert TEXT not in planned or planned[TEXT].rows == 0  # item 9 has this very text
    reports = run(shop)
    after = factors(shop)
    assert {user for user in after if after[user] != before[user]} == {YES}
    assert (reports[TEXT].total("computed"), reports["fused/items"].total("computed")) == (0, 0)
    assert reports[FACTORS].periods[shop.days[-1]].computed == 1
    assert reports[EVALUATION].total("computed") == 0


def test_consent_withdrawn_takes_the_words_away_and_given_again_costs_nothing(shop):
    before, held = factors(shop), encoded(shop)
    profiles(shop, (YES, "no", "A thing number 4"), (NO, "no", "x"), (LONELY, "true", "A thing number 7"))
    up_to_factors = assets(shop)[: assets(shop).index(FACTORS) + 1]
    run(shop, *up_to_factors)
    assert {user for user, _ in encoded(shop)} == {LONELY}
    assert factors(shop)[YES] != before[YES]
    profiles(shop, *DELIVERED)
    reports = run(shop, *up_to_factors)
    assert (factors(shop), encoded(shop)) == (before, held)
    assert reports[TEXT].total("computed") == 0


@pytest.mark.full
def test_incremental_equals_built_from_nothing(shop, make_shop, tmp_path):
    profiles(shop, (YES, "yes", "something else"), (LONELY, "no", "x"))
    run(shop)
    (tmp_path / "fresh").mkdir()
    fresh = make_shop(tmp_path / "fresh", like=shop)
    fresh.configure(users=USERS, interactions={"columns": {"review": "review"}}, lake={"root": str(tmp_path / "lake")})
    for table in ("model/versions", "model/arrays", "model/items"):  # the named input that a rebuild is given
        fresh.lake.append(table, shop.scan(table))
    for table in ("fused/statistics", "fused/spaces"):
        fresh.lake.append(table, shop.scan(table))
    run(fresh)
    assert factors(fresh) == factors(shop)
    order = ["period", "user_id", "rank"]
    assert fresh.scan(TOP_K).sort(order).equals(shop.scan(TOP_K).sort(order))


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (("", "yes", "x"), "user_missing"),
        (("zq-person-bad", "perhaps", "x"), "consent_unclear"),
        ((YES, "yes", "again"), "duplicate"),
    ],
)
def test_a_bad_profile_is_one_rejected_row(shop, row, rule):
    good = ((YES, "yes", "A thing number 4"), (LONELY, "true", "A thing number 7"))
    profiles(shop, *good, row)
    report = shop.run("raw/users", "validated/users")["validated/users"]
    assert (report.total("rows"), report.total("rejected")) == (2, int(rule != "duplicate"))
    [found] = shop.scan("validated/rejected", table="users").iter_rows(named=True)
    assert (found["rule"], found["source_row"]) == (rule, 3)
    assert "zq-person" not in found["reason"]


def test_a_person_who_once_says_no_is_not_read(shop):
    profiles(shop, (YES, "yes", "A thing number 4"), (YES, "no", ""))
    shop.run("raw/users", "validated/users")
    assert shop.scan("validated/users")["consent"].to_list() == ["no"]


def test_no_report_shows_a_person_or_their_words(shop, told):
    profiles(shop, (YES, "yes", "zq-words of a profile"), (LONELY, "perhaps", "zq-words"))
    for asset in assets(shop):
        said = told(shop.run(asset))
        assert "zq-person" not in said, asset
        assert "zq-words" not in said, asset


def test_profiles_without_a_consent_column_are_refused(shop):
    (shop.data / "people.csv").write_text(f"user_id,about\n{YES},words\n")
    report = shop.run("raw/users", strict=False)
    assert report.problem.startswith("people.csv has no column consent")
    assert shop.rows("validated/users") == 3


def test_reasons_name_words_as_words(peopled):
    rows = peopled.scan("recommendations/reasons", user_id=LONELY, period=peopled.days[-1])
    assert all("your profile" in reason or "New here" in reason for reason in rows["reason"])
    past = json.loads(rows["evidence"][0])["past"]
    assert [title for title, *_ in past] in (["your profile"], [])


def test_without_a_text_block_words_count_for_nothing(peopled):
    version = versions.served_version(peopled.lake, peopled.days[-1])
    assert user_texts.MODALITY in version.choice.block_weights
    said = user_texts.read(peopled.lake, peopled.settings, peopled.days[-1], 1.0)
    assert said["item_id"].str.starts_with(user_texts.MARK).all()
    assert said.select(pl.col("user_id").n_unique()).item() == 2
