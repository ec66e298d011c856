"""Encoders by name: what identifies them, what their vectors mean, and that batch mates never change a vector."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmrec import encoders
from mmrec.encoders import EncoderIdentity, Failure, Prepared, running
from mmrec.encoders.recipes import TextRecipe
from mmrec.errors import MmrecError
from mmrec.media.opening import MediaRef
from tests.helpers.clips import WEIGHTS, encode, needs_weights, registered

weights = needs_weights("minilm", "efficientnet-lite0")
TEXTS = [
    "A cowboy doll is threatened by a new spaceman toy.",
    "Toys come to life when their owner leaves the room.",
    "Two families feud over an oil field in Texas.",
    "x",
    "",
    "Space, the final frontier. " * 12,
    "A very long plot about a detective who follows a trail of clues. " * 40,
    *(f"Comedy number {n}: " + "a wedding goes wrong " * (n % 5) for n in range(12)),
]


@pytest.fixture(scope="module")
def minilm():
    return encoders.load(encoders.identity("text", "minilm", "fp32", WEIGHTS), "cpu")


@pytest.fixture(scope="module")
def lite():
    return encoders.load(encoders.identity("image", "efficientnet-lite0", "fp32", WEIGHTS), "cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Five registered drawings of different shapes and kinds."""
    root = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(0)
    refs = []
    for number, size in enumerate([(92, 138), (300, 200), (64, 64), (500, 333), (240, 300)]):
        image = Image.fromarray(chance.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize(size)
        refs.append(saved(image, root / f"{number}.{'png' if number % 2 else 'jpg'}"))
    return refs


def saved(image, path):
    image.save(path)
    return registered(path)


# Names, identities and what they cost


def test_identities_are_made_without_torch():
    code = (
        "import sys; from pathlib import Path; from mmrec import encoders\n"
        "from mmrec.encoders import recipes, running; from mmrec.media import decoded, opening\n"
        f"root = Path({str(WEIGHTS)!r})\n"
        "encoders.identity('audio', 'hash:8', 'fp32', root)\n"
        "encoders.identity('video', 'frames:hash:8', 'fp32', root)\n"
        "names = [('text', 'minilm'), ('image', 'efficientnet-lite0'), ('audio', 'aisfx')]\n"
        "[encoders.identity(*name, 'fp32', root) for name in names if (root / name[1]).is_dir()]\n"
        "sys.exit(', '.join({'torch', 'torchvision', 'transformers', 'av', 'soundfile'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("smell", "minilm", "fp32"), "unknown modality 'smell'; allowed: text, image, audio, video"),
        (("text", "minilm", "int8"), "unknown precision 'int8'; allowed: fp32, bf16"),
        (("text", "bert", "fp32"), "unknown text encoder 'bert'; known: minilm, e5-small, hf:<folder or hub id>, "),
        (("image", "minilm", "fp32"), "unknown image encoder 'minilm'; known: efficientnet-lite0, torchvision:"),
        (("text", "hf:", "fp32"), "unknown text encoder 'hf:'"),
        (("text", "hash:0", "fp32"), "the width must be a whole number from 1 to 8192"),
        (("text", "hash:wide", "fp32"), "the width must be a whole number from 1 to 8192"),
        (
            ("text", "minilm", "fp32"),
            r"weights of minilm not found: no config.json in .*nowhere/minilm; run `mmrec fetch`",
        ),
        (("image", "efficientnet-lite0", "fp32"), "weights of efficientnet-lite0 not found: .* run `mmrec fetch`"),
        (("image", "torchvision:resnet50", "fp32"), "names no weights file: write torchvision:resnet50@/path"),
        (("image", "torchvision:resnet50@/no/such.pth", "fp32"), "weights of resnet50 not found: no file /no/such.pth"),
        (
            ("image", "torchvision:resnet7@/no/such.pth", "fp32"),
            "unknown torchvision network 'resnet7'; known: resnet18",
        ),
        (("text", "hf:/no/such/folder", "fp32"), "no folder /no/such/folder"),
    ],
)
def test_what_cannot_be_an_encoder_is_said_in_one_line(asked, message, tmp_path):
    with pytest.raises(MmrecError, match=message) as error:
        encoders.identity(*asked, tmp_path / "nowhere")
    assert "\n" not in str(error.value)


