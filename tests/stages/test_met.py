"""What was met and not liked: never listed again, and nothing is learnt from it; and what events weighed is stored."""

import json

import polars as pl
import pytest

from mmrec.errors import MmrecError
from mmrec.queries import export, recommend, why

TOP_K, FACTORS = "recommendations/top_k", "model/users"
CHAIN = ("model/factors", TOP_K)


def listed(shop, day):
    """person → their items in order of rank."""
    rows = shop.scan(TOP_K, period=day).sort("user_id", "rank")
    return dict(rows.group_by("user_id").agg("item_id").iter_rows())


def factors(shop, day):
    return dict(shop.scan(FACTORS, period=day).select("user_id", "factor").iter_rows())


def react(shop, day, *lines):
    shop.write_events(day, [*shop.lines(day), *lines])


def answer(shop):
    """Lands, judges and serves the last day anew; the catalogue stays as it is."""
    shop.run(*shop.events, *shop.answers, periods=shop.days[-1:])


def ratings(shop, change):
    """Gives every rating of every day another value."""
    for day in shop.days:
        lines = [line.split(",") for line in shop.lines(day)]
        for cells in lines:
            cells[4] = cells[4] and str(change(int(cells[4])))
        shop.write_events(day, [",".join(cells) for cells in lines])


def test_disliked_items_leave_the_list_and_move_no_factor(shop):
    day, person = shop.days[-1], shop.people[2]
    shop.configure(events={"weights": {"dislike": 0.0}}, interactions={"value_range": None})
    answer(shop)
    before, was = listed(shop, day), factors(shop, day)
    said = ("dislike,", "rating,0", "rating,-1")
    react(
        shop, day, *[f"{person},{item},{day}T23:59:00,{how}," for item, how in zip(before[person], said, strict=True)]
    )
    answer(shop)
    after = listed(shop, day)
    assert not set(after.pop(person)) & set(before[person])
    assert after.items() <= before.items()
    assert factors(shop, day) == was
    shares = why.why(shop.lake, shop.settings, person)
    assert not {row["item_id"] for row in shares["events"]} & set(before[person])


def test_ratings_turned_round_give_other_lists_where_liking_begins_at_a_value(fused, make_shop, tmp_path):
    found = {}
    for turned in (False, True):
        shop = make_shop(tmp_path / str(turned), like=fused)
        if turned:
            ratings(shop, lambda stars: 6 - stars)
            shop.run(*shop.events)
        for liked_from in (None, 3.0):
            shop.configure(interactions={"liked_from": liked_from}).run(*CHAIN, periods=shop.days[-1:])
            found[liked_from, turned] = listed(shop, shop.days[-1])
    assert found[None, False] == found[None, True]
    assert found[3.0, False] != found[3.0, True]


def test_values_can_weigh(fused_shop):
    day, made = fused_shop.days[-1], []
    for scale in ("none", "linear", "log"):
        fused_shop.configure(interactions={"value_scale": scale}).run(*CHAIN, periods=[day])
        made.append(factors(fused_shop, day))
    assert made[0] != made[1] != made[2] != made[0]


def test_who_liked_nothing_has_no_list_and_is_told_so(shop):
    day = shop.days[-1]
    shop.configure(events={"weights": {"dislike": 0.0}})
    react(shop, day, f"zq-person-99,item-03,{day}T22:00:00,dislike,,")
    answer(shop)
    assert "zq-person-99" not in factors(shop, day)
    with pytest.raises(MmrecError, match="everything that they met says that they did not like it") as told:
        recommend.recommend(shop.lake, shop.settings, "zq-person-99")
    assert "zq-person" not in str(told.value)


def test_why_and_export_speak_of_the_weights_that_were_computed_with(shop, tmp_path):
    person = shop.people[4]
    before = why.why(shop.lake, shop.settings, person)
    export.write(shop.lake, shop.settings, tmp_path / "before")
    shop.configure(events={"weights": {"rating": 7.0}}, interactions={"value_scale": "linear"})
    assert why.why(shop.lake, shop.settings, person) == before
    export.write(shop.lake, shop.settings, tmp_path / "after")
    model = {name: (tmp_path / name / "model.json").read_text() for name in ("before", "after")}
    assert model["before"] == model["after"]
    assert json.loads(model["after"])["settings"]["events"]["rating"] == 1.0
    arrays = {name: (tmp_path / name / "factors.safetensors").read_bytes() for name in model}
    assert arrays["before"] == arrays["after"]


@pytest.mark.full
def test_what_was_met_stands_in_the_export_without_a_weight(shop, tmp_path):
    from safetensors.numpy import load_file

    day, person = shop.days[-1], shop.people[2]
    shop.configure(events={"weights": {"dislike": 0.0}})
    disliked = listed(shop, day)[person][0]
    react(shop, day, f"{person},{disliked},{day}T23:59:00,dislike,,")
    answer(shop)
    export.write(shop.lake, shop.settings, tmp_path / "model")
    arrays = load_file(tmp_path / "model" / "factors.safetensors")
    items, people = (pl.read_parquet(tmp_path / "model" / f"{name}.parquet") for name in ("items", "users"))
    row = people["user_id"].index_of(person)
    begin, end = arrays["history_indptr"][row : row + 2]
    met = dict(
        zip(
            items["item_id"].gather(arrays["history_items"][begin:end]),
            arrays["history_weights"][begin:end],
            strict=True,
        )
    )
    assert met.pop(disliked) == 0
    assert min(met.values()) > 0
