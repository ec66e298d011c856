"""An encoder's card: sound vectors, what speaks against it, and when it is made again."""

import numpy as np
import polars as pl
import pytest

from mmrec.evaluation import probe
from mmrec.evaluation.metrics import Interval
from mmrec.queries import encoder_card


def test_the_effective_rank_counts_directions():
    draw = np.random.default_rng(0)
    assert encoder_card.effective_rank(draw.normal(size=(2_000, 8))) == pytest.approx(8, abs=0.1)
    assert encoder_card.effective_rank(np.outer(draw.normal(size=50), np.ones(8))) == pytest.approx(1, abs=1e-6)
    assert encoder_card.effective_rank(np.ones((50, 8))) == 0


def test_the_card_says_what_the_encoder_is_and_shows_neighbours(built):
    card = encoder_card.card(built.lake, built.settings, "text")
    assert card.doubts == []
    assert (card.facts["encoder"], card.facts["width"], card.facts["precision"]) == ("hash:8", 8, "fp32")
    assert card.facts["items"] == built.scan("fused/current").filter(pl.col("modalities").list.contains("text")).height
    assert card.facts["duplicate_vectors"] == 0
    assert 2 < card.facts["effective_rank"] <= 8
    assert card.facts["cold_item_probe"].startswith("too little history")
    assert card.facts["neighbour_purity"] == encoder_card.NO_CATEGORIES
    assert card.examples.height == 5
    assert card.examples["nearest"].str.contains("Title").all()


def test_what_speaks_against_an_encoder_is_said(built, monkeypatch):
    drawn = built.settings.media.model_copy(update={"stand_in": ["text"]})
    settings = built.settings.model_copy(update={"media": drawn})
    nothing = Interval(0.0, -0.1, 0.1, 500)
    monkeypatch.setattr(encoder_card, "_probe", lambda *_: probe.Probe(nothing, 0.0, 0.01))
    monkeypatch.setattr(encoder_card, "_duplicates", lambda *_: (6, 100))
    monkeypatch.setattr(encoder_card, "effective_rank", lambda vectors: 1.2)
    card = encoder_card.card(built.lake, settings, "text")
    assert card.doubts == [
        "its vectors are collapsed: effective rank 1.2 of 8",
        "6 of 100 different inputs have a vector that another has too",
        "it ranks items that nobody has met no better than chance: NDCG 0.000, by chance up to 0.010",
    ]
    assert card.facts["neighbour_purity"] == encoder_card.NOT_DRAWN


def test_purity_counts_neighbours_that_share_a_category(built, monkeypatch):
    names = pl.Series(["Drama, War", "war", None, "Comedy", "drama,Comedy"])
    has = encoder_card._incidence(names)
    assert has.astype(int).tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert encoder_card._incidence(pl.Series(["a b", "b"])).astype(int).tolist() == [[1, 1], [0, 1]]
    assert encoder_card._incidence(pl.Series([None, None], dtype=pl.String)).shape == (2, 0)


def test_a_card_rests_on_the_encoder_and_the_refit_boundary(built):
    key = encoder_card.key(built.lake, built.settings, "text")
    assert key == encoder_card.key(built.lake, built.settings, "text")
    image = built.settings.embeddings["image"]
    other = {**built.settings.embeddings, "text": image.model_copy(update={"encoder": "hash:9"})}
    settings = built.settings.model_copy(update={"embeddings": other})
    assert encoder_card.key(built.lake, settings, "text") != key
    card = encoder_card.card(built.lake, settings, "text")  # what is fused is of another encoder
    assert (card.facts["encoder"], card.facts["cold_item_probe"]) == ("hash:9", encoder_card.NOT_FUSED)
