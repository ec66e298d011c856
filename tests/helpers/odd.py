"""Odd deliveries of the tests' shop: written in any kind of file, and judged."""

import gzip

import polars as pl

EVENTS, ITEMS = "validated/interactions", "validated/items"
DAY = "2024-01-01"


def items_of(shop):
    return dict(shop.scan(ITEMS).select("item_id", "title").sort("item_id").iter_rows())


def events_of(shop):
    return sorted(shop.scan(EVENTS).select("user_id", "item_id").unique().iter_rows())


def rejected(shop):
    return sorted(shop.scan("validated/rejected").select("source_file", "source_row", "rule", "reason").iter_rows())


def judge(shop, strict=True):
    """Lands and judges everything; the refusals by asset."""
    reports = shop.run(*shop.assets[:5], strict=strict)
    return {asset: report.refusals for asset, report in reports.items() if report.refusals}


def deliver(shop, kind, events, items):
    """Replaces all delivered files by one file of events and one catalogue of this kind."""
    for path in shop.data.glob("*.csv"):
        path.unlink()
    write(shop.data / f"items{kind}", items)
    write(shop.data / f"events-1{kind}", events)
    return shop.configure(interactions={"files": ["events-*"]}, items={"files": ["items*"]})


def write(path, rows):
    frame = pl.DataFrame(rows)
    if ".parquet" in path.name:
        frame.write_parquet(path)
        return
    text = frame.write_ndjson() if ".jsonl" in path.name else frame.write_csv()
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.name.endswith(".gz") else text.encode())


def rows_of(ids, users=None, titles=None):
    """Events in which each person meets each item of the same place, and the catalogue of those items."""
    count = len(ids)
    people = [f"zq-person-{at}" for at in range(count)] if users is None else users
    names = [f"Thing {at}" for at in range(count)] if titles is None else titles
    shared = {
        "time": [f"{DAY}T10:00:00"] * count,
        "event": ["view"] * count,
        "rating": ["3"] * count,
        "query": [""] * count,
    }
    return (
        {"user_id": people, "item_id": ids, **shared},
        {"item_id": ids, "title": names, "about": names, "picture": [""] * count},
    )
