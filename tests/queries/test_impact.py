"""What rests on an item or a file, said before it changes, is what differs after it has changed."""

import subprocess
import sys

import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.planning import graph
from mmrec.queries import impact
from tests.published.test_words import LONELY, YES, with_people

TOP_K, REASONS, USERS = "recommendations/top_k", "recommendations/reasons", "model/users"
LAST = "2024-01-04"


def of_item(shop, item):
    return impact.of_item(shop.lake, shop.settings, item).answers


def of_file(shop, file):
    return impact.of_file(shop.lake, shop.settings, file).answers


def by(name, rows):
    return {row[name]: {key: value for key, value in row.items() if key != name} for row in rows}


def differing(before, after, table, key, columns=None):
    """The keys whose rows are other ones, or on one side only."""
    columns = columns or before[table].columns
    one, other = before[table].select(columns), after[table].select(columns)
    changed = [a.join(b, on=columns, how="anti", nulls_equal=True) for a, b in ((one, other), (other, one))]
    return set(pl.concat([each.select(key) for each in changed]).unique().iter_rows())


def tables(shop):
    names = (TOP_K, REASONS, USERS, "fused/current", "embeddings/image/current", "validated/items", "model/evaluation")
    return {name: shop.scan(name) for name in names}


def people(changed, period):
    return {user for day, user, *_ in changed if day == period}


@pytest.fixture(scope="module")
def popular(built):
    """An item that people have met, that is on lists, and that a reason names."""
    named = built.scan(REASONS)["named"].explode().drop_nulls().value_counts(sort=True)[0, 0]
    assert built.scan(TOP_K, item_id=named).height
    return named


# -- an item -----------------------------------------------------------------------------------------------------------


def test_an_item_is_followed_to_everything_that_rests_on_it(built, popular):
    found, index = of_item(built, popular), built.items.index(popular)
    assert found["delivered"] == [{"file": "items.csv", "row": index + 1, "title": f"Title {index}"}]
    current = built.scan("embeddings/text/current", item_id=popular).row(0, named=True)
    assert by("modality", found["inputs"])["text"] == {
        "input": f"A thing number {index}",
        "sha256": current["input_hash"],
        "key": current["key"],
        "encoder_id": current["encoder_id"],
        "other_items": 0,
    }
    assert [(row["modalities"], row["items"]) for row in found["fused"]] == [
        (built.scan("fused/current", item_id=popular)["modalities"].to_list()[0], 1)
    ]
    versions = dict(built.scan("model/items", item_id=popular).select("version", "events").iter_rows())
    assert {row["version"]: row["people"] for row in found["versions"]} == versions
    lists = dict(built.scan(TOP_K, item_id=popular)["period"].value_counts().iter_rows())
    snapshots = dict(built.scan("ledger/snapshots").select("period", "snapshot").unique().iter_rows())
    for row in found["people"]:
        day = row["period"]
        met = set(built.scan("validated/interactions", item_id=popular).filter(pl.col("period") <= day)["user_id"])
        listed = set(built.scan(TOP_K, item_id=popular, period=day)["user_id"])
        assert row == {
            "period": day,
            "snapshot": snapshots[day],
            "histories": len(met),
            "lists": lists.get(day, 0),
            "lists_at_most": len(met | listed),
        }
    assert [row["period"] for row in found["people"]] == built.days
    near = built.scan("recommendations/similar_items", neighbour=popular)
    assert {row["by"]: row["items"] for row in found["neighbours"]} == dict(near["by"].value_counts().iter_rows())


