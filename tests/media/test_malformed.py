"""Files that are damaged in ways nobody has listed: none crashes or hangs, no cut one is taken for whole."""

import resource
import time

import numpy as np
import pytest

from mmrec.media.decoded import read_frames, read_key_frames, read_sound
from mmrec.media.opening import BadMedia, read_registered
from mmrec.media.pictures import read_image
from mmrec.media.pool import Decoders
from tests.helpers import malformed
from tests.helpers.clips import registered
from tests.helpers.malformed import EITHER, MODALITIES, READ, REFUSED

FEW, MANY = 72, 720
DEADLINE_SECONDS = 90.0  # a worker has 60 of computing; the machine may be busy
GROWTH_BYTES = 300 * 2**20


@pytest.fixture(scope="module")
def read():
    """Reads a file of a modality: what an encoder would be given, as one array."""
    decoders = Decoders()
    readers = {
        "image": lambda ref: np.asarray(read_image(read_registered(ref))),
        "audio": lambda ref: read_sound(decoders, ref)[0],
        "video": lambda ref: np.stack([*read_frames(decoders, ref, [0.25, 0.75]), *read_key_frames(decoders, ref, 2)]),
    }
    yield lambda modality, ref: readers[modality](ref)
    decoders.close()


def outcome(read, case, folder):
    """`read` or the reason of the refusal; whatever else is raised is a fault."""
    path = folder / "file"
    path.write_bytes(case.data)
    began = time.monotonic()
    try:
        found = read(case.modality, registered(path))
    except BadMedia as refusal:
        assert "\n" not in str(refusal)
        assert str(folder) not in str(refusal)
        found = str(refusal)
    else:
        assert found.size
        assert np.isfinite(found).all()
        found = READ
    assert time.monotonic() - began < DEADLINE_SECONDS, case.name
    return found


@pytest.mark.parametrize(("modality", "kind"), [(name, kind) for name in MODALITIES for kind, _ in MODALITIES[name]])
def test_odd_but_whole_files_are_read(read, modality, kind, tmp_path):
    case = malformed.Case(modality, kind, malformed.whole(modality, kind), READ)
    assert outcome(read, case, tmp_path) == READ


@pytest.mark.parametrize("numbers", [range(FEW), pytest.param(range(FEW, MANY), marks=pytest.mark.full)], ids=str)
def test_damaged_files_end_in_one_line_and_harm_no_neighbour(read, numbers, tmp_path):
    before = {}
    for modality, kinds in MODALITIES.items():
        path = tmp_path / f"good-{modality}"
        path.write_bytes(malformed.whole(modality, kinds[0][0]))
        before[modality] = read(modality, registered(path))
    held_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = []
    for number in numbers:
        case = malformed.case(number)
        found = outcome(read, case, tmp_path)
        if case.expected != EITHER and (found == READ) != (case.expected == READ):
            wrong.append((case.name, case.expected, found))
    assert wrong == []
    assert 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held_bytes < GROWTH_BYTES
    for modality, pixels in before.items():
        np.testing.assert_array_equal(read(modality, registered(tmp_path / f"good-{modality}")), pixels)


def test_cases_are_a_function_of_their_number_and_of_every_kind():
    assert malformed.case(7) == malformed.case(7)
    cases = [malformed.case(number) for number in range(FEW)]
    assert {case.modality for case in cases} == set(MODALITIES)
    assert {case.expected for case in cases} == {REFUSED, READ, EITHER}
    assert len({case.data for case in cases}) > 0.8 * FEW
