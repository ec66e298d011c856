"""Which items a sentence names: by phrases of their titles, categories, attributes and texts, or by words of them.

A phrase is what stands between two marks of a catalogue's text: a name, a title, a clause. A word of the sentence
counts for an item by how rare it is in the catalogue, times how much of its phrase the sentence says: all of "Harrison
Ford" is a name, the "with" of "Interview with the Vampire" is next to nothing. Here: phrases, and what a sentence says
of them. Not here: closeness in meaning, nor lists (`sentences.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

TITLE, CATEGORY = "title", "category"
NAMED = 0.8  # the share of a phrase's letters from which on it counts as named
_MARKS = r"[.,;|!?:•\n]+(?:\s|$)|[。、，；！？\n]"
_LISTED = r"[^|,;]+"  # the parts of an attribute that lists several values
# Scripts that put no spaces between words are read sign by sign.
_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]]+"


def words(text: pl.Expr) -> pl.Expr:
    """The distinct words of a text, in lower case."""
    return text.str.to_lowercase().str.extract_all(_WORD).list.unique(maintain_order=True)


def listed(categories: pl.Expr) -> pl.Expr:
    """Each cell's categories: parted by commas or their like where a cell of the column has one, else by blanks."""
    apart = pl.when(categories.str.contains(r"[|,;/]").any()).then(pl.lit(r"[^|,;/]+")).otherwise(pl.lit(r"\S+"))
    return categories.str.extract_all(apart)


def facts(items: pl.DataFrame, attributes: Sequence[str]) -> pl.DataFrame:
    """What the catalogue says of items by name: at (the item's row), kind, value; one row a title, category, value.

    `items` has title, categories and attributes, the last as JSON by name.
    """
    at = items.with_row_index("at")
    cells = {TITLE: pl.concat_list("title"), CATEGORY: listed(pl.col("categories"))} | {
        name: pl.col("attributes")
        .str.json_path_match(f"$[{json.dumps(name, ensure_ascii=False)}]")
        .str.extract_all(_LISTED)
        for name in attributes
    }
    parts = [at.select("at", kind=pl.lit(kind), value=cell).explode("value") for kind, cell in cells.items()]
    named = pl.concat(parts).with_columns(pl.col("value").str.strip_chars())
    return named.filter(pl.col("value").str.len_chars() > 0).unique(maintain_order=True)


@dataclass(frozen=True)
class Phrases:
    """The phrases of a catalogue that hold a word of some sentences, word by word."""

    items: int
    phrases: pl.DataFrame  # phrase (number), at (the item's row), kind (empty: of its text), value, letters
    words: pl.DataFrame  # phrase, word: the sentences' words alone
    rarity: pl.DataFrame  # word, idf: ln(1 + (n − df + ½)/(df + ½)), n items of which df have the word
    asked: pl.DataFrame  # sentence (number), word

    @classmethod
    def of(cls, items: pl.DataFrame, named: pl.DataFrame, sentences: Sequence[str]) -> Phrases:
        """From items (text) and what the catalogue says of them (`facts`)."""
        asked = pl.DataFrame({"text": list(sentences)}, {"text": pl.String}).with_row_index("sentence")
        asked = asked.select("sentence", word=words(pl.col("text"))).explode("word").drop_nulls()
        texts = items.with_row_index("at").select("at", kind=pl.lit(""), value=pl.col("text").fill_null(""))
        texts = texts.with_columns(pl.col("value").str.replace_all(_MARKS, "\n").str.split("\n")).explode("value")
        lowered = pl.col("value").str.to_lowercase()
        distinct = pl.concat([named, texts]).filter(pl.col("value").str.contains(r"\w"))
        distinct = distinct.unique(["at", "value"], keep="first", maintain_order=True)
        wanted = asked["word"].unique().to_list()
        distinct = distinct.filter(lowered.str.contains_any(wanted) if wanted else pl.lit(value=False))
        phrases = distinct.with_row_index("phrase").with_columns(found=words(pl.col("value")))
        phrases = phrases.with_columns(letters=pl.col("found").list.join("").str.len_chars())
        found = phrases.select("phrase", "at", word="found").explode("word").join(asked, on="word", how="semi")
        frequency = found.group_by("word").agg(df=pl.col("at").n_unique())
        rarity = frequency.select("word", idf=(1 + (items.height - pl.col("df") + 0.5) / (pl.col("df") + 0.5)).log())
        return cls(items.height, phrases.drop("found"), found.select("phrase", "word"), rarity, asked)

    def said(self) -> pl.DataFrame:
        """sentence, phrase, at, kind, value, share: phrases that a sentence says words of, and how much of each."""
        found = self.words.join(self.asked, on="word").with_columns(length=pl.col("word").str.len_chars())
        said = found.group_by("sentence", "phrase").agg(pl.col("length").sum()).join(self.phrases, on="phrase")
        shares = said.with_columns(share=pl.col("length") / pl.col("letters")).drop("length", "letters")
        return shares.sort("sentence", "phrase")

    def scores(self, sentences: int) -> np.ndarray:
        """How much of each sentence is said of each item, float64 [sentences, items], from 0 to 1.

        A word that the catalogue never says counts as the rarest; a word of an item counts once, in its best phrase.
        """
        unknown = float(np.log(1 + (self.items + 0.5) / 0.5))
        rarity = self.asked.join(self.rarity, on="word", how="left").with_columns(pl.col("idf").fill_null(unknown))
        whole = rarity.group_by("sentence").agg(total=pl.col("idf").sum())
        shares = self.said().select("sentence", "phrase", "at", "share")
        found = self.words.join(self.asked, on="word").join(shares, on=["sentence", "phrase"])
        best = found.group_by("sentence", "at", "word").agg(pl.col("share").max()).join(self.rarity, on="word")
        parts = best.join(whole, on="sentence").sort("sentence", "at", "word")
        scores = np.zeros((sentences, self.items))
        amounts = parts.select(pl.col("share") * pl.col("idf") / pl.col("total")).to_series().to_numpy()
        np.add.at(scores, (parts["sentence"].to_numpy(), parts["at"].to_numpy()), amounts)
        return scores.round(9)  # whatever order a sum of words was taken in