@pytest.mark.full
def test_another_title_changes_the_reasons_that_were_named_and_nothing_else(shop, popular):
    said, before = by("period", of_item(shop, popular)["reasons"]), tables(shop)
    assert said[LAST]["reasons"]
    shop.edit_item(popular, title="Another title")
    shop.run()
    after = tables(shop)
    changed = differing(before, after, REASONS, ["period", "user_id", "rank"])
    assert {day: len(people(changed, day)) for day in said} == {day: row["people"] for day, row in said.items()}
    assert len(changed) == sum(row["reasons"] for row in said.values())
    assert differing(before, after, "validated/items", ["item_id"]) == {(popular,)}
    for table in (TOP_K, USERS, "fused/current", "model/evaluation"):
        assert before[table].sort(pl.all()).equals(after[table].sort(pl.all())), table


@pytest.mark.full
def test_an_item_that_goes_changes_the_lists_that_hold_it_and_nobodys_factor(shop, popular):
    said, before = by("period", of_item(shop, popular)["people"]), tables(shop)
    shop.remove_item(popular)
    shop.run()
    after = tables(shop)
    factors = differing(before, after, USERS, ["period", "user_id"], ["period", "user_id", "factor"])
    lists = differing(before, after, TOP_K, ["period", "user_id"], ["period", "user_id", "rank", "item_id", "score"])
    for day, row in said.items():
        met = set(shop.scan("raw/interactions", item_id=popular).filter(pl.col("period") <= day)["user_id"])
        held = set(before[TOP_K].filter((pl.col("item_id") == popular) & (pl.col("period") == day))["user_id"])
        assert people(factors, day) == set()
        assert people(lists, day) == held
        assert (row["histories"], row["lists"], row["lists_at_most"]) == (len(met), len(held), len(met | held))
    gone = of_item(shop, popular)
    assert (gone["delivered"], gone["catalogue"], gone["inputs"]) == ([], [], [])
    assert gone["reasons"], "it is evidence still"
    assert not after["recommendations/reasons"]["reason"].str.contains(popular).any()
    assert len(gone["versions"]) == 2


def test_an_unknown_item_is_one_clear_line(built):
    with pytest.raises(MmrecError, match="no item is called 'item-404'; see `mmrec sql"):
        of_item(built, "item-404")


# -- a file ------------------------------------------------------------------------------------------------------------


def test_other_bytes_of_a_picture_change_the_items_that_name_it(shop):
    shop.add_item("item-99,Its twin,A text of its own,item-03.png")
    shop.run(*shop.content)
    found, before = of_file(shop, "item-03.png"), tables(shop)
    assert [row["item_id"] for row in found["catalogue"]] == ["item-03", "item-99"]
    assert found["vectors"] == [{"modality": "image", "vectors": 1, "items": 2, "other_items": 0}]
    assert sum(row["items"] for row in found["fused"]) == 2
    assert of_item(shop, "item-03")["inputs"][1]["other_items"] == 1
    (shop.data / "pictures" / "item-03.png").write_bytes((shop.data / "pictures" / "item-04.png").read_bytes())
    shop.run(*shop.content)
    after = tables(shop)
    for table in ("validated/items", "embeddings/image/current", "fused/current"):
        assert differing(before, after, table, ["item_id"]) == {("item-03",), ("item-99",)}, table
    assert by("modality", of_file(shop, "item-04.png")["vectors"])["image"]["other_items"] == 2


def test_an_event_file_that_goes_changes_the_factors_of_the_people_in_it(shop):
    day, file = shop.days[2], f"events-{shop.days[2]}.csv"
    shop.write_events(day, [*shop.lines(day), f",item-04,{day}T10:00:00,view,,"])
    shop.run()
    found, before = of_file(shop, file), tables(shop)
    rows = shop.scan("validated/interactions", source_file=file)
    assert [(row["period"], row["rows"]) for row in found["landed"]] == [(day, rows.height + 1)]
    assert found["good events"] == [
        {
            "period": day,
            "events": rows.height,
            "people": rows["user_id"].n_unique(),
            "items": rows["item_id"].drop_nulls().n_unique(),
        }
    ]
    assert found["rejected"] == [{"kind": "rejected", "rule": "user_missing", "rows": 1}]
    assert [row["boundary"] for row in found["versions"]] == [day]
    assert [row["period"] for row in found["evaluation"]] == shop.days[2:]
    shop.write_events(day, [])
    shop.run()
    after = tables(shop)
    factors = differing(before, after, USERS, ["period", "user_id"], ["period", "user_id", "factor"])
    lists = differing(before, after, TOP_K, ["period", "user_id"], ["period", "user_id", "rank", "item_id", "score"])
    said = by("period", found["people"])
    assert list(said) == shop.days[2:]
    in_it = set(rows.drop_nulls("item_id")["user_id"])
    for period in shop.days:
        if period in said:
            assert people(factors, period) == in_it
            assert (said[period]["histories"], said[period]["lists_at_most"]) == (len(in_it), len(in_it))
            assert people(lists, period) <= in_it
        else:
            assert not people(factors, period) | people(lists, period)


