"""The model and the catalogue: items that come and go between two fits, and what they are evaluated with."""

import numpy as np

from mmrec.published import state
from tests.helpers.model_shop import EVALUATION, FACTORS, after_content, factors, versions, view


def test_a_new_item_after_the_fit_is_placed_by_its_content(shop):
    fitted = versions(shop)
    shop.add_item("item-99,New,A thing number 4,item-04.png")
    report = after_content(shop, FACTORS)
    assert report.facts["versions_fitted"] == 0
    assert versions(shop) == fitted
    now = state.load(shop.lake, shop.settings, shop.days[-1])
    new, twin = now.item_ids.index("item-99"), now.item_ids.index("item-04")
    assert now.factors.B is not None
    assert (now.cold[new], now.cold[twin], now.servable[new]) == (True, False, True)
    assert np.array_equal(now.known.features[new], now.known.features[twin])
    assert np.allclose(now.factors.H[new], now.factors.B @ now.known.features[new])
    assert np.abs(now.factors.H[new]).max() > 0


def test_an_event_on_a_new_item_reaches_the_person_at_once(shop):
    before = factors(shop)
    shop.add_item("item-99,New,A thing number 4,item-04.png")
    after_content(shop, FACTORS)
    assert factors(shop) == before
    view(shop, shop.people[2], "item-99", shop.days[-1])
    report = after_content(shop, FACTORS)
    assert report.total("computed") == 1
    assert {key for key, bits in factors(shop).items() if bits != before[key]} == {(shop.days[-1], shop.people[2])}


def test_a_removed_item_is_no_longer_servable_and_its_events_still_count(shop):
    shop.remove_item(shop.rare)
    after_content(shop, FACTORS)
    now = state.load(shop.lake, shop.settings, shop.days[-1])
    assert not now.servable[now.item_ids.index(shop.rare)]
    counts = dict(shop.scan("model/users", period=shop.days[-1]).select("user_id", "events").iter_rows())
    assert counts[shop.people[1]] == sum(
        line.startswith(shop.people[1]) for day in shop.days for line in shop.lines(day)
    )


def test_an_item_without_any_modality_is_learned_from_its_events(built):
    now = state.load(built.lake, built.settings, built.days[-1])
    rare, never = now.item_ids.index(built.rare), now.item_ids.index(built.items[-1])
    assert not now.cold[rare]
    assert np.abs(now.factors.H[rare]).max() > 0
    assert now.cold[never]
    assert np.abs(now.factors.H[never]).max() == 0


def test_an_edit_of_content_between_two_refits_computes_no_evaluation(shop):
    before = shop.scan("model/evaluation")
    shop.edit_item("item-03", about="Something else", title="Another title")
    shop.edit_item("item-05", picture="item-01.png")
    shop.add_item("item-99,New,A thing that nobody asked for,")
    shop.run(*shop.assets[:5], *shop.content[3:], periods=shop.days)
    reports = shop.run(FACTORS, EVALUATION)
    assert reports[EVALUATION].total("computed") == 0
    assert shop.scan("model/evaluation").equals(before)
    assert shop.run(FACTORS, EVALUATION)[EVALUATION].total("computed") == 0


def test_an_item_that_events_name_is_evaluated_with_what_it_shows_today(shop):
    first = shop.run(EVALUATION).periods
    shop.add_item("item-99,New,A thing number 4,")
    view(shop, shop.people[2], "item-99", shop.days[3])
    shop.run(*shop.assets[:5], *shop.content[3:])
    named = shop.run(FACTORS, EVALUATION)[EVALUATION].periods
    assert {day for day in shop.days if named[day].data_version != first[day].data_version} == {shop.days[3]}
    shop.edit_item("item-99", about="Quite another thing")
    shop.run(*shop.assets[:5], *shop.content[3:])
    edited = shop.run(FACTORS, EVALUATION)[EVALUATION].periods
    assert {day for day in shop.days if edited[day].data_version != named[day].data_version} == {shop.days[3]}


def test_an_item_that_leaves_the_catalogue_is_evaluated_no_more(shop):
    first = shop.run(EVALUATION).periods
    shop.remove_item("item-03")
    shop.run(*shop.assets[:5], *shop.content[3:])
    after = shop.run(FACTORS, EVALUATION)[EVALUATION].periods
    assert all(after[day].data_version != first[day].data_version for day in shop.days)
