"""Sounds: which are read and which are refused and why, what a network sees of them, and what their vectors are."""

import os
import struct

import numpy as np
import pytest

from mmrec import encoders
from mmrec.encoders import Prepared, pooling, running, signals
from mmrec.encoders.recipes import AISFX, WaveRecipe, spread
from mmrec.errors import MmrecError
from mmrec.media import decoded as reading
from mmrec.media.decoded import read_sound
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders
from mmrec.media.sound import decode
from tests.helpers.clips import WEIGHTS, chirp, cut, encode, film, needs_weights, registered, sound

weights = needs_weights("aisfx")


@pytest.fixture(scope="module")
def decoders():
    pool = Decoders()
    yield pool
    pool.close()


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


# Reading


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.rf64"])
def test_every_kind_is_read_whole_with_its_channels_averaged(decoders, tmp_path, name):
    left = chirp(1.5)
    samples, rate = read_sound(decoders, sound(tmp_path / name, np.stack([left, 0.5 * left, 0 * left], 1)[:, :2]))
    assert rate == 44_100
    assert samples.shape == left.shape
    assert samples.dtype == np.float32
    middle = slice(5_000, -5_000)
    assert np.corrcoef(samples[middle], left[middle])[0, 1] > 0.99
    assert np.abs(samples - 0.75 * left)[middle].mean() < 0.02


def test_the_kind_is_told_from_the_bytes_and_not_from_the_name(decoders, tmp_path):
    ref = sound(tmp_path / "a.flac")
    disguised = ref.path.rename(tmp_path / "a.jpg")
    assert len(read_sound(decoders, registered(disguised))[0]) == len(chirp())


def not_finite():
    samples = chirp()
    samples[70_000] = np.nan
    return samples


def with_rate(ref, rate):
    """Rewrites the sample rate in the header of a WAV."""
    data = bytearray(ref.path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    ref.path.write_bytes(data)
    return registered(ref.path)


def written(path, data):
    path.write_bytes(data)
    return registered(path)


def long(seconds):
    """Noise, of which every part is as big as the other."""
    return np.random.default_rng(3).normal(0, 0.1, 44_100 * seconds).astype(np.float32)


def unmarked(ref, at=-1):
    """Takes the mark of the last page away, with the checksum that such a page has."""
    data = bytearray(ref.path.read_bytes())
    start = data.rindex(b"OggS")
    data[start + 5] &= ~4
    data[start + 22 : start + 26] = bytes(4)
    data[start + 22 : start + 26] = ogg_checksum(data[start:])
    return written(ref.path, bytes(data))


def ogg_checksum(page):
    """CRC-32 with the polynomial 0x04C11DB7, bit by bit (RFC 3533, section 6)."""
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found & 1 << 31 else 0)) & 0xFFFFFFFF
    return found.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda root: cut(sound(root / "a.wav"), 0.5), r"cut short: 176,378 bytes of 352,800 are there"),
        (lambda root: cut(sound(root / "a.mp3"), 0.5), r"cut short: 1\.\d seconds of 4\.0 are there"),
        (lambda root: cut(sound(root / "a.flac"), 0.5), "damaged"),
        (lambda root: cut(sound(root / "a.ogg"), 0.98), "cut short: its last page is missing"),
        (lambda root: cut(unmarked(sound(root / "a.ogg", long(4))), 0.98), "cut short: its last page is missing"),
        (lambda root: cut(sound(root / "a.aiff"), 0.5), r"cut short: \d+,\d+ bytes of 352,800 are there"),
        (lambda root: cut(sound(root / "a.au"), 0.999), r"cut short: \d+,\d+ bytes of 352,800 are there"),
        (lambda root: cut(sound(root / "a.rf64"), 0.5), r"cut short: \d+,\d+ bytes of 352,800 are there"),
        (lambda root: cut(sound(root / "a.wav"), 0.0001), "the sound is damaged|cut short"),
        (lambda root: sound(root / "a.wav", not_finite(), subtype="FLOAT"), "samples that are not finite numbers"),
        (lambda root: sound(root / "a.wav", np.zeros(0)), "the sound is empty"),
        (lambda root: sound(root / "a.wav", chirp(9)), "too long: 9 seconds, allowed 8"),
        (lambda root: sound(root / "a.wav", np.zeros((100, 9))), "9 channels; allowed are 8"),
        (lambda root: with_rate(sound(root / "a.wav"), 10**9), "1,000,000,000 samples a second; allowed are 4,000 to"),
        (lambda root: with_rate(sound(root / "a.wav"), 1), "1 samples a second; allowed are 4,000 to 192,000"),
        (lambda root: written(root / "a.wav", b""), "the file is empty"),
        (lambda root: written(root / "a.mp3", b"ffconcat version 1.0\nfile b.mp3\n"), "not a sound of a known kind"),
        (lambda root: film(root / "a.avi", frames=2), "not a sound of a known kind"),
        (
            lambda root: written(root / "a.m4a", b"\0\0\0 ftypM4A \0\0\0\0"),
            "an M4A or MP4 file, which is not read; save the",
        ),
        (lambda root: MediaRef(root / "none.wav", root, ""), "the file does not exist"),
        (lambda root: MediaRef(sound(root / "a.wav").path, root, "0" * 64), "changed since it was registered"),
    ],
)
def test_bad_sounds_are_refused_with_a_reason(decoders, tmp_path, monkeypatch, make, reason):
    monkeypatch.setattr(reading, "MAX_SOUND_SECONDS", 8)
    with pytest.raises(BadMedia, match=reason) as refused:
        read_sound(decoders, make(tmp_path))
    assert str(tmp_path) not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.timeout(20)
