"""Nothing goes stale unseen: cases of `bench/stale.py`, a few each time and all in the long suite."""

import pytest

from bench import stale

HARD = ("an event file is edited to the same size and time", "a row of a table is lost", "the clock was set back")


def test_what_is_hard_to_see_is_noticed(shop):
    assert stale.play(shop, *(stale.CASES[case] for case in HARD)) == stale.Outcome([], [])


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_every_case_is_noticed_and_costs_no_more_than_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    assert stale.main([]) == 0, capsys.readouterr().out
