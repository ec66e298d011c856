"""How well items answer a sentence: by what the model makes of it, by closeness in meaning, and by what it names.

The model's part is what a person with this text alone is drawn to, B f · h. Closeness is the cosine to an item's text
in the encoder's own space, after the mean of all is taken away. Both are counted in standard deviations over the items;
the words' part is the share of the sentence that an item's phrases say (`phrases.py`). How much each weighs is learnt
from the catalogue, whose facts are sentences with known answers: who directed a film, which two categories a thing has.
Here: parts, questions of facts, and weights. Not here: who asks, nor reasons (`mmrec/queries/sentence.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from mmrec.evaluation import metrics
from mmrec.lake.hashing import text_hashes
from mmrec.lists.phrases import CATEGORY, TITLE
from mmrec.models.histories import Histories

CHOOSING, MEASURING = 0, 1  # halves of the facts
_K = 20
_QUESTIONS = 120  # of all kinds together, in one half


@dataclass(frozen=True)
class Weights:
    """How much each part of a score counts. The defaults are for a catalogue without facts to learn from."""

    model: float = 0.3
    closeness: float = 1.0
    words: float = 20.0


# One scale is free, so closeness stays at 1.
_TRIED = [Weights(model, 1.0, words) for words, model in product((3.0, 10.0, 20.0, 30.0), (0.0, 0.1, 0.3, 1.0))]
_AS_GOOD = 0.01


@dataclass(frozen=True)
class Parts:
    """What speaks for each item, float64 [sentences, items]; zeros where nothing is known of the kind."""

    model: np.ndarray
    closeness: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, model: np.ndarray, closeness: np.ndarray, words: np.ndarray) -> Parts:
        """From raw scores and cosines."""
        return cls(standardised(model), standardised(closeness), words)

    def weighed(self, weights: Weights) -> np.ndarray:
        """float64 [3, sentences, items]: what each part adds to a score."""
        return np.stack([self.model * weights.model, self.closeness * weights.closeness, self.words * weights.words])


@dataclass(frozen=True)
class Questions:
    """Sentences of which the catalogue knows the answers."""

    kinds: list[str]
    sentences: list[str]
    answers: Histories  # a row a sentence: the items of which it is true


def questions(named: pl.DataFrame, half: int) -> Questions:
    """Sentences of one half of the facts (`phrases.facts`) that are true of two items at least, evenly by kind.

    Two categories of an item at once make a sentence, or one where no item has two; a title is no question.
    """
    facts = named.filter(~pl.col("kind").is_in([TITLE, CATEGORY]))
    told = facts.select("at", "kind", sentence=pl.format("{} {}", pl.col("kind").str.replace_all("_", " "), "value"))
    known = pl.concat([told, _categories(named.filter(pl.col("kind") == CATEGORY))])
    several = known.group_by("kind", "sentence").agg(pl.len()).filter(pl.col("len") > 1).sort("kind", "sentence")
    several = several.with_columns(hash=text_hashes(several["sentence"])).sort("kind", "hash")
    mine = several.filter(pl.col("hash").str.slice(-1).str.to_integer(base=16) % 2 == half)
    each = _QUESTIONS // max(1, mine["kind"].n_unique())
    asked = mine.group_by("kind", maintain_order=True).head(each).with_row_index("row")
    answers = asked.select("row", "kind", "sentence").join(known, on=["kind", "sentence"]).sort("row", "at")
    rows, items = (answers[name].to_numpy().astype(np.int64) for name in ("row", "at"))
    built = Histories.build(rows, items, np.ones(len(rows)), n_users=asked.height)
    return Questions(asked["kind"].to_list(), asked["sentence"].to_list(), built)


def learnt(parts: Parts, asked: Questions) -> Weights:
    """The weights that answer the questions best, of those that are for no kind worse than closeness alone.

    Best is the mean NDCG@20 over kinds. What is within a hundredth of it is as good, and then words count least: facts
    are asked in the catalogue's words, which is more than can be said of people's sentences.
    """
    if not asked.sentences:
        return Weights()
    floor = by_kind(parts.closeness, asked)
    figures = [(weights, by_kind(parts.weighed(weights).sum(0), asked)) for weights in _TRIED]
    allowed = [each for each in figures if all(each[1][kind] >= floor[kind] for kind in floor)] or figures
    means = [float(np.mean(list(kinds.values()))) for _, kinds in allowed]
    return next(weights for (weights, _), mean in zip(allowed, means, strict=True) if mean >= max(means) - _AS_GOOD)


def by_kind(scores: np.ndarray, asked: Questions) -> dict[str, float]:
    """kind → the mean NDCG@20 of its questions under scores [questions, items]."""
    found, kinds = answered(scores, asked), np.array(asked.kinds)
    return {kind: float(found[kinds == kind].mean()) for kind in sorted(set(asked.kinds))}


def answered(scores: np.ndarray, asked: Questions) -> np.ndarray:
    """float64 [questions]: NDCG@20 of the items that have the largest scores [questions, items]."""
    lists = np.stack([best(row, _K) for row in scores]).astype(np.int32)
    return metrics.ndcg(lists, asked.answers, _K)


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest scores [items], best first; ties in the items' order."""
    return np.argsort(-scores, kind="stable")[:k]


def _categories(named: pl.DataFrame) -> pl.DataFrame:
    pairs = named.join(named, on="at", suffix="_too").filter(pl.col("value") < pl.col("value_too"))
    value = pl.format("{} {}", "value", "value_too") if pairs.height else pl.col("value")
    return (pairs if pairs.height else named).select("at", "kind", sentence=value)


def standardised(scores: np.ndarray) -> np.ndarray:
    """Scores [sentences, items] in standard deviations over the items; zeros where all are alike."""
    spread = scores.std(axis=1, keepdims=True)
    return np.divide(scores - scores.mean(axis=1, keepdims=True), spread, out=np.zeros(scores.shape), where=spread > 0)
