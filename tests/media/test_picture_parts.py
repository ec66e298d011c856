"""Pictures with odd parts: damaged notes lose no picture, of several pictures one is read."""

import struct
import zlib

import numpy as np
import pytest

from mmrec.media.opening import BadMedia
from mmrec.media.picture_parts import exif_orientation, without_notes
from mmrec.media.pictures import read_image
from tests.helpers.clips import encoded, picture
from tests.helpers.pictures import JPEG, PICTURE, PNG, UPRIGHT, WEBP, jpeg, pixels

OTHERS = [picture(detail=detail) for detail in (5, 13)]
MAKE_ELSEWHERE = (0x10F, 2, 30, 5000)  # a text that is not in the notes any more


def tags(*entries, claimed=None, order="<"):
    """EXIF notes with these entries (tag, type, count, value); `claimed` is how many there are said to be."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, claimed or len(entries))
    body = [
        struct.pack(order + "HHI", *entry[:3])
        + (struct.pack(order + "HH", entry[3], 0) if entry[1] == 3 else struct.pack(order + "I", entry[3]))
        for entry in entries
    ]
    return head + b"".join(body) + bytes(4)


def exif(notes):
    return 0xE1, b"Exif\0\0" + notes


def chunk(name, body, wrong=0):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ wrong)


def png(*chunks, data=PNG, before=b"IDAT"):
    at = data.index(before) - 4
    return data[:at] + b"".join(chunks) + data[at:]


def webp(name, body, flags=8):
    wide, high = ((side - 1).to_bytes(3, "little") for side in PICTURE.size)
    extended = b"VP8X" + struct.pack("<IB3x", 10, flags) + wide + high
    parts = extended + WEBP[12:] + name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


BOMB = zlib.compress(bytes(3 << 20))
ICC = b"ICC_PROFILE\0"
ODD = {
    "a directory that ends too early": jpeg(exif(tags(claimed=5)[:12])),
    "a directory far away": jpeg(exif(b"II*\0\xf0\xff\xff\xff")),
    "a value far away": jpeg(exif(tags((0x10F, 2, 100, 0xFFFFFF00)))),
    "a value of gigabytes": jpeg(exif(tags((0x10F, 2, 0xFFFFFFFF, 8)))),
    "no directory": jpeg(exif(b"\x99" * 50)),
    "an orientation that is a text": jpeg(exif(tags((0x112, 2, 2, 54)))),
    "an orientation of 99": jpeg(exif(tags((0x112, 3, 1, 99)))),
    "an orientation of many": jpeg(exif(tags((0x112, 3, 100_000, 6)))),
    "an orientation over nothing": jpeg(exif(tags((0x112, 5, 1, 26)) + struct.pack("<II", 6, 0))),
    "a colour profile without a number": jpeg((0xE2, ICC)),
    "a cut Photoshop block": jpeg((0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed")),
    "a cut Adobe segment": jpeg((0xEE, b"Adobe\0")),
    "a cut JFIF segment": JPEG[:2] + b"\xff\xe0\0\7JFIF\0" + JPEG[20:],
    "an index of pictures that is none": jpeg((0xE2, b"MPF\0" + b"\x11" * 40)),
    "an index of fewer pictures than it says": jpeg((0xE2, b"MPF\0" + tags((0xB001, 4, 1, 3), (0xB002, 7, 32, 38)))),
    "a text with a wrong checksum": png(chunk(b"tEXt", b"a\0b", wrong=1)),
    "a text that unpacks to megabytes": png(chunk(b"zTXt", b"a\0\0" + BOMB)),
    "such a text at the end": png(chunk(b"zTXt", b"a\0\0" + BOMB), before=b"IEND"),
    "such texts in UTF-8": png(chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)),
    "a text packed in an unknown way": png(chunk(b"zTXt", b"a\0\7zzz")),
    "a profile that unpacks to megabytes": png(chunk(b"iCCP", b"a\0\0" + BOMB)),
    "a profile packed in an unknown way": png(chunk(b"iCCP", b"a\0\7zzz")),
    "an empty gamma": png(chunk(b"gAMA", b"")),
    "an empty size": png(chunk(b"pHYs", b"")),
    "a cut directory in a PNG": png(chunk(b"eXIf", b"MM\0*\0\0")),
    "a PNG's notes with a wrong checksum": png(chunk(b"eXIf", tags(UPRIGHT), wrong=1)),
    "notes in the old way that are none": png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 12\nzzzz")),
    "an animation of no frames": png(chunk(b"acTL", bytes(8))),
    "an animation that is cut": png(chunk(b"acTL", b"ab")),
    "notes of a WEBP that are none": webp(b"EXIF", b"\x99" * 20),
    "XMP of a WEBP that is none": webp(b"XMP ", b"\xff\xfe", flags=4),
}
TURNED = {
    "the only note": jpeg(exif(tags(UPRIGHT))),
    "in a directory that ends too early": jpeg(exif(tags(UPRIGHT, claimed=5)[:25])),
    "behind a value that is cut off": jpeg(exif(tags(MAKE_ELSEWHERE, UPRIGHT))),
    "the same, most significant byte first": jpeg(exif(tags(MAKE_ELSEWHERE, UPRIGHT, order=">"))),
    "twice": jpeg(exif(tags((0x112, 3, 2, 6)))),
    "beside a resolution that is a text": jpeg(exif(tags(UPRIGHT, (0x11A, 2, 4, 1), (0x128, 2, 2, 1)))),
    "beside a directory far away": jpeg(exif(tags(UPRIGHT, (0x8769, 4, 1, 0xFFFF0000)))),
    "beside a damaged profile": jpeg(exif(tags(UPRIGHT)), (0xE2, ICC)),
    "in XMP": jpeg((0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>')),
    "in a PNG, beside a damaged text": png(chunk(b"eXIf", tags(UPRIGHT)), chunk(b"tEXt", b"a\0b", wrong=1)),
    "in a PNG, in a cut directory": png(chunk(b"eXIf", tags(UPRIGHT, claimed=9)[:22])),
    "in a WEBP, in a cut directory": webp(b"EXIF", tags(UPRIGHT, claimed=9)[:22]),
}


def plain(data):
    return pixels(JPEG if data.startswith(b"\xff\xd8") else PNG if data.startswith(b"\x89PNG") else WEBP)


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_damaged_notes_lose_no_picture(data):
    np.testing.assert_array_equal(pixels(data), plain(data))


@pytest.mark.parametrize("data", TURNED.values(), ids=TURNED)
def test_a_picture_is_turned_wherever_its_orientation_can_be_read(data):
    np.testing.assert_array_equal(pixels(data), np.rot90(plain(data), 3))


@pytest.mark.parametrize("data", [*ODD.values(), *TURNED.values()], ids=[*ODD, *TURNED])
def test_damaged_notes_do_not_hide_lost_pixels(data):
    if data.startswith(b"\xff\xd8"):
        start = data.index(b"\xff\xda")
        length = len(data) - start
    else:
        start = data.index(b"IDAT" if data.startswith(b"\x89") else b"VP8 ")
        (length,) = struct.unpack_from(
            *((">I", data, start - 4) if data.startswith(b"\x89") else ("<I", data, start + 4))
        )
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(BadMedia, match=r"damaged|cut short"):
            read_image(data[: start + int(share * length)])


def test_notes_are_left_out_and_nothing_else():
    for plain_data, odd in ((JPEG, jpeg((0xE2, ICC), (0xFE, b"a comment"))), (PNG, png(chunk(b"tEXt", b"a\0b")))):
        assert without_notes(odd) == plain_data
    assert without_notes(without_notes(jpeg(exif(tags(UPRIGHT)), (0xFE, b"a")))) == JPEG
    clear = encoded(picture(mode="P"), "PNG", transparency=3)
    assert without_notes(png(chunk(b"tEXt", b""), data=clear)) == clear
    assert without_notes(WEBP) == WEBP


@pytest.mark.parametrize("notes", [b"", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff", tags()])
def test_an_orientation_that_is_not_there_is_none(notes):
    assert exif_orientation(notes) is None
    assert exif_orientation(tags(UPRIGHT)) == 6


SEVERAL = {
    "GIF": {"duration": 50},
    "PNG": {"duration": 50},
    "WEBP": {"duration": 50},
    "MPO": {},
    "AVIF": {},
    "TIFF": {},
    "TIFF in LZW": {"compression": "tiff_lzw"},
    "big TIFF": {"big_tiff": True},
}


def several(name):
    kind = name.removeprefix("big ").removesuffix(" in LZW")
    return encoded(PICTURE, kind, save_all=True, append_images=[other.copy() for other in OTHERS], **SEVERAL[name])


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_pictures_the_first_is_read(name):
    kind = {"MPO": "JPEG"}.get(name, name.split()[-1] if name.startswith("big") else name.split()[0])
    off = np.abs(pixels(several(name)).astype(int) - pixels(encoded(PICTURE, kind)).astype(int))
    assert off.mean() < (4 if kind in ("AVIF", "WEBP") else 1e-9)


@pytest.mark.parametrize("name", [name for name in SEVERAL if name != "MPO"])
def test_a_file_of_several_pictures_that_is_cut_anywhere_is_refused(name):
    data = several(name).rstrip(b"\0")
    for end in np.linspace(0, len(data) - 1, 12 if "TIFF" in name or name == "AVIF" else 60).astype(int):
        with pytest.raises(BadMedia, match=r"damaged|cut short|is empty|not a picture"):
            read_image(data[:end])


def test_a_still_picture_without_its_end_mark_is_whole():
    for kind, end in (("GIF", 1), ("PNG", 12)):
        data = encoded(PICTURE, kind)
        np.testing.assert_array_equal(pixels(data[:-end]), pixels(data))


def test_padding_between_the_parts_of_a_gif_is_passed_over():
    data = several("GIF")
    np.testing.assert_array_equal(pixels(data[:-1] + b"\0\0;"), pixels(data))
    np.testing.assert_array_equal(pixels(data + b"more"), pixels(data))
