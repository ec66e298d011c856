"""A contract judged without Great Expectations, for tests of what lies behind a verdict."""

import polars as pl

from mmrec.builds.report import Check
from mmrec.quality import contracts


def judge_quickly(asset, candidate, settings):
    """Judges the shares of rejected rows and of unknown items alone, without Great Expectations."""
    landed = candidate.landed
    bad = {"rejected_share": landed.filter(contracts.kind(pl.col("rule")) == contracts.REJECTED).height}
    limits = {"rejected_share": settings.quality.max_rejected_share}
    if "known" in landed.columns:
        bad["references"] = landed.filter(~pl.col("known")).height
        limits["references"] = settings.quality.max_unknown_item_share
    shares = {name: rows / max(landed.height, 1) for name, rows in bad.items()}
    return [
        Check(
            spec.name,
            candidate.period,
            spec.blocking,
            shares.get(spec.name, 0) <= limits.get(spec.name, 1),
            "few",
            f"{shares.get(spec.name, 0)}",
        )
        for spec in contracts.checks(asset, settings)
    ]