@pytest.mark.full
def test_the_catalogue_and_profiles_are_files_too(judged_shop):
    shop = with_people(judged_shop)
    shop.run(*[node.asset for node in graph.nodes(shop.settings)], periods=[*shop.days])
    found = of_file(shop, "items.csv")
    assert (found["delivered"], found["catalogue"], found["media"]) == (
        [{"rows": 15}],
        [{"items": 15}],
        [{"files": 10, "unusable": 0}],
    )
    assert {row["modality"]: row["vectors"] for row in found["vectors"]} == {"text": 13, "image": 10}
    everybody = shop.scan(TOP_K, period=LAST)["user_id"].n_unique()
    assert by("period", found["people"])[LAST]["lists"] == everybody
    found = of_file(shop, "people.csv")
    assert found["profiles"] == [
        {"consent": "no", "people": 1, "texts": 0},
        {"consent": "yes", "people": 2, "texts": 2},
    ]
    words = shop.scan("embeddings/text/words")
    assert set(words["user_id"]) == {YES, LONELY}
    assert found["words"] == [{"texts": words.height, "people": 2, "vectors": words["key"].n_unique()}]
    assert by("period", found["people"])[LAST] | {"snapshot": 0} == {"snapshot": 0, "histories": 2, "lists_at_most": 2}
    day = f"events-{LAST}.csv"
    assert of_file(shop, day)["words"][0]["people"] == 1


def test_an_unknown_file_is_one_clear_line(built):
    with pytest.raises(MmrecError, match=r"nothing was delivered by a file called 'nix\.csv'; see `mmrec sql"):
        of_file(built, "nix.csv")


# -- the questions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["item-03", "item-03.png", "items.csv", f"events-{LAST}.csv"])
def test_every_question_can_be_asked_alone_and_no_answer_names_a_person(built, name):
    ask = impact.of_item if name == "item-03" else impact.of_file
    found = ask(built.lake, built.settings, name)
    assert set(found.queries) == set(found.answers)
    for about, query in found.queries.items():
        assert built.lake.sql(query).to_dicts() == found.answers[about], about
    assert "zq-person" not in repr(found)


def test_a_quote_in_a_name_stays_a_name(built):
    for name in ("it's", "x' OR 'a' = 'a", '"; DROP'):
        with pytest.raises(MmrecError):
            of_item(built, name)
        with pytest.raises(MmrecError):
            of_file(built, name)


_ASK = """
import sys
from pathlib import Path
from mmrec.queries import impact
from mmrec.lake.store import Lake
from mmrec.settings import load
settings = load(Path(sys.argv[1]) / "mmrec.toml", environment={})
assert impact.of_item(Lake(settings.lake_root), settings, "item-03").answers["people"]
print(sorted({"torch", "transformers", "great_expectations", "dagster", "pandas"} & set(sys.modules)))
"""


@pytest.mark.full  # of the short suite is `mmrec impact`, in tests/cli/test_cli_errors.py
def test_asking_imports_nothing_heavy(built):
    done = subprocess.run([sys.executable, "-c", _ASK, str(built.folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
