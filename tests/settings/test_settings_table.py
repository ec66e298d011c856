"""The combinations of settings that the matrix tries: every setting, every pair, nothing that settings refuse."""

import itertools
from fnmatch import fnmatchcase

import pytest
from pydantic import ValidationError

from mmrec.settings import Settings
from tests.helpers import settings_table as table
from tests.helpers.plain_data import EVENTS, FILES, FORMS, TIMES
from tests.helpers.plain_shop import PlainShop
from tests.helpers.settings_table import COMBINATIONS


def test_every_setting_is_tried_or_has_a_reason_not_to_be():
    leaves = set(table.leaves(Settings))
    named = [*table.SETTINGS, *table.EXEMPT]
    assert [leaf for leaf in leaves if not any(fnmatchcase(leaf, path) for path in named)] == []
    assert [path for path in named if not any(fnmatchcase(leaf, path) for leaf in leaves)] == []
    assert [path for path, values in table.SETTINGS.items() if len(values) < 2] == []
    assert not table.SETTINGS.keys() & table.EXEMPT.keys()


def test_every_pair_is_in_a_combination_that_settings_accept(tmp_path):
    covered = set(itertools.chain.from_iterable(map(table.pairs, COMBINATIONS)))
    assert covered == set(table.wanted_pairs())
    shops = [PlainShop(tmp_path, row, turn) for turn, row in enumerate(COMBINATIONS)]
    forms = {(shop.form(file), shop.time_form(file)) for shop in shops for file in range(FILES["events"])}
    assert forms == set(itertools.product(FORMS, TIMES))


@pytest.mark.parametrize(("path", "needed"), [*table.REQUIRES, table.ONE_OF])
def test_what_is_left_out_is_refused_by_settings(tmp_path, path, needed):
    row = next(row for row in COMBINATIONS if bool(row[path]) == (needed != table.ONE_OF[1]) and row[needed])
    with pytest.raises(ValidationError):
        PlainShop(tmp_path, row | {needed: table.VALUES[needed][0]}, 0)


@pytest.mark.parametrize("zone", [zone for zone in table.ODD_DAYS if zone != "UTC"])
def test_the_odd_day_has_a_time_that_clocks_skip_and_that_is_delivered(tmp_path, zone):
    row = next(row for row in COMBINATIONS if row["calendar.timezone"] == zone)
    shop = PlainShop(tmp_path, row, 0)
    walls = [shop._wall(event) for event in EVENTS if event.day == 0]
    assert [wall for wall in walls if shop._instant(wall).astimezone(shop.zone).replace(tzinfo=None) != wall]