def test_links_and_pipes_are_refused(decoders, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    outside = sound(tmp_path / "a.wav")
    (root / "link.wav").symlink_to(outside.path)
    with pytest.raises(BadMedia, match="symbolic link"):
        read_sound(decoders, MediaRef(root / "link.wav", root, outside.sha256))
    with pytest.raises(BadMedia, match="outside the media folder"):
        read_sound(decoders, MediaRef(outside.path, root, outside.sha256))
    os.mkfifo(root / "pipe.wav")
    with pytest.raises(BadMedia, match="not a regular file"):
        read_sound(decoders, MediaRef(root / "pipe.wav", root, outside.sha256))


# What a program that writes into a pipe leaves open


def decoded(data, path):
    """The samples, decoded in this process."""
    path.write_bytes(data)
    with path.open("rb", buffering=0) as file:
        _, (samples,) = decode(file, max_seconds=60, max_rate=192_000, max_channels=8)
    return samples


def with_sizes(data, order, /, **sizes):
    """Rewrites the size of the whole file and of chunks by name."""
    data = bytearray(data)
    for name, size in sizes.items():
        at = 4 if name == "whole" else data.index(name.encode()) + 4
        data[at : at + 4] = struct.pack(order + "I", size)
    return bytes(data)


STEREO = np.stack([chirp(0.5, 8_000), -chirp(0.5, 8_000)], 1)[:-1]
OPEN_WAVES = {
    "Python": (36, 0),
    "GStreamer": (0, 0),
    "only the samples": (None, 0),
    "SoX": (0x7FFFF024, 0x7FFFF000),
    "arecord": (0x80000024, 0x80000000),
    "FFmpeg": (0xFFFFFFFF, 0xFFFFFFFF),
    "less a header": (0xFFFFFFFF, 0xFFFFFFFF - 44),
    "oggdec": (0x7FFFFFFF, 0x7FFFFFFF - 36),
    "no whole": (0, 0xFFFFFFFF),
}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "ULAW", "IMA_ADPCM"])
@pytest.mark.parametrize("sizes", OPEN_WAVES.values(), ids=OPEN_WAVES)
def test_a_wave_whose_length_was_left_open_is_read_to_its_end(tmp_path, sizes, subtype):
    data = sound(tmp_path / "a.wav", STEREO, 8_000, subtype=subtype).path.read_bytes()
    given = {name: size for name, size in zip(("whole", "data"), sizes, strict=True) if size is not None}
    opened = with_sizes(data, "<", **given)
    assert len(opened) == len(data)
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.wav"), decoded(data, tmp_path / "c.wav"))


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5, 6, 7, 8, 9, 100])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8"])
def test_a_wave_that_lacks_any_byte_is_refused(tmp_path, lost, subtype):
    data = sound(tmp_path / "a.wav", STEREO, 8_000, subtype=subtype).path.read_bytes()
    with pytest.raises(BadMedia, match=r"cut short: [\d,]+ bytes of [\d,]+ are there"):
        decoded(data[:-lost], tmp_path / "b.wav")
    with pytest.raises(BadMedia, match="cut short"):  # a size of 0 or 2^32 of the whole says nothing of the samples
        decoded(with_sizes(data, "<", whole=0)[:-lost], tmp_path / "b.wav")
    if lost > 8:  # fewer, and the whole may have been counted with its header
        with pytest.raises(BadMedia, match="cut short"):
            decoded(with_sizes(data, "<", data=0xFFFFFFFF)[:-lost], tmp_path / "b.wav")
    block = STEREO.shape[1] * {"PCM_16": 2, "PCM_24": 3, "PCM_U8": 1}[subtype]
    if lost % block:
        with pytest.raises(BadMedia, match="cut short: it ends within a sample"):
            decoded(with_sizes(data, "<", whole=0, data=0xFFFFFFFF)[:-lost], tmp_path / "b.wav")


def test_what_stands_around_the_samples_of_a_wave_does_not_matter(tmp_path):
    data = sound(tmp_path / "a.wav", STEREO, 8_000).path.read_bytes()
    samples = decoded(data, tmp_path / "b.wav")
    odd = b"junk" + struct.pack("<I", 3) + b"abc\0"
    words = b"LIST" + struct.pack("<I", 8) + b"INFOabcd"
    for changed in (data[:12] + odd + data[12:], data + words, with_sizes(data + words[:-2], "<", whole=len(data) + 8)):
        np.testing.assert_array_equal(decoded(changed, tmp_path / "b.wav"), samples)
    opened = with_sizes(data[:12] + odd + data[12:], "<", data=0)
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.wav"), samples)
    with pytest.raises(BadMedia, match="the sound is empty"):
        decoded(with_sizes(data[:44] + words, "<", data=0), tmp_path / "b.wav")


