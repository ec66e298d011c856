"""Encoders of pictures: the published networks, whatever the batch, the layout or the device."""

import hashlib
import shutil

import numpy as np
import pytest
from PIL import Image

from mmrec import encoders
from mmrec.encoders import running
from mmrec.errors import MmrecError
from mmrec.media.opening import MediaRef
from tests.helpers.clips import WEIGHTS, encode
from tests.helpers.encoded import TEXTS, saved, weights


@pytest.fixture(scope="module")
def lite():
    return encoders.load(encoders.identity("image", "efficientnet-lite0", "fp32", WEIGHTS), "cpu")


def gradient():
    down, right = np.mgrid[0:300, 0:240]
    return Image.fromarray(np.stack([right % 256, down % 256, (right * down) % 256], axis=-1).astype(np.uint8))


@weights
def test_features_equal_those_of_the_published_network(lite, tmp_path):
    """Expected figures: efficientnet-lite-pytorch 0.1.0 on the same pixels, mean 127, deviation 128."""
    (features,) = encode(lite, [saved(gradient(), tmp_path / "g.png")])
    np.testing.assert_allclose(features[:8], [0.068650, 0, 1.366630, 0, 0, 0, 0, 0.357786], atol=1e-4)
    assert np.linalg.norm(features) == pytest.approx(19.235050, abs=1e-3)
    assert np.argsort(-features)[:5].tolist() == [989, 113, 782, 1062, 315]


@weights
def test_batch_mates_order_and_threads_never_change_a_picture_vector(lite, pictures):
    import torch

    vectors = encode(lite, pictures)
    assert vectors.shape == (5, 1280)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    for rows in (1, 2, 3):
        np.testing.assert_array_equal(encode(lite, pictures, rows), vectors)
    np.testing.assert_array_equal(encode(lite, pictures[::-1])[::-1], vectors)
    np.testing.assert_array_equal(encode(lite, [pictures[2]] * 3), vectors[[2, 2, 2]])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        again = encode(encoders.load(lite.identity, "cpu"), pictures)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(again, vectors)


@weights
def test_channels_last_is_only_a_layout():
    import torch

    from mmrec.encoders.networks.efficientnet import from_checkpoint
    from mmrec.encoders.weights import load_state, packages

    path = WEIGHTS / "efficientnet-lite0" / "efficientnet-lite0.pth"
    network = from_checkpoint(load_state(path, packages()["efficientnet-lite0"].sha256(path.name)))
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        rows = network(pixels)
        last = network.to(memory_format=torch.channels_last)(pixels.to(memory_format=torch.channels_last))
    np.testing.assert_allclose(rows, last, atol=1e-4)


