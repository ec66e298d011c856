"""Embeddings of the tests' shop: making them, and what is current of them."""

UP_TO_ITEMS = ("raw/items", "raw/media", "validated/items")
TEXT, IMAGE = "embeddings/text", "embeddings/image"


def embed(shop, asset=TEXT):
    """Runs up to one modality; (keys computed, items by reason, its report)."""
    shop.run(*UP_TO_ITEMS)
    report = shop.run(asset)
    reasons = dict(report.tables["planned by reason"].iter_rows())
    numbers = report.facts
    assert numbers["keys_planned"] == numbers["keys_done"] + numbers["keys_found"] + numbers["keys_failed"]
    assert report.periods[""].computed == numbers["keys_done"]
    return numbers["keys_done"], reasons, report


def current(shop, modality="text"):
    return dict(shop.scan(f"embeddings/{modality}/current").select("item_id", "key").iter_rows())


def keys_of_vectors(shop, modality="text"):
    return sorted(shop.scan(f"embeddings/{modality}/vectors")["key"])
