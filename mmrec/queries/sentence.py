"""A list for a typed sentence: what its words name, what is close to it, and what the model makes of it, in one score.

How much each counts is learnt from the catalogue's own facts, anew for each question: the answer is a function of the
published snapshot and the sentence, and nothing is stored of who asks. Loads the text encoder alone, and none where the
data set has none. Here: from the question to rows with reasons. Not here: the score (`mmrec/lists/sentences.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from mmrec import encoders, tables
from mmrec.encoders import Failure
from mmrec.errors import MmrecError
from mmrec.fusion.layout import Layout
from mmrec.fusion.statistics import Statistics
from mmrec.lake.store import Lake
from mmrec.lists import phrases, sentences
from mmrec.lists.phrases import Phrases
from mmrec.lists.sentences import Parts, Weights
from mmrec.published import snapshots, state, user_texts, versions
from mmrec.published.features import Features
from mmrec.quality.rules import clean_text
from mmrec.settings import Settings

_LEARNT_FROM = 20_000  # items that weights are learnt from, of a larger catalogue evenly drawn
_TOLD = 3  # phrases that a reason names
_WORTH_TELLING = 0.1  # of the sum of positive parts: below this a part is left out of the reason
_NOBODY = ""


def for_text(lake: Lake, settings: Settings, text: str, period: str | None = None) -> dict[str, Any]:
    """A list for a sentence: rank, item, title, score, what each part adds to it, reason. Leaves no trace."""
    cleaned = pl.select(clean_text(pl.lit(text))).item()
    if cleaned is None:
        raise MmrecError(
            "--text is empty; type what you are looking for, such as 'a thriller directed by Alfred Hitchcock'"
        )
    published = snapshots.read(lake, settings, period)
    asking = Asking.of(published.lake, settings, published.period)
    weights = asking.learnt()
    said = asking.phrases([cleaned])
    amounts = asking.parts([cleaned], said).weighed(weights)[:, 0]
    best = sentences.best(amounts.sum(0), settings.recommendations.k)
    reasons = _reasons(cleaned, best, amounts, said)
    titles = asking.items.select("item_id", "title")[best].to_dicts()
    rows = [
        {
            "rank": rank,
            **titles[rank - 1],
            "score": float(amounts[:, at].sum()),
            "reason": reasons[rank - 1],
            "parts": dict(zip(vars(weights), amounts[:, at].tolist(), strict=True)),
        }
        for rank, at in enumerate(best, start=1)
    ]
    told = {"weights": vars(weights), "stand_in_media": settings.media.stand_in}
    return {"period": published.period, "list": "asked", **told, "items": rows}


@dataclass(frozen=True)
class Asking:
    """What sentences are held against: the catalogue as it is published, row by row."""

    items: pl.DataFrame  # item_id, title, text, categories, attributes; by id
    named: pl.DataFrame  # `phrases.facts`
    texts: np.ndarray  # float32 [items, width], unit rows after the mean is taken away, zeros where there is no text
    factors: np.ndarray  # float64 [items, d], zeros for an item without a place
    encoder: encoders.Encoder | None
    statistics: Statistics | None
    layout: Layout
    content: np.ndarray | None  # B, [d, p]

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
            _unit(_aligned(ids, features.item_ids, features.blocks[text])) if has else np.zeros((len(ids), 1)),
            _aligned(ids, known.item_ids, known.factors.H),
            _encoder(settings, features) if has else None,
            features.statistics(text) if has else None,
            known.layout,
            known.factors.B if reads else None,
        )

    def parts(self, asked: Sequence[str], said: Phrases) -> Parts:
        """What speaks for each item, of each sentence."""
        words = said.scores(len(asked))
        if self.encoder is None or self.statistics is None:
            return Parts(np.zeros(words.shape), np.zeros(words.shape), words)
        vectors = self.statistics.apply(_encoded(self.encoder, asked))
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


def _encoder(settings: Settings, features: Features) -> encoders.Encoder:
    """The text encoder, which must be that of the served vectors."""
    wanted = settings.embeddings["text"]
    identity = encoders.identity(user_texts.MODALITY, wanted.encoder, wanted.precision, settings.weights)
    if identity.id != features.statistics(user_texts.MODALITY).encoder_id:
        raise MmrecError(f"the text encoder {wanted.encoder} is not the one that is served; type `mmrec run` first")
    return encoders.load(identity, wanted.device)


def _encoded(encoder: encoders.Encoder, asked: Sequence[str]) -> np.ndarray:
    """float32 [sentences, width]; they are padded to lengths of their own."""
    prepared = [_usable(each) for each in encoder.prepare(list(asked))]
    vectors = np.empty((len(prepared), encoder.identity.width), np.float32)
    for rows in encoder.batches(prepared):
        vectors[rows] = np.asarray(encoder.encode([prepared[row] for row in rows]))
    return vectors


def _usable(prepared: encoders.Prepared | Failure) -> encoders.Prepared:
    if isinstance(prepared, Failure):
        raise MmrecError(f"the sentence cannot be encoded: {prepared.reason}")
    return prepared


def _aligned(wanted: list[str], ids: list[str], rows: np.ndarray) -> np.ndarray:
    """The rows [n, width] of `ids` in the order of `wanted`, zeros for what has none."""
    at = pl.DataFrame({"id": ids, "at": np.arange(len(ids))}, {"id": pl.String, "at": pl.Int64})
    places = pl.DataFrame({"id": wanted}, {"id": pl.String}).join(at, on="id", how="left", maintain_order="left")["at"]
    there = places.is_not_null().to_numpy()
    found = np.zeros((len(wanted), rows.shape[1]), rows.dtype)
    found[there] = rows[places.drop_nulls().to_numpy()]
    return found


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _reasons(sentence: str, best: np.ndarray, amounts: np.ndarray, said: Phrases) -> list[str]:
    """A sentence for each listed item: what of it is named, and what else speaks for it."""
    found = said.said().filter(pl.col("share") >= phrases.NAMED, pl.col("kind") != "", pl.col("at").is_in(best))
    longest = found.sort(pl.col("value").str.len_chars(), "phrase", descending=[True, False])
    told = longest.group_by("at").agg(named=pl.format("{} {}", "kind", "value").head(_TOLD))
    named = dict(told.iter_rows())
    return [_reason(sentence, named.get(at, []), *amounts[:, at]) for at in best.tolist()]


def _reason(sentence: str, named: list[str], model: float, closeness: float, words: float) -> str:
    least = _WORTH_TELLING * sum(max(part, 0.0) for part in (model, closeness, words))
    close = [
        told
        for told, part in (("its text is close", closeness), ("people choose it with what is close", model))
        if part > 0 and part >= least
    ]
    if named:
        return f"Matches {_joined(named)}{''.join(f'; {each} too' for each in close[:1])}."
    said = ["it says some of these words"] if words > 0 and words >= least and closeness + model + words > 0 else []
    return f"For “{sentence}”: {_joined([*close, *said] or ['little speaks for it'])}."


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