@weights
def test_damaged_pictures_are_failures_and_their_neighbours_are_encoded(lite, pictures, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(pictures[0].path.read_bytes()[:-300])
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    refs = [MediaRef(path, tmp_path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in (cut, text)]
    stale = MediaRef(pictures[1].path, pictures[1].root, "0" * 64)
    (chunk,) = running.run(lite, list("abcde"), [*refs, stale, *pictures[:2]], chunk_seconds=60, seed=0)
    assert sorted(chunk.keys) == ["d", "e"]
    assert chunk.failed.keys() == {"a", "b", "c"}
    assert "damaged" in chunk.failed["a"]
    assert "not a picture" in chunk.failed["b"]
    assert chunk.failed["c"] == "the file changed since it was registered"


@weights
@pytest.mark.full
def test_bf16_pictures_have_another_id_and_nearly_the_same_features(lite, pictures):
    half = encoders.load(encoders.identity("image", "efficientnet-lite0", "bf16", WEIGHTS), "cpu")
    assert half.identity.id != lite.identity.id
    a, b = encode(lite, pictures), encode(half, pictures)
    np.testing.assert_array_equal(encode(half, pictures, 2), b)
    assert ((a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min() > 0.99


@weights
def test_another_file_in_place_of_the_default_pickle_has_another_id_and_is_not_opened(tmp_path):
    shutil.copytree(WEIGHTS / "efficientnet-lite0", tmp_path / "efficientnet-lite0")
    with (tmp_path / "efficientnet-lite0" / "efficientnet-lite0.pth").open("ab") as file:
        file.write(b"!")
    changed = encoders.identity("image", "efficientnet-lite0", "fp32", tmp_path)
    assert changed.id != encoders.identity("image", "efficientnet-lite0", "fp32", WEIGHTS).id
    with pytest.raises(MmrecError, match=r"was refused: its sha256 starts .*, expected 579344248a93"):
        encoders.load(changed, "cpu")


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    """A resnet18 state dict as a file; its weights are made up, so only equality is tested with it."""
    import torch
    from torchvision.models import get_model

    torch.manual_seed(0)
    network = get_model("resnet18", weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save(network.state_dict(), path)
    return path, network


def test_a_torchvision_network_runs_without_its_classifier(resnet18, pictures):
    import torch

    from mmrec.encoders.recipes import IMAGENET
    from mmrec.media.pictures import read_image

    path, network = resnet18
    encoder = encoders.load(encoders.identity("image", f"torchvision:resnet18@{path}", "fp32", WEIGHTS), "cpu")
    vectors = encode(encoder, pictures[:2])
    assert vectors.shape == (2, 512)
    network.fc = torch.nn.Identity()
    samples = np.stack([IMAGENET.pixels(read_image(ref.path.read_bytes())) for ref in pictures[:2]])
    mean, std = (torch.tensor(three).view(1, 3, 1, 1) / 255 for three in (IMAGENET.mean, IMAGENET.std))
    with torch.inference_mode():
        expected = network((torch.from_numpy(samples).permute(0, 3, 1, 2) / 255 - mean) / std)
    np.testing.assert_allclose(vectors, expected, rtol=1e-3, atol=1e-4)


def test_torchvision_weights_are_identified_by_their_bytes_and_must_fill_the_network(resnet18, tmp_path):
    import torch
    from safetensors.torch import save_file

    path, _ = resnet18
    state = torch.load(path, weights_only=True)
    ids = {encoders.identity("image", f"torchvision:resnet18@{path}", "fp32", WEIGHTS).id}
    save_file(state, tmp_path / "w.safetensors")
    ids.add(encoders.identity("image", f"torchvision:resnet18@{tmp_path / 'w.safetensors'}", "fp32", WEIGHTS).id)
    assert len(ids) == 2
    del state["layer1.0.conv1.weight"]
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(MmrecError, match="does not hold the weights of resnet18: Missing key"):
        load_torchvision(tmp_path / "short.pth")
    shutil.copy(path, tmp_path / "resnet18-00c0ffee.pth")
    with pytest.raises(MmrecError, match=r"was refused: its sha256 starts .*, its name says 00c0ffee"):
        load_torchvision(tmp_path / "resnet18-00c0ffee.pth")


def load_torchvision(path):
    return encoders.load(encoders.identity("image", f"torchvision:resnet18@{path}", "fp32", WEIGHTS), "cpu")


def test_the_listed_widths_are_those_of_torchvision():
    import torch
    from torchvision.models import get_model

    from mmrec.encoders.image import _TORCHVISION_WIDTHS

    for name in ("resnet34", "mobilenet_v3_large", "convnext_tiny", "swin_t", "vit_b_32", "efficientnet_b0"):
        with torch.device("meta"):
            network = get_model(name, weights=None)
        linear = [part for part in network.modules() if isinstance(part, torch.nn.Linear)][-1]
        assert linear.in_features == _TORCHVISION_WIDTHS[name]


@pytest.mark.gpu
@weights
def test_a_gpu_agrees_with_the_cpu(minilm, lite, pictures):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for on_cpu, inputs in ((minilm, TEXTS), (lite, pictures)):
        on_gpu = encoders.load(on_cpu.identity, "auto")
        assert on_gpu.device == "cuda:0"
        a, b = encode(on_cpu, inputs), encode(on_gpu, inputs)
        cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert cosines.min() >= 0.9999
        alone = encode(on_gpu, inputs, 2)  # the last bits may differ with the company
        assert ((alone * b).sum(axis=1) / np.linalg.norm(alone, axis=1) / np.linalg.norm(b, axis=1)).min() >= 0.99999
        assert encoders.peak_device_bytes(on_gpu.device) > 0
