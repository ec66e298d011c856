"""Nothing goes stale unseen: cases of `bench/stale.py`, a few each time and all in the long suite."""

import pytest

from bench import stale

QUICK = ["the same size and time", "clock", "a row of a table is lost"]


def test_what_is_hard_to_see_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert stale.main(QUICK) == 0, capsys.readouterr().out


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_every_case_is_noticed_and_costs_no_more_than_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    assert stale.main([]) == 0, capsys.readouterr().out
