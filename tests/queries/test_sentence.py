"""A list for a typed sentence: what answers it, why, and that nobody's asking leaves a trace."""

import json

import numpy as np
import pytest

from mmrec.errors import MmrecError
from mmrec.published import state
from mmrec.queries import sentence
from mmrec.queries.recommend import UnknownPerson
from tests.queries.test_asked import snapshot


def test_an_item_is_found_by_its_own_words_and_the_parts_sum_to_the_score(built):
    before = snapshot(built)
    answer = sentence.for_text(built.lake, built.settings, "  A thing   number 11 ")
    first = answer["items"][0]
    assert first["item_id"] == "item-11"
    assert answer["list"] == "asked"
    assert [row["rank"] for row in answer["items"]] == list(range(1, built.settings.recommendations.k + 1))
    for row in answer["items"]:
        assert sum(row["parts"].values()) == pytest.approx(row["score"])
    scores = [row["score"] for row in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert snapshot(built) == before


def test_the_same_sentence_has_the_same_answer(built):
    once, again = (sentence.for_text(built.lake, built.settings, "A thing") for _ in range(2))
    assert json.dumps(once) == json.dumps(again)


def test_a_reason_names_what_the_sentence_names(built):
    title = built.scan("validated/items", item_id="item-04")["title"][0]
    answer = sentence.for_text(built.lake, built.settings, f"something like {title}")
    assert answer["items"][0]["title"] == title
    assert f"title {title}" in answer["items"][0]["reason"]


def test_a_known_person_gets_what_answers_and_what_they_like_of_what_they_have_not_met(built):
    model = state.load(built.lake, built.settings, built.days[-1], only=built.people[0])
    met = {model.item_ids[item] for item in model.seen.items}
    answer = sentence.for_text(built.lake, built.settings, "A thing", user=built.people[0])
    assert met and not met & {row["item_id"] for row in answer["items"]}
    everything = model.scores.exact(np.array([0]), np.arange(len(model.item_ids))[None])[0]
    own = dict(zip(model.item_ids, everything, strict=True))
    tastes = {row["item_id"]: row["parts"]["taste"] for row in answer["items"]}
    assert sorted(tastes, key=tastes.get) == sorted(tastes, key=own.get)
    for row in answer["items"]:
        assert sum(row["parts"].values()) == pytest.approx(row["score"])


def test_an_unknown_person_with_a_sentence_gets_a_line(built):
    with pytest.raises(UnknownPerson, match="no published list"):
        sentence.for_text(built.lake, built.settings, "A thing", user="zq-nobody")


def test_an_empty_sentence_gets_a_line(built):
    with pytest.raises(MmrecError, match="--text is empty"):
        sentence.for_text(built.lake, built.settings, " \n ")


def test_another_encoder_than_the_served_one_is_refused(built, make_shop, tmp_path):
    shop = make_shop(tmp_path, like=built).configure(embeddings={"text": {"encoder": "hash:9"}})
    with pytest.raises(MmrecError, match="hash:9 is not the one that is served"):
        sentence.for_text(shop.lake, shop.settings, "words")


def test_weights_are_learnt_from_a_part_of_a_large_catalogue(built, monkeypatch):
    asking = sentence.Asking.of(built.lake, built.settings, built.days[-1])
    monkeypatch.setattr(sentence, "_LEARNT_FROM", 5)
    part = asking.sampled()
    assert part.items.height == len(part.texts) == len(part.factors) == 5
    titles = part.named.filter(kind="title").sort("at")["value"].to_list()
    assert titles == part.items["title"].to_list()


def test_a_data_set_without_texts_answers_by_words(built):
    settings = built.settings.model_copy(update={"embeddings": {}})
    answer = sentence.for_text(built.lake, settings, "A thing number 11")
    assert answer["items"][0]["item_id"] == "item-11"
    assert answer["items"][0]["parts"]["closeness"] == 0
