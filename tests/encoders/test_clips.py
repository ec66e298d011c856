"""Networks of motion: which frames they see, and that a film's vector is that of torchvision on its own."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec import encoders
from mmrec.encoders import clips, running
from mmrec.encoders.recipes import KINETICS
from mmrec.errors import MmrecError
from mmrec.media.decoded import read_frames
from mmrec.media.pool import Decoders
from tests.helpers.clips import WEIGHTS, encode, film


def moving(number):
    """A bright bar that goes to the right."""
    frame = np.full((96, 128, 3), 40, np.uint8)
    frame[:, 4 * number % 128 : 4 * number % 128 + 16] = (200, 120, 60)
    return frame


def test_a_burst_is_of_frames_a_fixed_time_apart_and_stays_in_the_film(tmp_path):
    decoders = Decoders()
    ref = film(tmp_path / "a.mp4", 75)  # grey of 3 n, 25 a second
    greys = [frame.mean() for frame in read_frames(decoders, ref, [0.5], burst=5, apart_seconds=0.2)]
    np.testing.assert_allclose(greys, [3 * n for n in (28, 33, 38, 43, 48)], atol=4)
    two = [frame.mean() for frame in read_frames(decoders, ref, [0.25, 0.75], burst=2, apart_seconds=0.4)]
    np.testing.assert_allclose(two, [3 * n for n in (14, 24, 52, 62)], atol=4)
    short = film(tmp_path / "b.mp4", 4)
    over = [frame.mean() for frame in read_frames(decoders, short, [0.5], burst=4, apart_seconds=1.0)]
    np.testing.assert_allclose(over, [0, 0, 9, 9], atol=3)
    decoders.close()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A state dict of r3d_18 as a file; its weights are made up, so only equality is tested with it."""
    import torch
    from torchvision.models import get_model

    torch.manual_seed(0)
    made = get_model("r3d_18", weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "r3d.pth"
    torch.save(made.state_dict(), path)
    made.fc = torch.nn.Identity()
    return path, made


def test_a_film_is_the_mean_of_its_clips_and_batch_mates_never_change_it(network, tmp_path, monkeypatch):
    """With frames of 32² instead of 112², which the network takes too and which cost a twelfth."""
    import torch

    assert KINETICS.pixels(np.zeros((16, 96, 128, 3), np.uint8)).shape == (16, 112, 112, 3)
    monkeypatch.setattr(clips, "KINETICS", replace(KINETICS, height=37, width=49, crop=32))
    path, alone = network
    encoder = encoders.load(encoders.identity("video", f"torchvision:r3d_18@{path}", "fp32", WEIGHTS), "cpu")
    files = [film(tmp_path / f"{at}.mp4", frames, (128, 96), draw=moving) for at, frames in enumerate((90, 30))]
    vectors = encode(encoder, files)
    assert vectors.shape == (2, 512)
    [first] = encoder.prepare(files[:1])
    assert (first.data.shape, first.data.dtype) == ((3, 16, 32, 32, 3), np.uint8)
    mean, std = (torch.tensor(three).view(3, 1, 1, 1) / 255 for three in (KINETICS.mean, KINETICS.std))
    seen = (torch.from_numpy(first.data).permute(0, 4, 1, 2, 3) / 255 - mean) / std
    with torch.inference_mode():
        expected = alone(seen).mean(0).numpy()
    np.testing.assert_allclose(vectors[0], expected / np.linalg.norm(expected), atol=1e-5)
    np.testing.assert_array_equal(encode(encoder, files[::-1], 1)[::-1], vectors)
    files[1].path.write_bytes(files[1].path.read_bytes()[:-900])
    [chunk] = running.run(encoder, ["a", "b"], files, chunk_seconds=60, seed=0)
    assert (chunk.keys, list(chunk.failed)) == (["a"], ["b"])


def test_what_is_no_network_of_films_is_told(network):
    path, _ = network
    with pytest.raises(MmrecError, match="unknown torchvision network 'resnet50'; known: r3d_18, mc3_18, r2plus1d_18"):
        encoders.identity("video", f"torchvision:resnet50@{path}", "fp32", WEIGHTS)
    wrong = encoders.identity("video", f"torchvision:mc3_18@{path}", "fp32", WEIGHTS)
    with pytest.raises(MmrecError, match="does not hold the weights of mc3_18"):
        encoders.load(wrong, "cpu")
