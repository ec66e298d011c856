"""A list for a typed sentence: what its words name, what is close to it, and what the model makes of it, in one score.

For a person who is known, their own score of each item takes part as well, in standard deviations like the others, and
what they have met is left out.

How much each counts is learnt from the catalogue's own facts, anew for each question: the answer is a function of the
published snapshot and the sentence, and nothing is stored of who asks. Loads the text encoder alone, and none where the
data set has none. Here: from the question to rows with reasons. Not here: the score (`mmrec/lists/sentences.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import polars as pl

from mmrec import encoders, tables
from mmrec.errors import MmrecError
from mmrec.fusion.deep import Reading
from mmrec.fusion.layout import Layout
from mmrec.fusion.statistics import Statistics
from mmrec.lake.store import Lake
from mmrec.lists import phrases, sentences
from mmrec.lists.phrases import Phrases
from mmrec.lists.sentences import Parts, Weights
from mmrec.models.decomposition import WORTH_NAMING, join
from mmrec.published import snapshots, state, user_texts, versions
from mmrec.published.features import Features
from mmrec.quality.rules import clean_text
from mmrec.queries.recommend import unknown_person
from mmrec.queries.search import served_identity
from mmrec.settings import Settings

_LEARNT_FROM = 20_000  # items that weights are learnt from, of a larger catalogue evenly drawn
_TOLD = 3  # phrases that a reason names
_NOBODY = ""
_ALSO = {
    "closeness": "its text is close",
    "taste": "it is to your taste",
    "model": "people choose it with what is close",
    "words": "it says some of these words",
}


def for_text(
    lake: Lake, settings: Settings, text: str, period: str | None = None, user: str | None = None
) -> dict[str, Any]:
    """A list for a sentence: rank, item, title, score, what each part adds to it, reason. Leaves no trace."""
    cleaned = pl.select(clean_text(pl.lit(text))).item()
    if cleaned is None:
        raise MmrecError(
            "--text is empty; type what you are looking for, such as 'a thriller directed by Alfred Hitchcock'"
        )
    published = snapshots.read(lake, settings, period)
    asking = Asking.of(published.lake, settings, published.period)
    own = None if user is None else _taste(published.lake, settings, published.period, user)
    weights = asking.learnt()
    said = asking.phrases([cleaned])
    amounts = dict(zip(vars(weights), asking.parts([cleaned], said).weighed(weights)[:, 0], strict=True))
    ids, kept = asking.items["item_id"].to_list(), np.arange(asking.items.height)
    if own is not None:
        amounts["taste"] = sentences.standardised(state.aligned(own.scores, own.item_ids, ids)[None, :, 0])[0]
        kept = kept[~state.aligned(own.met, own.item_ids, ids)[:, 0]]
    total = sum(amounts.values(), np.zeros(len(ids)))
    best = kept[sentences.best(total[kept], settings.recommendations.k)]
    rows = asking.items.select("item_id", "title")[best].with_row_index("rank", offset=1)
    rows = rows.with_columns(
        score=total[best], reason=pl.Series(_reasons(cleaned, best, amounts, said), dtype=pl.String)
    )
    parts = [{name: float(part[at]) for name, part in amounts.items()} for at in best]
    told = {"weights": vars(weights), "stand_in_media": settings.media.stand_in}
    items = [{**row, "parts": part} for row, part in zip(rows.to_dicts(), parts, strict=True)]
    return {"period": published.period, "list": "asked", **told, "items": items}


@dataclass(frozen=True)
class _Taste:
    """What one known person thinks of every item, float64 [items, 1], and which of them they have met."""

    item_ids: list[str]
    scores: np.ndarray
    met: np.ndarray


def _taste(lake: Lake, settings: Settings, period: str, user: str) -> _Taste:
    served = state.load(lake, settings, period, only=user)
    if not served.user_ids:
        raise unknown_person(lake, settings, user, period)
    n = len(served.item_ids)
    scores = served.scores.exact(np.array([0]), np.arange(n)[None])[0]
    met = np.zeros(n, bool)
    met[served.seen.items] = True
    return _Taste(served.item_ids, scores[:, None], met[:, None])


@dataclass(frozen=True)
class Asking:
    """What sentences are held against: the catalogue as it is published, row by row."""

    items: pl.DataFrame  # item_id, title, text, categories, attributes; by id
    named: pl.DataFrame  # `phrases.facts`
    texts: np.ndarray  # float32 [items, width], unit rows after the mean is taken away, zeros where there is no text
    factors: np.ndarray  # float64 [items, d], zeros for an item without a place
    encoder: encoders.SentenceEncoder | None
    statistics: Statistics | None
    layout: Layout | Reading
    content: np.ndarray | None  # what a text is folded in with, [d, p]

    @classmethod
    def of(cls, lake: Lake, settings: Settings, period: str) -> Asking:
        """From the tables that a snapshot pins."""
        columns = ("item_id", "title", "text", "categories", "attributes")
        items = lake.scan(tables.VALIDATED_ITEMS).select(columns).sort("item_id").collect()
        features = Features(lake)
        known = state.read_known(lake, settings, period, versions.served_version(lake, period), features, _NOBODY)
        ids, text = items["item_id"].to_list(), user_texts.MODALITY
        reads = text in known.layout.slices
        has = text in features.slices and text in settings.embeddings
        return cls(
            items,
            phrases.facts(items, settings.items.attributes),
            _unit(state.aligned(features.blocks[text], features.item_ids, ids)) if has else np.zeros((len(ids), 1)),
            state.aligned(known.factors.H, known.item_ids, ids),
            _encoder(settings, features) if has else None,
            features.statistics(text) if has else None,
            known.layout,
            known.factors.liking if reads else None,
        )

    def parts(self, asked: Sequence[str], said: Phrases) -> Parts:
        """What speaks for each item, of each sentence."""
        words = said.scores(len(asked))
        if self.encoder is None or self.statistics is None:
            return Parts(np.zeros(words.shape), np.zeros(words.shape), words)
        vectors = self.statistics.apply(np.stack([self.encoder.encode_query(each) for each in asked]))
        model = np.zeros(words.shape)
        if self.content is not None:
            model = self.layout.alone(user_texts.MODALITY, vectors) @ self.content.T @ self.factors.T
        return Parts.of(model, _unit(vectors) @ self.texts.T, words)

    def learnt(self) -> Weights:
        """The weights that answer one half of the catalogue's facts best."""
        sample = self.sampled()
        asked = sentences.questions(sample.named, sentences.CHOOSING)
        if not asked.sentences:
            return Weights()
        return sentences.learnt(sample.parts(asked.sentences, sample.phrases(asked.sentences)), asked)

    def phrases(self, asked: Sequence[str]) -> Phrases:
        """What the sentences name in this catalogue."""
        return Phrases.of(self.items, self.named, asked)

    def sampled(self) -> Asking:
        """The same over a part of a large catalogue, the same part every time."""
        if self.items.height <= _LEARNT_FROM:
            return self
        drawn = np.sort(np.random.default_rng(0).choice(self.items.height, _LEARNT_FROM, replace=False))
        places = pl.DataFrame({"at": drawn, "new": np.arange(len(drawn))}).cast({"at": self.named["at"].dtype})
        named = self.named.join(places, on="at", maintain_order="left").drop("at").rename({"new": "at"})
        return replace(self, items=self.items[drawn], named=named, texts=self.texts[drawn], factors=self.factors[drawn])