def test_the_id_is_a_function_of_the_fields_alone(tmp_path):
    here = EncoderIdentity("text", "a", 3, {"b": 1, "a": [1, 2]}, {"folder": tmp_path})
    there = EncoderIdentity("text", "z", 3, {"a": [1, 2], "b": 1}, {"folder": tmp_path / "elsewhere"})
    assert here.id == there.id == hashlib.sha256(b'{"a":[1,2],"b":1}').hexdigest()
    assert EncoderIdentity("text", "a", 3, {"a": [1, 2], "b": 2}).id != here.id


@weights
def test_the_same_files_elsewhere_are_the_same_encoder_and_changed_files_another(tmp_path):
    for name in ("config.json", "tokenizer.json", "sentence_bert_config.json"):
        shutil.copy(WEIGHTS / "minilm" / name, tmp_path)
    (tmp_path / "model.safetensors").symlink_to(WEIGHTS / "minilm" / "model.safetensors")
    default = encoders.identity("text", "minilm", "fp32", WEIGHTS)
    assert encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS).id == default.id
    assert encoders.identity("text", "minilm", "bf16", WEIGHTS).id != default.id
    for name in ("tokenizer.json", "config.json"):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before + b"\n")
        assert encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS).id != default.id
        (tmp_path / name).write_bytes(before)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    changed = encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)
    assert changed.id != default.id
    with pytest.raises(MmrecError, match="no text encoder could be loaded"):
        encoders.load(changed, "cpu")
    (tmp_path / "model.safetensors").write_bytes(b"and others again")
    with pytest.raises(MmrecError, match="changed after the encoder was identified"):
        encoders.load(changed, "cpu")


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_folder_that_is_not_whole_is_named(tmp_path, missing):
    for name in {"model.safetensors", "tokenizer.json", "config.json"} - {missing}:
        (tmp_path / name).write_text('{"hidden_size": 4}')
    with pytest.raises(MmrecError, match=f"no {missing.replace('.', '.*')} in"):
        encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)


@weights
def test_a_network_that_its_files_do_not_fill_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    for name in ("config.json", "tokenizer.json"):
        shutil.copy(WEIGHTS / "minilm" / name, tmp_path)
    state = load_file(WEIGHTS / "minilm" / "model.safetensors")
    kept = {name: value for name, value in state.items() if not name.startswith(("encoder.layer.5.output", "pooler"))}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    short = encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)
    with pytest.raises(MmrecError, match=r"do not fill the network: 4 lack, encoder\.layer\.5\.output"):
        encoders.load(short, "cpu")
    whole = {name: value for name, value in state.items() if not name.startswith("pooler")}
    save_file(whole, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = encoders.load(encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS), "cpu")
    assert encode(encoder, TEXTS[:2]).shape == (2, 384)


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path, monkeypatch):
    import huggingface_hub

    def unreachable(name, **options):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(MmrecError, match=r"encoder 'some/model' not found: .* \(ConnectionError\)$"):
        encoders.identity("text", "hf:some/model", "fp32", tmp_path)


def test_devices_that_are_not_there_are_refused():
    import torch

    from mmrec.encoders import device

    assert device.choose("cpu") == ("cpu", "asked for by name")
    chosen, reason = device.choose("auto")
    assert reason
    assert "\n" not in reason
    if not torch.cuda.is_available():
        assert chosen == "mps" or (chosen == "cpu" and reason.startswith("no GPU is used: "))
        with pytest.raises(MmrecError, match="device 'cuda:3' cannot be used"):
            device.choose("cuda:3")
    with pytest.raises(MmrecError, match="unknown device 'tpu'"):
        device.choose("tpu")


def test_fp32_means_fp32_while_an_encoder_runs_and_the_process_keeps_its_choice():
    import torch

    from mmrec.encoders.device import Runner, full_precision

    before = torch.backends.cudnn.conv.fp32_precision
    with full_precision():
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == before
    threads, seen = torch.get_num_threads(), []

    def forward(rows):
        precision = torch.backends.mkldnn.matmul.fp32_precision
        seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled(), precision))
        return rows

    rows = [np.full(2, n, dtype=np.float32) for n in range(7)]
    np.testing.assert_array_equal(Runner("cpu").run(rows, 3, forward), np.stack(rows))
    assert seen == [(1, True, "ieee")] * 3
    assert torch.backends.cudnn.conv.fp32_precision == before
    assert torch.get_num_threads() == threads


