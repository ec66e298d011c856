"""Sounds that a program wrote into a pipe: lengths left open are read to the end, cut files are refused."""

import struct

import numpy as np
import pytest

from mmrec.media.opening import BadMedia
from mmrec.media.sound import decode
from tests.helpers.clips import chirp, sound
from tests.helpers.sounds import long, unmarked


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