def test_a_byte_of_padding_is_no_sample(tmp_path):
    mono = chirp(0.5, 8_000)[:-1]
    data = sound(tmp_path / "a.wav", mono, 8_000, subtype="PCM_24").path.read_bytes()
    assert len(data) % 2 == 0 and len(mono) % 2 == 1
    counted = with_sizes(data[:-1], "<", data=3 * len(mono) + 1)
    for padded in (data, data[:-1], counted, with_sizes(data, "<", data=0x7FFFF000), with_sizes(data, "<", data=0)):
        assert len(decoded(padded, tmp_path / "b.wav")) == len(mono)


@pytest.mark.parametrize("size", [0, 2**32 - 1, 2**63 - 1, 2**64 - 1])
def test_an_rf64_whose_length_was_left_open_is_read_to_its_end(tmp_path, size):
    data = bytearray(sound(tmp_path / "a.rf64", STEREO, 8_000).path.read_bytes())
    samples = decoded(bytes(data), tmp_path / "b.wav")
    data[20:44] = struct.pack("<3Q", size, size, size)
    np.testing.assert_array_equal(decoded(bytes(data), tmp_path / "b.wav"), samples)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("size", [0, 8, 0x7F000008, 2**32 - 1])
def test_an_aiff_whose_length_was_left_open_is_read_to_its_end(tmp_path, size, subtype):
    data = sound(tmp_path / "a.aiff", STEREO, 8_000, subtype=subtype).path.read_bytes()
    opened = with_sizes(data, ">", whole=0, SSND=size)
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.aiff"), decoded(data, tmp_path / "c.aiff"))


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 2**32 - 1])
def test_an_au_whose_length_was_left_open_is_read_to_its_end(tmp_path, size):
    data = sound(tmp_path / "a.au", STEREO, 8_000).path.read_bytes()
    opened = data[:8] + struct.pack(">I", size) + data[12:]
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.au"), decoded(data, tmp_path / "c.au"))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_end_mark_is_read_where_all_pages_are_there(tmp_path, subtype):
    ref = sound(tmp_path / "a.ogg", long(3), 48_000, subtype=subtype)
    data = ref.path.read_bytes()
    opened = unmarked(ref).path.read_bytes()
    assert opened != data
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.ogg"), decoded(data, tmp_path / "c.ogg"))
    for lost in (1, 2, 10, 100, 400):
        with pytest.raises(BadMedia, match="cut short: its last page is missing"):
            decoded(opened[:-lost], tmp_path / "b.ogg")
    starts = [at for at in range(len(opened)) if opened.startswith(b"OggS\0", at)]
    with pytest.raises(BadMedia, match="cut short: a page of it is missing"):
        decoded(opened[: starts[2]] + opened[starts[3] :], tmp_path / "b.ogg")
    damaged = bytearray(opened)
    damaged[-20] ^= 1
    with pytest.raises(BadMedia, match="damaged: a page of it has other bytes than its checksum says"):
        decoded(bytes(damaged), tmp_path / "b.ogg")


def test_a_flac_that_does_not_say_its_length_is_read_to_its_end(tmp_path):
    data = sound(tmp_path / "a.flac", np.stack([long(2), long(2)[::-1]], 1)).path.read_bytes()
    opened = data[:21] + bytes((data[21] & 0xF0,)) + bytes(4 + 16) + data[42:]  # no number of samples, no MD5
    np.testing.assert_array_equal(decoded(opened, tmp_path / "b.flac"), decoded(data, tmp_path / "c.flac"))
    for lost in (*range(1, 12), 500, 5_000):
        with pytest.raises(BadMedia, match=r"damaged|cut short"):
            decoded(opened[:-lost], tmp_path / "b.flac")
    last = opened.rindex(opened[opened.index(b"\xff\xf8") :][:4])
    for left in (2, 3, 4):  # of its last part, of which libsndfile then takes no notice
        with pytest.raises(BadMedia, match="cut short: its last part is missing"):
            decoded(opened[: last + left], tmp_path / "b.flac")
    path = tmp_path / "b.flac"
    path.write_bytes(opened)
    with (
        path.open("rb", buffering=0) as file,
        pytest.raises(BadMedia, match="too long: more than 1 seconds, allowed 1"),
    ):
        decode(file, max_seconds=1, max_rate=192_000, max_channels=8)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.rf64"])
def test_flipped_bytes_never_raise_anything_but_bad_media(decoders, tmp_path, name):
    data = sound(tmp_path / name, chirp(0.5)).path.read_bytes()
    chance = np.random.default_rng(7)
    for _ in range(40):
        damaged = bytearray(data)
        for at in chance.integers(0, min(len(data), 4000), 4):
            damaged[at] ^= int(chance.integers(1, 256))
        try:
            samples, _ = read_sound(decoders, written(tmp_path / name, bytes(damaged)))
            assert np.isfinite(samples).all()
        except BadMedia as error:
            assert str(error)


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
