"""Sounds: which are read and which are refused and why."""

import os

import numpy as np
import pytest

from mmrec.media import decoded as reading
from mmrec.media.decoded import read_sound
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders
from tests.helpers.clips import chirp, cut, film, registered, sound
from tests.helpers.sounds import long, not_finite, unmarked, written


@pytest.fixture(scope="module")
def decoders():
    pool = Decoders()
    yield pool
    pool.close()


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


def with_rate(ref, rate):
    """Rewrites the sample rate in the header of a WAV."""
    data = bytearray(ref.path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    ref.path.write_bytes(data)
    return registered(ref.path)


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