def test_a_gpu_runs_whole_tiles_and_smaller_ones_after_running_out_of_memory():
    import torch

    from mmrec.encoders.device import Runner

    shapes = []

    def forward(rows):
        shapes.append(len(rows))
        if len(rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows

    rows = [np.full(2, n, dtype=np.float32) for n in range(9)]
    runner = Runner("cpu:0")  # the path of a GPU: only "cpu" itself has tiles side by side
    np.testing.assert_array_equal(runner.run(rows, 16, forward), np.stack(rows))
    assert shapes == [9, 8, 4, 4, 1]
    runner.run(rows[:1], 16, forward)
    assert shapes[5:] == [1]

    def never(rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        runner.run(rows[:1], 16, never)


# The stand-in


def test_hash_vectors_are_unit_length_and_a_function_of_the_input(pictures):
    encoder = encoders.load(encoders.identity("text", "hash:16", "fp32", WEIGHTS))
    vectors = encode(encoder, ["a", "b", "a", ""])
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])
    # A fixed answer: another one on another day or machine would be another encoder.
    np.testing.assert_allclose(vectors[0, :3], [-0.104483, 0.021419, -0.345982], atol=1e-6)
    images = encoders.load(encoders.identity("image", "hash:16", "fp32", WEIGHTS))
    np.testing.assert_array_equal(encode(images, pictures[:1]), encode(encoder, [pictures[0].path.read_bytes()]))
    assert images.prepare([MediaRef(Path("gone"), pictures[0].root, "")]) == [Failure("the file does not exist")]
    assert images.identity.id != encoder.identity.id != encoders.identity("text", "hash:17", "fp32", WEIGHTS).id


# Text


def test_length_buckets_are_a_function_of_the_row_and_waste_little():
    recipe = TextRecipe(256)
    padded = [recipe.padded_tokens(tokens) for tokens in range(1, 257)]
    assert sorted(set(padded)) == [16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]
    assert padded == sorted(padded)
    assert all(bucket >= tokens for tokens, bucket in enumerate(padded, start=1))
    assert max(bucket / tokens for tokens, bucket in enumerate(padded, start=1) if tokens >= 16) <= 1.25
    assert TextRecipe(100).padded_tokens(99) == 100


@weights
def test_related_sentences_are_closer(minilm):
    vectors = encode(minilm, TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    toys, also_toys, oil = vectors[:3]
    assert toys @ also_toys > 0.4 > 0.2 > toys @ oil


@weights
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.full)])
def test_batch_mates_order_and_blocks_never_change_a_text_vector(minilm, precision):
    encoder = minilm
    if precision == "bf16":
        encoder = encoders.load(encoders.identity("text", "minilm", "bf16", WEIGHTS), "cpu")
    vectors = encode(encoder, TEXTS)
    for rows in (1, 2, 3, 5):
        np.testing.assert_array_equal(encode(encoder, TEXTS, rows), vectors)
    np.testing.assert_array_equal(encode(encoder, TEXTS[::-1])[::-1], vectors)
    keys = [str(number) for number in range(len(TEXTS))]
    for seed in (0, 1):
        for chunk in running.run(encoder, keys, TEXTS, chunk_seconds=0, seed=seed, block_rows=5):
            assert not chunk.failed
            np.testing.assert_array_equal(chunk.vectors, vectors[[int(key) for key in chunk.keys]])
    if precision == "bf16":
        exact = encode(minilm, TEXTS)
        assert (vectors * exact).sum(axis=1).min() > 0.999
        assert not np.array_equal(vectors, exact)


@weights
def test_batches_share_a_padded_length_and_hold_every_row_once(minilm):
    prepared = minilm.prepare(TEXTS * 20)
    batches = minilm.batches(prepared)
    assert sorted(row for batch in batches for row in batch) == list(range(len(prepared)))
    assert all(len({prepared[row].size for row in batch}) == 1 for batch in batches)
    assert max(item.size for item in prepared) == 256


@weights
def test_what_is_no_text_is_one_failure(minilm):
    (chunk,) = running.run(minilm, ["a", "b", "c"], ["fine", None, "also fine"], seed=0)
    assert sorted(chunk.keys) == ["a", "c"]
    assert chunk.failed["b"].startswith("could not be encoded: TypeError")


# Pictures


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


# GPU


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


def test_prepared_rows_and_failures_are_plain_values():
    assert Failure("a") == Failure("a")
    assert Prepared(np.zeros(1), 4).size == 4
