"""What must hold of a batch before it is published: the checks of each asset, and the kinds of rows.

Not here: the suites that judge it (`mmrec/quality/suites.py`), and remembering what was judged
(`mmrec/quality/verdicts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mmrec import tables
from mmrec.settings import Settings

GOOD = "ok"  # the rule of a row that broke none
# Rules of rows that are kept out without being bad.
DUPLICATE, IGNORED, UNNAMED = "duplicate", "event_ignored", "event_unnamed"
KINDS = {GOOD: "valid", DUPLICATE: "duplicate", IGNORED: "ignored", UNNAMED: "ignored"}  # any other rule: rejected
REJECTED = "rejected"
DESCRIPTIONS = {
    "header": "the published columns are those of the table's contract, in order",
    "types": "every column has the type of the table's contract",
    "nulls": "no value is missing in a column that may not lack one",
    "keys": "no two published rows share a key",
    "ranges": "every value lies in the range that the settings allow",
    "rejected_share": "the share of rejected rows (not duplicates, nor ignored ones) stays within "
    "quality.max_rejected_share",
    "references": "the share of events that name an unknown item stays within quality.max_unknown_item_share",
    "volume": "the number of landed rows lies within quality.min_rows and quality.max_rows",
}
_OF_A_WHOLE = ("header", "types", "nulls", "keys", "rejected_share", "volume")
_OF_ASSET = {
    tables.VALIDATED_INTERACTIONS: tuple(DESCRIPTIONS),
    tables.VALIDATED_ITEMS: _OF_A_WHOLE,
    tables.VALIDATED_USERS: _OF_A_WHOLE,
}


@dataclass(frozen=True)
class CheckSpec:
    """A check before anything was judged. A blocking one keeps a failing candidate from being published."""

    name: str
    description: str
    blocking: bool


@dataclass(frozen=True)
class Candidate:
    """One period's rows before publication: `landed` has every landed row's rule, `good` the rows that broke none."""

    period: str
    landed: pl.DataFrame  # rule, reason, source_file, source_row; and `known`, where references are judged
    good: pl.DataFrame
    digest: str  # of all landed rows with their rules
    against: str = ""  # digest of what the rows were judged against, such as which of the named items exist


def checks(asset: str, settings: Settings) -> list[CheckSpec]:
    """The checks of an asset's contract; none where it has no contract."""
    # A day may be empty, but an empty catalogue would take every item away.
    warns = () if asset == tables.VALIDATED_ITEMS else ("volume",)
    left_out = ("references",) if settings.quality.max_unknown_item_share is None else ()
    names = [name for name in _OF_ASSET.get(asset, ()) if name not in left_out]
    return [CheckSpec(name, DESCRIPTIONS[name], name not in warns) for name in names]


def kind(rule: pl.Expr) -> pl.Expr:
    """What a rule makes of a landed row: valid, rejected, duplicate or ignored."""
    return rule.replace_strict(KINDS, default=REJECTED, return_dtype=pl.String)
