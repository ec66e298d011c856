"""A tight plan: of every kind of change a run does what the plan names, unit by unit, and hardly less."""

import pytest

from mmrec.builds.assets import COMPARED, ENCODINGS, EVALUATED, FOLDED, SCORED
from mmrec.planning import graph
from mmrec.planning.walk import plan

UNITS = (ENCODINGS, FOLDED, SCORED, COMPARED, EVALUATED, "vectors fused", "fits")
LISTS = ("model", "recommendations")
USERS = {"files": ["people.csv"], "columns": {"text": ["about"]}}


def planned(shop, served):
    """Units of work that a run is said to do."""
    found = dict.fromkeys(UNITS, 0)
    for row in plan(shop.lake, shop.settings, served).rows:
        found["fits"] += row.fits if row.asset == "model/factors" else 0
        if row.unit in found:
            found[row.unit] += row.work
    return found


def done(shop, served):
    """Units of work that a run has done."""
    found = dict.fromkeys(UNITS, 0)
    for node in graph.nodes(shop.settings):
        report = shop.run(node.asset, periods=served if node.stage in LISTS else shop.days)
        found["fits"] += report.facts.get("versions_fitted", 0)
        if node.unit in found:
            found[node.unit] += report.total("work")
    return found


def profiles(shop, **texts):
    rows = [f"{shop.people[int(at[1:])]},yes,{text}\n" for at, text in texts.items()]
    (shop.data / "people.csv").write_text("user_id,consent,about\n" + "".join(rows))


def late_event(shop):
    day = shop.days[1]
    shop.write_events(day, [*shop.lines(day), f"{shop.people[2]},{shop.items[1]},{day}T23:00:00,view,,"])


def late_event_taken_back(shop):
    late_event(shop)
    done(shop, shop.days[-1:])
    day = shop.days[1]
    shop.write_events(day, shop.lines(day)[:-1])


def bad_and_repeated_rows(shop):
    day = shop.days[-1]
    lines = shop.lines(day)
    bad = f"{shop.people[3]},{shop.items[1]},{day}T23:00:00,rating,99,"
    shop.write_events(day, [*lines, bad, lines[0]])


def event_on_a_new_item(shop):
    new_item(shop, "item-98")
    day = shop.days[-1]
    shop.write_events(day, [*shop.lines(day), f"{shop.people[4]},item-98,{day}T23:00:00,view,,"])


def edited_text(shop):
    shop.edit_item("item-03", about="Something else")


def edited_title(shop):
    shop.edit_item("item-03", title="Something else")


def edited_text_of_a_new_item(shop):
    event_on_a_new_item(shop)
    done(shop, shop.days[-1:])
    shop.edit_item("item-98", about="Even newer")


def new_item(shop, item="item-99"):
    shop.add_item(f"{item},New,Quite new,")


def removed_item(shop):
    shop.remove_item("item-05")


def person_with_a_text(shop):
    profiles(shop, p0="loves things", p1="a thing number 4")
    shop.configure(users=USERS)
    done(shop, shop.days[-1:])
    profiles(shop, p0="loves things", p1="a thing number 4", p2="a new word")


def switched_encoder(shop):
    shop.configure(embeddings={"text": {"encoder": "hash:6"}})


def switched_encoder_and_back(shop):
    switched_encoder(shop)
    done(shop, shop.days[-1:])
    shop.configure(embeddings={"text": {"encoder": "hash:8"}})


def other_weights(shop):
    shop.configure(events={"weights": {"view": 2.0}})


def longer_lists(shop):
    shop.configure(recommendations={"k": 5})


QUIET = (edited_title, bad_and_repeated_rows)  # they cost none of the units
USUAL = (
    late_event,
    bad_and_repeated_rows,
    edited_text,
    edited_title,
    event_on_a_new_item,
    removed_item,
    person_with_a_text,
    switched_encoder,
)
RARER = (
    late_event_taken_back,
    new_item,
    edited_text_of_a_new_item,
    switched_encoder_and_back,
    other_weights,
    longer_lists,
)


def holds(shop, served):
    said, was = planned(shop, served), done(shop, served)
    for unit in UNITS:
        assert was[unit] <= said[unit] <= 1.2 * was[unit], (unit, said, was)
    assert planned(shop, served) == dict.fromkeys(UNITS, 0)
    return was


def is_the_work_that_was_planned(shop, change):
    change(shop)
    was = holds(shop, shop.days[-1:])
    assert any(was.values()) != (change in QUIET), change.__name__


def test_one_change_after_another_is_the_work_that_was_planned(shop):
    for change in USUAL:
        is_the_work_that_was_planned(shop, change)


@pytest.mark.full
@pytest.mark.parametrize("change", [*USUAL, *RARER], ids=lambda change: change.__name__)
def test_a_change_alone_is_the_work_that_was_planned(shop, change):
    is_the_work_that_was_planned(shop, change)


def test_a_new_day_folds_in_who_acts_and_a_boundary_fits_anew(new_shop):
    """Days arrive one by one; with a version for two days every second one is a refit."""
    kept = {day: new_shop.lines(day) for day in new_shop.days}
    fits = []
    for day in new_shop.days:
        new_shop.events_file(day).unlink()
    for at, day in enumerate(new_shop.days):
        new_shop.write_events(day, kept[day] if at < 3 else kept[day][:5])
        was = holds(new_shop, [day])
        fits.append(was["fits"])
    assert sum(fits) in (2, 3) and 0 in fits
    assert was[FOLDED] > 0 or fits[-1]


def test_all_periods_at_once_on_an_empty_lake(new_shop):
    was = holds(new_shop, new_shop.days)
    assert was["fits"] == 2
    assert was[FOLDED] > len(new_shop.people)
