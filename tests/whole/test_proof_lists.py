"""Whatever happens to files, settings and runs: lists, reasons and neighbours are those of a rebuild."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from mmrec import tables
from mmrec.builds.assets import SNAPSHOT
from mmrec.lake.store import Lake
from mmrec.planning import graph
from mmrec.published import user_texts
from tests.helpers.lives import LIVES, machine, rows, run
from tests.helpers.needed import failing  # noqa: F401 (a fixture)
from tests.helpers.shop import DAYS, ITEMS, PEOPLE

pytestmark = pytest.mark.usefixtures("failing")
NAMED = ("fused/statistics", "model/versions", "model/items", "model/arrays", "model/candidates")  # inputs by name
EVALUATION = "model/evaluation"
ANSWERS = ("model/users", "recommendations/top_k", "recommendations/reasons", "recommendations/similar_items")


@pytest.fixture
def pipeline(new_shop, tmp_path):
    return machine(new_shop, tmp_path / "lives")


def up_to_lists(shop):
    """Every asset but those that lists do not rest on."""
    return [node.asset for node in graph.nodes(shop.settings) if node.asset not in (EVALUATION, SNAPSHOT)]


def check_lists(shop, folder):
    """Factors, lists, reasons and neighbours are those of a rebuild with the same named inputs."""
    rebuilt = Lake(str(folder))
    for table in NAMED:
        rebuilt.append(table, rows(shop.lake, table))
    run(rebuilt, shop, up_to_lists(shop))
    for table in ANSWERS:
        content = tables.contract(table).content
        ours, theirs = (rows(lake, table).select(content) for lake in (shop.lake, rebuilt))
        assert ours.height > 0
        assert ours.sort(content).equals(theirs.sort(content)), table


def test_lists_after_changes_are_those_of_a_rebuild(shop, tmp_path):
    for number in range(2):
        shop.edit_item(ITEMS[number], about=f"Something else {number}")
        shop.add_item(f"new-{number},New,A new thing {number},item-01.png")
        shop.remove_item(ITEMS[5 + number])
        day = DAYS[number]
        late = f"{PEOPLE[number]},{ITEMS[1]},{day}T23:00:00,rating,4,"
        shop.write_events(day, [*shop.lines(day)[2:], late])
        shop.run(*up_to_lists(shop))
    check_lists(shop, tmp_path / "rebuilt")


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_lists_after_lives_are_those_of_a_rebuild(pipeline):
    class Served(pipeline):
        """Ends with lists."""

        def check(self):
            """The lake is looked at by the other tests."""

        def teardown(self):
            run(self.lake(), self.shop, up_to_lists(self.shop))
            self.needed[user_texts.MODALITY].failed = self.told(user_texts.MODALITY)
            with self.as_remembered():
                check_lists(self.shop, self.folder / "lists")
            super().teardown()

    run_state_machine_as_test(Served, settings=settings(LIVES, max_examples=30, stateful_step_count=5))
