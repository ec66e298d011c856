"""What a sentence names: phrases, rare words, and what each is worth."""

import numpy as np
import polars as pl
import pytest

from mmrec.lists import phrases
from mmrec.lists.phrases import Phrases

ITEMS = pl.DataFrame(
    {
        "title": ["Interview with the Vampire", "Blade Runner", "七人の侍", "Sabrina"],
        "text": [
            "Interview with the Vampire. Tom Cruise, Brad Pitt",
            "Blade Runner. A hunter of machines; Harrison Ford",
            "七人の侍。農民と侍",
            None,
        ],
        "categories": ["Horror|Drama", "Science Fiction|Thriller", None, "Romantic Comedy"],
        "attributes": [
            '{"director":"Neil Jordan"}',
            '{"director":"Ridley Scott","the year":1982}',
            None,
            '{"director":"Sydney Pollack; Billy Wilder","the year":1954.5}',
        ],
    }
)


@pytest.fixture
def named():
    return phrases.facts(ITEMS, ["director", "the year", "never"])


def score(named, *sentences):
    return Phrases.of(ITEMS, named, sentences).scores(len(sentences))


def test_cells_that_list_several_values_are_taken_apart(named):
    of = {kind: rows["value"].to_list() for (kind,), rows in named.group_by("kind", maintain_order=True)}
    assert of["category"] == ["Horror", "Drama", "Science Fiction", "Thriller", "Romantic Comedy"]
    assert of["director"] == ["Neil Jordan", "Ridley Scott", "Sydney Pollack", "Billy Wilder"]
    assert of["the year"] == ["1982", "1954.5"]
    assert len(of["title"]) == 4
    assert "never" not in of


def test_blanks_part_categories_where_nothing_else_does():
    assert ITEMS.head(1).select(phrases.listed(pl.lit("Action Comedy"))).item().to_list() == ["Action", "Comedy"]


def test_a_name_is_found_by_its_name_in_any_case_and_script(named):
    scores = score(named, "BLADE runner", "harrison ford", "七人の侍", "films by Billy Wilder", "science fiction")
    assert scores.argmax(axis=1).tolist() == [1, 1, 2, 3, 1]
    assert scores[0, 1] == scores[1, 1] == scores[2, 2] == 1.0
    assert (scores[0] > 0).sum() == 1


def test_a_common_word_of_a_long_phrase_is_worth_little(named):
    [scores] = score(named, "something with Harrison Ford")
    assert 0 < scores[0] < 0.1 < scores[1]


def test_the_score_by_hand(named):
    """One word of two that the catalogue knows, in a phrase of two words of which it is one."""
    [scores] = score(named, "Blade unheard")
    idf, unknown = np.log(1 + (4 - 1 + 0.5) / 1.5), np.log(1 + 4.5 / 0.5)
    assert scores.tolist() == [0, pytest.approx(idf * 5 / 11 / (idf + unknown), abs=1e-9), 0, 0]


def test_what_is_said_names_its_kind(named):
    said = Phrases.of(ITEMS, named, ["a thriller by Ridley Scott"]).said()
    whole = said.filter(pl.col("share") >= phrases.NAMED).select("at", "kind", "value").sort("kind").rows()
    assert whole == [(1, "category", "Thriller"), (1, "director", "Ridley Scott")]


@pytest.mark.parametrize("sentence", ["", "  ", "?!", "zzz qqq"])
def test_a_sentence_that_names_nothing_says_nothing_of_anything(named, sentence):
    assert not score(named, sentence).any()


def test_the_order_of_words_and_sentences_moves_no_bit(named):
    one = score(named, "Harrison Ford thriller", "Billy Wilder comedy")
    other = score(named, "comedy Billy Wilder", "thriller Ford Harrison")
    assert np.array_equal(one, other[::-1])
