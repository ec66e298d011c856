"""Who and what the served model has no place for is counted, and told with what helps."""

import json

import polars as pl
import pytest

from mmrec import tables
from mmrec.errors import MmrecError
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.published import unplaced
from mmrec.queries import ad_hoc, recommend
from mmrec.settings import Settings

DAY = "2024-01-02"
PLAIN, READING = {"name": "iALS", "block_weights": None}, {"name": "feature iALS", "block_weights": {"text": 1.0}}


@pytest.fixture
def settings():
    return Settings.model_validate(
        {
            "name": "shop",
            "calendar": {"start": "2024-01-01", "end": "2024-01-05"},
            "interactions": {"files": ["*.csv"], "event": "view"},
            "events": {"view": 1},
            "items": {"files": ["items.csv"], "columns": {"text": ["title"]}},
            "users": {"files": ["people.csv"], "columns": {"text": ["about"]}},
            "embeddings": {"text": {"encoder": "hash:4"}},
            "model": {"refit": 3},
        }
    )


@pytest.fixture
def lake(tmp_path):
    """One person with a factor, one with a profile alone; an item that was met, one with text, one with nothing."""
    lake = Lake(str(tmp_path))
    put(lake, "model/users", {"period": DAY, "user_id": "zq-1", "version": "v", "events": 1, "words": 0})
    for item, events in (("met", 2), ("cold", 0)):
        put(lake, "model/items", {"version": "v", "item_id": item, "events": events})
    for item, modalities in (("met", ["text"]), ("cold", ["text"]), ("bare", []), ("new", ["text"])):
        put(lake, "fused/current", {"item_id": item, "modalities": modalities})
    for person in ("zq-1", "zq-2"):
        put(lake, "validated/users", {"user_id": person, "consent": "yes", "text": "x", "text_hash": "h"})
    return lake


def put(lake, table, *rows):
    lake.append(table, tables.contract(table).conform(pl.DataFrame(rows), partial=True))


def serve(lake, choice):
    put(lake, "model/versions", {"version": "v", "boundary": "2024-01-01", "choice": json.dumps(choice)})


def test_a_model_that_reads_no_content_places_nobody_and_nothing_new(lake, settings):
    serve(lake, PLAIN)
    [told] = unplaced.warnings(lake, settings, DAY)
    assert told == (
        "without a place in any list are new items: 3 (bare, cold, new), people known by their own words alone: 1; the "
        "model that won the search on the events up to 2024-01-01 reads no content; they get a place when item factors "
        "are fitted anew (every 3 days, [model] refit) on events of theirs"
    )


def test_a_model_that_reads_text_places_whatever_has_one(lake, settings):
    serve(lake, READING)
    [told] = unplaced.warnings(lake, settings, DAY)
    assert "new items: 1 (bare); " in told
    assert "reads their text alone, and they have none" in told


def test_before_the_first_model_there_is_nothing_to_say(settings, tmp_path):
    assert unplaced.warnings(Lake(str(tmp_path)), settings, DAY) == []
    assert unplaced.why(Lake(str(tmp_path)), settings, DAY) == ""


def test_a_list_for_new_items_alone_says_why_there_is_none(fused_shop):
    shop, day = fused_shop, fused_shop.days[-1]
    shop.settings = shop.settings.model_copy(update={"embeddings": {}})
    shop.add_item("item-99,New,nobody met it,")
    shop.write_events(day, [*shop.lines(day), f"zq-person-88,item-99,{day}T23:00:00,view,,"])
    for node in graph.nodes(shop.settings):
        node.run(shop.lake, shop.settings, [day] if node.partitioned else [])
    with pytest.raises(MmrecError, match="no place as of 2024-01-04 for item-99: the model that won the search"):
        ad_hoc.for_items(shop.lake, shop.settings, ["item-99"])
    assert ad_hoc.for_items(shop.lake, shop.settings, ["item-99", "item-01"])["items"]
    with pytest.raises(MmrecError, match="nothing that they like has a place yet: the model that won"):
        recommend.recommend(shop.lake, shop.settings, "zq-person-88")
