"""The model of the tests' shop: making it, and reading what it made."""

import numpy as np
import polars as pl

EVENTS, FACTORS, EVALUATION = "validated/interactions", "model/factors", "model/evaluation"


def after_events(shop, *more, strict=True):
    """Lands and judges the events anew, then runs these assets."""
    shop.run(*shop.events, strict=strict)
    return shop.run(*more) if more else None


def after_content(shop, *more, strict=True):
    """Brings the catalogue up to the fused items, and the events with it, then runs these assets."""
    shop.run(*shop.content, strict=strict)
    return after_events(shop, *more, strict=strict)


def factors(shop, *days):
    """(period, person) → the bytes of the factor."""
    found = shop.scan("model/users").filter(pl.col("period").is_in(days or shop.days))
    return {(p, u): np.array(f).tobytes() for p, u, f in found.select("period", "user_id", "factor").iter_rows()}


def versions(shop):
    return dict(shop.scan("model/versions").select("boundary", "version").iter_rows())


def view(shop, person, item, day, hour=23):
    shop.write_events(day, [*shop.lines(day), f"{person},{item},{day}T{hour}:59:59,view,,"])
