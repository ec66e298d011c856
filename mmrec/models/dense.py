"""The dense part of a candidate's score: fitted, or given where a model of last resort takes the place of a fit.

    popularity    one factor, how many people each item has: it ranks alike for everybody who likes something
    item-kNN      a factor of zeros: all of the score is the item-item part

So whatever is served is folded in, ranked, explained and stored by the same code. Here: from a candidate to its item
factors. Not here: the fit (`factorization.py`), the item-item part (`cooccurrence.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmrec.models import factorization
from mmrec.models.candidates import POPULARITY, Candidate
from mmrec.models.factorization import ItemFactors
from mmrec.models.histories import Histories


def fits(
    candidate: Candidate, histories: Histories, n_items: int, features: np.ndarray | None, *, exact: int = 1
) -> Iterator[ItemFactors]:
    """After every sweep of the fit, the last `exact` of which are exact; once where nothing is fitted."""
    if candidate.last_resort is None:
        yield from factorization.fits(histories, n_items, candidate.hyper, features, exact=exact)
        return
    counts = np.bincount(histories.items, minlength=n_items)
    share = counts / max(1, counts.max(initial=0)) * (candidate.last_resort == POPULARITY)
    yield factorization.given(share[:, None], counts, candidate.hyper)


def fit(candidate: Candidate, histories: Histories, n_items: int, features: np.ndarray | None) -> ItemFactors:
    """After the last sweep."""
    *_, last = fits(candidate, histories, n_items, features)
    return last