def _encoder(settings: Settings, features: Features) -> encoders.SentenceEncoder:
    """The text encoder, which must be that of the served vectors."""
    identity = served_identity(settings, features, user_texts.MODALITY)
    return cast(encoders.SentenceEncoder, encoders.load(identity, settings.embeddings["text"].device))


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _reasons(sentence: str, best: np.ndarray, amounts: Mapping[str, np.ndarray], said: Phrases) -> list[str]:
    """A sentence for each listed item: what of it is named, and what else speaks for it."""
    found = said.said().filter(pl.col("share") >= phrases.NAMED, pl.col("kind") != "", pl.col("at").is_in(best))
    longest = found.sort(pl.col("value").str.len_chars(), "phrase", descending=[True, False])
    told = longest.group_by("at").agg(named=pl.format("{} {}", "kind", "value").head(_TOLD))
    named = dict(told.iter_rows())
    own = [{name: float(part[at]) for name, part in amounts.items()} for at in best]
    return [_reason(sentence, named.get(at, []), parts) for at, parts in zip(best.tolist(), own, strict=True)]


def _reason(sentence: str, named: list[str], parts: Mapping[str, float]) -> str:
    least = WORTH_NAMING * sum(max(part, 0.0) for part in parts.values())
    worth = [name for name in _ALSO if (part := parts.get(name, 0.0)) > 0 and part >= least and sum(parts.values()) > 0]
    if named:
        close = [_ALSO[name] for name in worth if name in ("closeness", "taste")]
        return f"Matches {join(named)}{f'; {join(close)} too' if close else ''}."
    return f"For “{sentence}”: {join([_ALSO[name] for name in worth] or ['little speaks for it'])}."
