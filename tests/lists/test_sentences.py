"""Weights learnt from a catalogue's facts, and what they are learnt from."""

import numpy as np
import polars as pl

from mmrec.lists import phrases, sentences
from mmrec.lists.phrases import Phrases
from mmrec.lists.sentences import CHOOSING, MEASURING, Parts, Weights

MAKERS, KINDS = [f"Maker {letter}" for letter in "abcdefghij"], ["Lamp", "Chair", "Table", "Shelf"]
ITEMS = pl.DataFrame(
    [
        {
            "title": f"Piece {n}",
            "text": f"Piece {n}. {MAKERS[n % 10]}",
            "categories": f"{KINDS[n % 4]} {KINDS[(n // 4 + n + 1) % 4]}",
            "attributes": f'{{"maker":"{MAKERS[n % 10]}"}}',
        }
        for n in range(120)
    ]
)
NAMED = phrases.facts(ITEMS, ["maker"])


def parts(asked, closeness, model=None):
    words = Phrases.of(ITEMS, NAMED, asked.sentences).scores(len(asked.sentences))
    return Parts.of(np.zeros(words.shape) if model is None else model, closeness, words)


def true_of(asked):
    answers = np.zeros((len(asked.sentences), ITEMS.height))
    answers[asked.answers.rows, asked.answers.items] = 1
    return answers


def test_the_halves_share_no_question_and_answers_are_all_the_items_of_a_fact():
    one, other = (sentences.questions(NAMED, half) for half in (CHOOSING, MEASURING))
    assert set(one.kinds) == set(other.kinds) == {"category", "maker"}
    assert not set(one.sentences) & set(other.sentences)
    at = one.kinds.index("maker")
    maker = one.sentences[at].removeprefix("maker ")
    listed = one.answers.items[one.answers.indptr[at] : one.answers.indptr[at + 1]]
    assert listed.tolist() == [n for n in range(120) if MAKERS[n % 10] == maker]


def test_titles_are_no_questions_and_a_catalogue_without_facts_takes_the_defaults():
    asked = sentences.questions(NAMED.filter(pl.col("kind") == "title"), CHOOSING)
    assert asked.sentences == []
    empty = np.zeros((0, ITEMS.height))
    assert sentences.learnt(Parts(empty, empty, empty), asked) == Weights()


def test_weights_are_learnt_from_what_answers():
    """Where only closeness knows, words weigh least; where closeness is noise, they weigh more."""
    asked = sentences.questions(NAMED, CHOOSING)
    noise = np.random.default_rng(3).normal(size=(len(asked.sentences), ITEMS.height))
    perfect = parts(asked, true_of(asked) + 0.01 * noise)
    perfect = Parts(perfect.model, perfect.closeness, -perfect.words)
    assert sentences.learnt(perfect, asked).words == min(each.words for each in sentences._TRIED)
    blind = parts(asked, noise)
    assert sentences.learnt(blind, asked).words > 3
    mixed = blind.weighed(sentences.learnt(blind, asked)).sum(0)
    floor, found = sentences.by_kind(blind.closeness, asked), sentences.by_kind(mixed, asked)
    assert all(found[kind] > floor[kind] for kind in floor)


def test_a_constant_part_speaks_for_nothing():
    flat = Parts.of(np.full((1, 4), 7.0), np.zeros((1, 4)), np.zeros((1, 4)))
    assert not flat.weighed(Weights()).any()
