"""What a network sees of a sound, and what its vectors are."""

import numpy as np
import pytest

from mmrec import encoders
from mmrec.encoders import Prepared, pooling, running, signals
from mmrec.encoders.recipes import AISFX, WaveRecipe, spread
from mmrec.errors import MmrecError
from mmrec.media.opening import MediaRef
from tests.helpers.clips import WEIGHTS, chirp, cut, encode, needs_weights, sound
from tests.helpers.sounds import not_finite, written

weights = needs_weights("aisfx")


@pytest.fixture(scope="module")
def aisfx():
    return encoders.load(encoders.identity("audio", "aisfx", "fp32", WEIGHTS), "cpu")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Six registered sounds of different kinds, lengths (one to three windows) and rates; one is silent."""
    root = tmp_path_factory.mktemp("sounds")
    noise = np.random.default_rng(0).normal(0, 0.1, (60_000, 2)).astype(np.float32)
    return [
        sound(root / "chirp.wav"),
        sound(root / "noise.flac", noise),
        sound(root / "silence.ogg", np.zeros(30_000, dtype=np.float32)),
        sound(root / "long.wav", chirp(5, 22_050), 22_050),
        sound(root / "short.mp3", chirp(0.2)),
        sound(root / "telephone.wav", chirp(3, 8_000), 8_000, subtype="ULAW"),
    ]


# What the network sees


def sine(hertz, rate, seconds=2):
    return np.sin(2 * np.pi * hertz * np.arange(rate * seconds) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_101, 48_000, 96_000, 192_000])
def test_resampling_keeps_what_both_rates_can_hold_and_nothing_else(rate):
    low = min(rate, 44_100) / 2
    for hertz in (0, 300, 0.84 * low):
        found = signals.resample(sine(hertz, rate) + 0.25, rate, 44_100)
        assert len(found) == 88_200
        np.testing.assert_allclose(found[3000:-3000], (sine(hertz, 44_100) + 0.25)[3000:-3000], atol=1.2e-3)
    if rate > 2.2 * low:
        assert np.abs(signals.resample(sine(1.1 * low, rate), rate, 44_100)[3000:-3000]).max() < 2e-5


def test_mel_bands_are_means_under_triangles_of_equal_width_in_mel():
    flat = signals.mel_energies(np.ones((1, 1025), dtype=np.float32), 44_100, 96)
    np.testing.assert_allclose(flat, 1, atol=1e-5)
    spectrum = signals.power_spectra(sine(1000, 44_100)[None, :2048])
    assert spectrum.argmax() == round(1000 / 44_100 * 2048)
    # 2595 log10(1 + f / 700) of 1000 Hz is 1000, and 97 steps lead to that of 22,050 Hz, 3923.
    assert signals.mel_energies(spectrum, 44_100, 96).argmax() == round(1000 / 3923.3 * 97) - 1


def test_windows_follow_the_published_recipe():
    """Expected figures: package aisfx 0.1.2's own blocks of spectra made with Essentia's formulas in float64."""
    windows = AISFX.windows(chirp(), 44_100)
    assert windows.shape == (2, 100, 96)
    assert windows.dtype == np.float32
    assert windows.max() == pytest.approx(0.908897, abs=1e-5)
    assert windows.mean() == pytest.approx(0.03460135, abs=1e-6)
    np.testing.assert_array_equal(windows[0, 50:], windows[1, :50])
    np.testing.assert_array_equal(AISFX.windows(np.zeros(44_100, dtype=np.float32), 44_100), 0)


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.001, 1), (0.5, 1), (2.3, 1), (3.4, 1), (3.46, 2), (5, 3), (20, 16), (60, 16)]
)
def test_short_sounds_have_one_window_and_long_ones_a_bounded_number(seconds, count):
    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * 44_100)).astype(np.float32)
    windows = AISFX.windows(samples, 44_100)
    assert windows.shape == (count, 100, 96)
    assert (windows.max(axis=(1, 2)) > 0.3).all()


def test_kept_windows_lie_from_the_first_to_the_last():
    assert spread(99, 100, 50, 4) == [0]
    assert spread(250, 100, 50, 4) == [0, 50, 100, 150]
    assert spread(1000, 100, 50, 4) == [0, 300, 600, 900]
    assert [len(part) for part in WaveRecipe(16_000).windows(chirp(25, 16_000), 16_000)] == [160_000] * 2
    (repeated,) = WaveRecipe(16_000).windows(chirp(3, 16_000), 16_000)
    np.testing.assert_array_equal(repeated[48_000:96_000], repeated[:48_000])


# Vectors


def test_the_identity_names_all_that_decides_the_numbers(tmp_path):
    with pytest.raises(MmrecError, match=r"weights of aisfx not found: .* run `mmrec fetch`"):
        encoders.identity("audio", "aisfx", "fp32", tmp_path)
    (tmp_path / "aisfx").mkdir()
    for name in ("aisfx.pth", "LICENSE"):
        (tmp_path / "aisfx" / name).write_bytes(b"some bytes")
    first = encoders.identity("audio", "aisfx", "fp32", tmp_path)
    assert first.width == 512
    assert first.fields["recipe"] == AISFX.fields()
    assert first.fields["pooling"] == "mean over windows"
    assert encoders.identity("audio", "aisfx", "bf16", tmp_path).id != first.id
    (tmp_path / "aisfx" / "aisfx.pth").write_bytes(b"other bytes")
    other = encoders.identity("audio", "aisfx", "fp32", tmp_path)
    assert other.id != first.id
    with pytest.raises(MmrecError, match=r"was refused: its sha256 starts .*, expected 499ea75909c9"):
        encoders.load(other, "cpu")


@weights
def test_features_equal_those_of_the_published_network(aisfx, tmp_path):
    """Expected figures: the network of package aisfx 0.1.2 on the same windows, averaged and scaled to length 1."""
    (vector,) = encode(aisfx, [sound(tmp_path / "exact.wav", chirp(), subtype="FLOAT")])
    expected = [0.066013, 0.032295, 0.010563, 0.005883, 0.02159, 0.02978, 0.044537, 0.026194]
    np.testing.assert_allclose(vector[:8], expected, atol=2e-5)
    assert np.argsort(-vector)[:6].tolist() == [294, 434, 433, 310, 362, 229]


@weights
def test_batch_mates_order_and_threads_never_change_a_sound_vector(aisfx, sounds):
    import torch

    vectors = encode(aisfx, sounds)
    assert vectors.shape == (6, 512)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encode(aisfx, sounds[::-1], 4)[::-1], vectors)
    np.testing.assert_array_equal(encode(aisfx, sounds[3:4]), vectors[3:4])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        again = encode(encoders.load(aisfx.identity, "cpu"), sounds)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(again, vectors)


@weights
def test_like_sounds_are_closer(aisfx, tmp_path):
    chance = np.random.default_rng(1)
    beats = [np.where(np.arange(88_200) % 11_025 < 900, chance.normal(0, 0.3, 88_200), 0) for _ in range(2)]
    hums = [sum(sine(hertz * n, 44_100) for n in (1, 2, 3)) / 9 for hertz in (110, 120)]
    refs = [sound(tmp_path / f"{n}.wav", samples) for n, samples in enumerate([*beats, *hums])]
    vectors = encode(aisfx, refs)
    near = vectors @ vectors.T
    assert min(near[0, 1], near[2, 3]) > near[:2, 2:].max() + 0.1


@weights
def test_bad_sounds_are_failures_and_their_neighbours_are_encoded(aisfx, sounds, tmp_path):
    bad = {
        "cut": cut(sound(tmp_path / "a.wav"), 0.5),
        "nan": sound(tmp_path / "nan.wav", not_finite(), subtype="FLOAT"),
        "text": written(tmp_path / "text.mp3", b"no sound at all"),
        "stale": MediaRef(sounds[0].path, sounds[0].root, "0" * 64),
        "loud": sound(tmp_path / "loud.wav", np.full(9_000, 1e30), subtype="FLOAT"),
    }
    keys = [*bad, "0", "1", "2"]
    chunks = list(running.run(aisfx, keys, [*bad.values(), *sounds[:3]], chunk_seconds=0, seed=3, block_rows=4))
    failed = {key: reason for chunk in chunks for key, reason in chunk.failed.items()}
    assert failed.keys() == bad.keys()
    assert "cut short" in failed["cut"]
    assert failed["loud"] == "the vector is not finite"
    vectors = {key: vector for chunk in chunks for key, vector in zip(chunk.keys, chunk.vectors, strict=True)}
    np.testing.assert_array_equal([vectors[str(n)] for n in range(3)], encode(aisfx, sounds[:3]))


@weights
@pytest.mark.full
def test_bf16_sounds_have_nearly_the_same_vectors(aisfx, sounds):
    half = encoders.load(encoders.identity("audio", "aisfx", "bf16", WEIGHTS), "cpu")
    a, b = encode(aisfx, sounds[:3]), encode(half, sounds[:3])
    np.testing.assert_array_equal(encode(half, sounds[1:2]), b[1:2])
    assert (a * b).sum(axis=1).min() > 0.995
    assert not np.array_equal(a, b)


@pytest.mark.gpu
@weights
def test_a_gpu_agrees_with_the_cpu(aisfx, sounds):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_gpu = encoders.load(aisfx.identity, "auto")
    a, b = encode(aisfx, sounds), encode(on_gpu, sounds)
    assert (a * b).sum(axis=1).min() >= 0.9999
    np.testing.assert_array_equal(encode(on_gpu, sounds, 2), b)


def test_parts_are_grouped_by_budget_and_averaged():
    items = [Prepared(np.full((size, 2), size, dtype=np.float32), size) for size in (3, 1, 4, 9, 2)]
    assert pooling.batches(items, 4) == [[0, 1], [2], [3], [4]]
    assert pooling.batches([], 4) == []
    two = [Prepared(np.array([[3.0, 0], [1, 4]], np.float32), 2), Prepared(np.array([[0.0, 0]], np.float32), 1)]
    vectors = np.asarray(pooling.encode(two, np.stack))
    np.testing.assert_allclose(vectors, [[2**-0.5, 2**-0.5], [0, 0]], atol=1e-6)
    assert vectors.dtype == np.float32
