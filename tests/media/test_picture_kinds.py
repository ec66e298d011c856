"""Kinds of pictures that are decoded in a confined worker, and what is told of what is no picture."""

import struct
import tempfile

import numpy as np
import pytest
from PIL import Image

from mmrec.errors import MmrecError
from mmrec.media.opening import BadMedia
from mmrec.media.pictures import read_image
from mmrec.media.pool import Decoders
from tests.helpers.clips import encoded
from tests.helpers.pictures import PICTURE, UPRIGHT, pixels

CONFINED = {
    "AVIF": ("AVIF", {}),
    "JPEG 2000": ("JPEG2000", {}),
    "its bare codestream": ("JPEG2000", {"no_jp2": True}),
    "TIFF": ("TIFF", {}),
    **{f"TIFF in {name}": ("TIFF", {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")},
}


@pytest.mark.parametrize("name", CONFINED)
def test_further_kinds_are_read_whole_or_not_at_all(name):
    kind, options = CONFINED[name]
    data = encoded(PICTURE, kind, **options)
    off = np.abs(pixels(data).astype(int) - np.asarray(PICTURE).astype(int))
    assert off.mean() < (8 if "AVIF" in name or "jpeg" in name else 1e-9)
    for end in np.linspace(16, len(data) - 1, 8).astype(int):
        with pytest.raises(BadMedia, match=r"damaged|cut short") as refused:
            read_image(data[:end])
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", CONFINED)
def test_flipped_bytes_of_further_kinds_never_raise_anything_but_bad_media(name):
    kind, options = CONFINED[name]
    data, chance = encoded(PICTURE, kind, **options), np.random.default_rng(7)
    for _ in range(10):
        damaged = bytearray(data)
        for at in chance.integers(0, min(len(data), 400), 3):
            damaged[at] ^= int(chance.integers(1, 256))
        try:
            assert read_image(bytes(damaged)).mode == "RGB"
        except BadMedia as error:
            assert str(error)


def tiff(*extra, size=PICTURE.size):
    """An uncompressed TIFF with further tags, which stand before its pixels."""
    samples, count = PICTURE.tobytes(), 9 + len(extra)
    start = 8 + 2 + 12 * count + 4
    own = [(256, 4, 1, size[0]), (257, 4, 1, size[1]), (258, 3, 3, start), (259, 3, 1, 1), (262, 3, 1, 2)]
    own += [(273, 4, 1, start + 6), (277, 3, 1, 3), (278, 4, 1, size[1]), (279, 4, 1, len(samples))]
    made = b"".join(
        struct.pack("<HHI", *entry[:3])
        + (struct.pack("<HH", entry[3], 0) if entry[1:3] == (3, 1) else struct.pack("<I", entry[3]))
        for entry in sorted([*own, *extra])
    )
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + made + struct.pack("<I3H", 0, 8, 8, 8) + samples


@pytest.mark.parametrize(
    ("extra", "turned"),
    [
        ((), False),
        ((UPRIGHT,), True),
        ((UPRIGHT, (0x10F, 2, 100, 0xFFFFFFF0)), True),  # a text far away
        ((UPRIGHT, (0x8769, 4, 1, 0xFFFFFFF0)), True),  # EXIF far away
        (((700, 4, 1, 77),), False),  # XMP that is a number
        (((34675, 7, 100, 0xFFFFFFF0),), False),  # a colour profile far away
    ],
)
def test_damaged_notes_of_a_tiff_lose_no_picture(extra, turned):
    np.testing.assert_array_equal(pixels(tiff(*extra)), np.rot90(PICTURE, 3) if turned else np.asarray(PICTURE))


def test_damaged_notes_of_an_avif_lose_no_picture():
    notes = Image.Exif()
    notes[0x10F], notes[0x112] = "camera", 6
    data = encoded(PICTURE, "AVIF", exif=notes)
    at = data.index(b"camera") - 60
    at = data.index(notes.tobytes()[6:10], max(0, at))
    np.testing.assert_array_equal(pixels(data[:at] + b"none" + data[at + 4 :]), pixels(data))
    assert pixels(data).shape[:2] == PICTURE.size


def test_transparent_parts_of_further_kinds_become_white():
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    for kind in ("AVIF", "JPEG2000", "TIFF"):
        assert read_image(encoded(clear, kind)).getpixel((16, 16)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_thirty_two_are_refused():
    deep = Image.fromarray(np.full((8, 8), 0x80FF, dtype=np.uint16))
    assert read_image(encoded(deep, "TIFF")).getpixel((0, 0)) == (0x80, 0x80, 0x80)
    for kind in (np.int32, np.float32):
        with pytest.raises(BadMedia, match="samples of 32 bits, which is not read; save it with 8 or 16"):
            read_image(encoded(Image.fromarray(np.zeros((8, 8), kind)), "TIFF"))


def test_a_bomb_of_a_further_kind_is_refused():
    codestream = bytearray(encoded(PICTURE, "JPEG2000", no_jp2=True))
    struct.pack_into(">II", codestream, 8, 60_000, 60_000)
    struct.pack_into(">II", codestream, 24, 60_000, 60_000)
    for data in (tiff(size=(60_000, 60_000)), bytes(codestream)):
        with pytest.raises(BadMedia, match="too many pixels"):
            read_image(data)


def test_a_full_temporary_folder_is_no_pictures_fault(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(MmrecError, match=r"cannot be handed to its decoder: No such file or directory in .*gone; make"):
        read_image(tiff())


@pytest.mark.parametrize(
    "arrays", [[], [np.zeros((2, 2, 4), np.uint8)], [np.zeros((2, 2, 3), np.float32)], [np.zeros((2, 3), np.uint8)]]
)
def test_what_a_worker_answers_is_not_believed(monkeypatch, arrays):
    monkeypatch.setattr(Decoders, "decode", lambda *given: ({}, arrays))
    with pytest.raises(BadMedia, match="the decoder gave no sensible answer"):
        read_image(tiff())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which is not read; save it as PNG or JPEG"),
        (b"\xff\x0a" + bytes(30), "a JPEG XL picture, which is not read; save it as PNG or JPEG"),
        (b"8BPS\0\1" + bytes(30), "a Photoshop picture, which is not read; save it as PNG or JPEG"),
        (b"<?xml version='1.0'?>\n<!-- a -->\n<svg>", "an SVG drawing, which is not read; save it as PNG"),
        (b"%PDF-1.7\n", "a PDF document, not a picture"),
        (b"\n<!DOCTYPE html><html>404", "a web page, not a picture"),
    ],
)
def test_what_is_often_met_in_place_of_a_picture_is_told_by_name(data, reason):
    with pytest.raises(BadMedia) as refused:
        read_image(data)
    assert str(refused.value) == reason


@pytest.mark.timeout(20)
def test_telling_a_kind_takes_no_time():
    with pytest.raises(BadMedia, match="not a picture of a known kind"):
        read_image(b"<!>" * 400)
