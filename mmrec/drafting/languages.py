"""Whether texts are likely to be English, told from their scripts, their accents and their small words.

Here: shares of words, markup and addresses left out. Not here: which texts are meant, and which encoder reads them
(`mmrec/drafting/sections.py`).
"""

from __future__ import annotations

import polars as pl

_MARKUP = r"(?s)<[^>]*>|&#?\w+;|\w+://\S+|www\.\S+|\S+@\S+\.\w+"
# A script without spaces has a word a character, about.
_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\p{L}\p{M}]+"
_LATIN_WORD, _LATIN_LETTER, _ACCENTED = r"\p{Latin}[\p{Latin}\p{M}]*", r"\p{Latin}", r"[\p{Latin}--\p{ASCII}]|\p{M}"
_SCRIPTS = {  # where both are there, Japanese is written with the first and Chinese is not
    "Japanese": r"\p{Hiragana}|\p{Katakana}",
    "Chinese": r"\p{Han}",
    "Korean": r"\p{Hangul}+",
    "Thai": r"\p{Thai}",
    "Cyrillic": r"\p{Cyrillic}+",
    "Arabic": r"\p{Arabic}+",
    "Hebrew": r"\p{Hebrew}+",
    "Greek": r"\p{Greek}+",
    "Devanagari": r"\p{Devanagari}+",
}
_ENGLISH = "the and of with for to this that your from"
_NOT_ENGLISH = (
    "und der das mit für eine von les des et une avec pour dans sur el los las y con una para il gli di della per "
    "che os uma com em não het een van voor met och og för med av til się jest oraz dla nie ve bir için ile dan yang "
    "dengan untuk și cu pentru ja és egy"
)
_OTHER_SCRIPT = 0.3  # of the words; fewer are names and brands
_ACCENTS, _SMALL_WORDS = 0.015, 0.02  # of the Latin letters, and of the words; English has next to none


def not_english(texts: pl.Series) -> str | None:
    """What texts seem to be written in, in words; None where nothing speaks against English."""
    bare = texts.head(2_000).str.replace_all(_MARKUP, " ").str.normalize("NFC")
    words = _count(bare, _WORD)
    other = words - _count(bare, _LATIN_WORD)
    if words and other >= _OTHER_SCRIPT * words:
        return f"about {other / words:.0%} of the words in these texts are {_script(bare)}"
    accented = _count(bare, _ACCENTED) >= _ACCENTS * max(_count(bare, _LATIN_LETTER), 1)
    foreign, english = (_count(bare, rf"(?i)\b(?:{said.replace(' ', '|')})\b") for said in (_NOT_ENGLISH, _ENGLISH))
    if words and (accented or (foreign > 1.5 * english and foreign >= _SMALL_WORDS * words)):
        return f"the {'accents' if accented else 'small words'} of these texts are not those of English"
    return None


def _script(texts: pl.Series) -> str:
    counts = {name: _count(texts, script) for name, script in _SCRIPTS.items()}
    if counts["Japanese"] > 0.1 * counts["Chinese"]:
        counts["Japanese"] += counts.pop("Chinese")
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "in another script"


def _count(texts: pl.Series, pattern: str) -> int:
    return int(texts.str.count_matches(pattern).sum() or 0)
