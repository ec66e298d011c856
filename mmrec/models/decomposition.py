"""Why an item stands in a list: the exact split of its score over a person's past, and a sentence made of it.

Here: shares of a score by past item and by modality, and the template that words them. Not here: ranking, titles (they
are passed in), pictures, and a language model's wording. numpy only, so that `why` needs no torch. Source of the split:
Hu, Koren, Volinsky 2008, section 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmrec.modalities import NOUNS
from mmrec.models.candidates import POPULARITY
from mmrec.models.factorization import ItemFactors
from mmrec.models.solver import project

RESIDUAL = "behaviour"  # the part of an item's factor that its features do not explain
TOGETHER, FOLLOWED = "co-occurrence", "sequence"  # the item-item part: what people have together, what follows what
WORDLESS = (RESIDUAL, TOGETHER, FOLLOWED, POPULARITY)  # parts of a score that no sentence names
NAMED = 2  # past items a sentence names
WORTH_NAMING = 0.1  # of the sum of positive parts: below this a modality is left out of the sentence
_NEW, _EXPLORED = "New here", "New: shown to learn who likes it"
SEARCH, WROTE = "search", "wrote"  # events whose title is the person's own words, and what they are called
VERBS = {
    "rating": "rated",
    "purchase": "bought",
    "view": "viewed",
    "click": "clicked on",
    SEARCH: "searched for",
    WROTE: "wrote",
    "listen": "listened to",
    "watch": "watched",
    "like": "liked",
}


def shares(factors: ItemFactors, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """share[i, j] = c_uj · h_iᵀ A_u⁻¹ h_j, float64 [targets, items]: what past item j adds to target i's score.

    `items` and `weights` are one row of the histories that were folded in, A_u that person's normal matrix
    α₀HᵀH + Σ_j c_uj h_j h_jᵀ + λ n_u^ν I. A row sums to w_u·h_i (1e-9). No product here runs on several threads or
    changes with the number of targets, so the bits are the same every time.
    """
    if not len(items):
        return np.zeros((len(targets), 0))
    X = factors.HQ[items]  # in the eigenbasis of the Gram matrix, where α₀HᵀH is diagonal
    r = factors.hyper.regularization * float(len(items)) ** factors.hyper.exponent
    A = np.diag(factors.e + r) + np.einsum("ni,nj->ij", X * weights[:, None], X, optimize=False)
    inverse = np.linalg.inv(A)
    of_targets = factors.HQ[targets] if factors.A is None else project(factors.H[targets], factors.Q.T)
    directions = (of_targets[:, None, :] * inverse).sum(-1)
    return weights * (directions[:, None, :] * X).sum(-1)


def modality_shares(
    factors: ItemFactors,
    feature_blocks: Mapping[str, slice],
    f_i: np.ndarray,
    h_i: np.ndarray,
    user_factor: np.ndarray,
) -> dict[str, float]:
    """What each block of features adds to w_u·h_i through B, and what the residual h_i − B f_i adds (`RESIDUAL`).

    `f_i` [p], `h_i` and `user_factor` [d]. The values sum to the score; in plain iALS all of it is the residual.
    """
    parts: dict[str, float] = {}
    explained = np.zeros(len(h_i))
    if factors.B is not None:
        for name, block in feature_blocks.items():
            part = (factors.B[:, block] * f_i[block]).sum(-1)
            parts[name] = float((user_factor * part).sum())
            explained += part
    parts[RESIDUAL] = float((user_factor * (h_i - explained)).sum())
    return parts


@dataclass(frozen=True)
class Past:
    """One of the person's own events as evidence; the title of a search is its words."""

    title: str
    event: str  # event type, a key of VERBS; any other reads "chose"
    share: float  # what it adds to the score


@dataclass(frozen=True)
class Evidence:
    """What a sentence may say: nothing that is not in here is worded."""

    past: Sequence[Past] = ()
    modalities: Mapping[str, float] = field(default_factory=dict)  # as `modality_shares` gives them
    cold: bool = False  # nobody's events reached this item: its factor is B f
    explored: bool = False  # it stands there so that somebody meets it


def word(evidence: Evidence) -> str:
    """One sentence in English. The same evidence gives the same sentence, in whatever order it comes."""
    sentence = _word(evidence)
    return sentence.replace(_NEW, _EXPLORED, 1) if evidence.explored else sentence


def _word(evidence: Evidence) -> str:
    past = sorted((one for one in evidence.past if one.share > 0), key=lambda one: (-one.share, one.title, one.event))
    named, content = past[:NAMED], _strongest(evidence.modalities)
    if POPULARITY in evidence.modalities:
        like = f"; its {content} is like that of what many people like" if content else ""
        return f"{_NEW}{like}." if evidence.cold else "Many people like it."
    if evidence.cold:
        return _word_cold(named, content)
    if not named:
        return f"Its {content} fits what you like." if content else "Close to your taste."
    return f"Because you {_deeds(named)}{f'; its {content} is close too' if content else ''}."


def _word_cold(named: Sequence[Past], content: str) -> str:
    if not named:
        return f"{_NEW}; its {content} fits what you like." if content else f"{_NEW}."
    like = f"its {content} resembles" if content else "it resembles"
    if len({one.event for one in named}) == 1:
        titles = join([_title(one) for one in named])
        return f"{_NEW}; {like} {titles}, which you {_verb(named[0])}."
    return f"{_NEW}; {like} {join([f'{_title(one)}, which you {_verb(one)},' for one in named])}".rstrip(",") + "."


def _strongest(parts: Mapping[str, float]) -> str:
    """What the modality is called that adds most, if that is at least WORTH_NAMING of all positive parts.

    One and no more: under another seed of the fit a second one is often another (on the demo 79 % of reasons would name
    the same set over three seeds, and 95 % name the same strongest one).
    """
    total = sum(value for value in parts.values() if value > 0)
    worth = [(-v, name) for name, v in parts.items() if name not in WORDLESS and v > 0 and v >= WORTH_NAMING * total]
    return NOUNS.get(name := min(worth)[1], name) if worth else ""


def _deeds(named: Sequence[Past]) -> str:
    """rated A and B · rated A and bought B."""
    if len({one.event for one in named}) == 1:
        return f"{_verb(named[0])} {join([_title(one) for one in named])}"
    return join([f"{_verb(one)} {_title(one)}" for one in named])


def _verb(one: Past) -> str:
    return VERBS.get(one.event, "chose")


def _title(one: Past) -> str:
    return f"“{one.title}”" if one.event == SEARCH else one.title


def join(words: Sequence[str]) -> str:
    """a · a and b · a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
