"""The tests' shop brought up to its embeddings, and what it published and rejected."""

import polars as pl

EVENTS, ITEMS = "validated/interactions", "validated/items"


def published(shop):
    """Every published event as (person, item, time)."""
    rows = shop.scan(EVENTS).filter(pl.col("item_id").is_not_null())
    return sorted(rows.select("user_id", "item_id", pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S")).rows())


def delivered(shop, *days):
    lines = [line.split(",") for day in days or shop.days for line in shop.lines(day)]
    return sorted((cells[0], cells[1], cells[2]) for cells in lines if cells[1])


def rejected(shop):
    """(file, row) → rule."""
    found = shop.scan("validated/rejected").select("source_file", "source_row", "rule")
    return {(file, row): rule for file, row, rule in found.iter_rows()}


def refresh(shop):
    """Lands and judges the catalogue and the events; the problems by asset."""
    reports = shop.run(*shop.assets[:5], strict=False)
    return {asset: report.refusals for asset, report in reports.items() if report.refusals}


def add(shop, day, *lines):
    """Adds lines to a day's file; the number of the first of them."""
    before = shop.lines(day)
    shop.write_events(day, [*before, *lines])
    return len(before) + 1
