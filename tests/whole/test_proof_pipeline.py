"""Whatever happens to files, settings and runs: what runs have made is what one run makes from nothing.

Random sequences on a lake of files, through raw, validated, embeddings and fused. The machine is in
`tests/helpers/lives.py`.
"""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.helpers.lives import LIVES, machine
from tests.helpers.needed import failing  # noqa: F401 (a fixture)

pytestmark = pytest.mark.usefixtures("failing")


@pytest.fixture
def pipeline(new_shop, tmp_path):
    return machine(new_shop, tmp_path / "lives")


def test_the_lake_is_always_what_a_rebuild_makes(pipeline):
    run_state_machine_as_test(pipeline, settings=LIVES)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_three_hundred_lives_are_what_a_rebuild_makes(pipeline):
    run_state_machine_as_test(pipeline, settings=settings(LIVES, max_examples=300, stateful_step_count=6))
