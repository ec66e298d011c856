"""The parts that a picture's file is made of: which of them are mere notes, and whether the last one is there.

Here: what can be told without decoding a pixel, where Pillow does not tell it. Pillow reads the first of several
pictures and so never finds out that the rest of the file is missing. Not here: decoding (`mmrec.media.pictures`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator

from mmrec.media.opening import BadMedia

_PIXELS, _SIDES, _NOTES = range(3)  # what a part of a file is about: pixels, which side is up, anything else
_PNG, _PNG_XMP = b"\x89PNG\r\n\x1a\n", b"XML:com.adobe.xmp\0"
_JPEG = b"\xff\xd8"
_GIF_EXTENSION, _GIF_PICTURE, _GIF_END = 0x21, 0x2C, 0x3B
# Markers of JPEG segments (ITU-T T.81, table B.1), and how long those are that say how colours are coded.
_APP0, _APP1, _APP14, _APP15, _COMMENT, _START_OF_SCAN = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE, 0xDA
_COLOUR_BYTES = {_APP0: 16, _APP14: 14}
_TIFF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION = 274
# Tags that say how samples are stored (TIFF 6.0): sizes, bits, compression, places, planes, predictor, palette, tiles,
# alpha, kind of numbers, tables of JPEG, subsampling.
_TIFF_PIXELS = frozenset((256, 257, 258, 259, 262, 266, 273, _ORIENTATION, 277, 278, 279, 284, 292, 293, 317, 320))
_TIFF_PIXELS |= {322, 323, 324, 325, 332, 338, 339, 347, 529, 530, 531, 532}
_TIFF_STRIPS = ((273, 279), (324, 325))  # the tags that say where the strips or the tiles are, and how big
_TIFF_TYPES, _TIFF_PLACES = {3: "H", 4: "I", 16: "Q"}, {4: "I", 8: "Q"}
_MAX_TIFF_PAGES = 10_000


def without_notes(data: bytes) -> bytes:
    """Give a PNG, JPEG, TIFF or AVIF without what says nothing about its pixels: texts, colour profiles, cameras.

    What says which side is up stays, in PNG and JPEG until nothing else is left to leave out.
    """
    if data.startswith(_PNG):
        parts = list(_png_parts(data))
    elif data.startswith(_JPEG):
        parts = list(_jpeg_parts(data))
    elif data[4:8] == b"ftyp":  # an item that no reader knows is passed over (ISO 23008-12, 9.2)
        return re.sub(rb"(infe.{8})Exif", rb"\1none", data, flags=re.DOTALL)
    else:
        return _tiff_without_notes(data) if data[:4] in _TIFF_ORDERS else data
    least = max(_PIXELS + 1, *(role for role, _ in parts))
    return b"".join(part for role, part in parts if role < least)


def _png_parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    yield _PIXELS, _PNG
    for name, start, end in _png_chunks(data):
        part = data[start:end]
        if name[:1].isupper() or name == b"tRNS":
            yield _PIXELS, part
        else:
            yield _SIDES if name == b"eXIf" or part[8:].startswith(_PNG_XMP) else _NOTES, part


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give name, start and end of each chunk, up to the last one; of a cut one the end lies behind the file's."""
    at, name = len(_PNG), b""
    while at + 8 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at, at + 12 + length
        at += 12 + length


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    yield _PIXELS, data[:2]
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _START_OF_SCAN:
        marker, length = struct.unpack_from(">xBH", data, at)
        yield _jpeg_role(marker, length), data[at : at + 2 + length]
        at += 2 + length
    yield _PIXELS, data[at:]


def _jpeg_role(marker: int, length: int) -> int:
    """How colours are coded stands in the segments of JFIF (APP0) and Adobe (APP14), unless they are cut."""
    if marker == _APP1:
        return _SIDES
    is_note = marker == _COMMENT or _APP0 <= marker <= _APP15
    return _NOTES if is_note and length < _COLOUR_BYTES.get(marker, length + 1) else _PIXELS


def _tiff_without_notes(data: bytes) -> bytes:
    """Give the tags of the first page that are not about pixels a type that no reader knows."""
    bare = bytearray(data)
    for at, tag, *_ in _tiff_tags(data):
        if tag not in _TIFF_PIXELS:
            bare[at + 2 : at + 4] = b"\0\0"
    return bytes(bare)


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Give place, number, type, count and value of the tags in the first directory of a TIFF, as far as it is there."""
    order = _TIFF_ORDERS.get(data[:4])
    if order is None or len(data) < 8:
        return
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 <= len(data):
        (count,) = struct.unpack_from(order + "H", data, start)
        for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
            yield at, *struct.unpack_from(order + "HHI4s", data, at)


def exif_orientation(exif: bytes) -> int | None:
    """Give the orientation from EXIF notes of which other entries may be damaged; None where it cannot be read."""
    notes = re.sub(rb"^(Exif\0\0)+", b"", exif)
    for _, tag, kind, count, value in _tiff_tags(notes):
        if tag == _ORIENTATION and (kind, count) in ((3, 1), (3, 2), (4, 1)):
            return int(struct.unpack_from(_TIFF_ORDERS[notes[:4]] + _TIFF_TYPES[kind], value)[0])
    return None


def check_end(data: bytes, kind: str | None) -> None:
    """Refuse an animation, or a TIFF of several pages, that is cut short behind its first picture: `BadMedia`."""
    is_whole = _ENDS.get(kind or "", lambda data: True)
    try:
        if is_whole(data):
            return
    except (IndexError, struct.error):  # a part begins that does not end
        pass
    raise BadMedia("the picture is cut short: the end of its file is missing")


def _is_gif_whole(data: bytes) -> bool:
    """A still picture needs no mark at its end: it is whole when its pixels are, which decoding has shown."""
    at, pictures, loops = 13 + _palette_bytes(data[10]), 0, False
    while at < len(data) and data[at] != _GIF_END:
        if data[at] == _GIF_EXTENSION:
            loops |= data[at + 3 : at + 14] == b"NETSCAPE2.0"
            at = _behind_blocks(data, at + 2)
        elif data[at] == _GIF_PICTURE:
            pictures += 1
            at = _behind_blocks(data, at + 11 + _palette_bytes(data[at + 9]))
        else:  # padding, which readers pass over
            at += 1
    return at < len(data) or (pictures == 1 and not loops)


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_blocks(data: bytes, at: int) -> int:
    while size := data[at]:
        at += 1 + size
    return at + 1


def _is_png_whole(data: bytes) -> bool:
    """A still picture needs no mark at its end, but each part with pixels must be there to its checksum."""
    is_moving = has_pixels = False
    for name, _, end in _png_chunks(data):
        if name == b"IEND" and end <= len(data):
            return True
        if name == b"IDAT" and end > len(data):
            return False
        is_moving |= name == b"acTL" and not has_pixels
        has_pixels |= name == b"IDAT"
    return not is_moving


def _is_tiff_whole(data: bytes) -> bool:
    """All pages behind the first stand in the file, with their strips or tiles."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = 43 in data[2:4]
    count_type, tag_type, place_type = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    (at,) = struct.unpack_from(order + place_type, data, 8 if is_big else 4)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _MAX_TIFF_PAGES:
        (count,) = struct.unpack_from(order + count_type, data, at)
        start = at + struct.calcsize(count_type)
        end = start + count * struct.calcsize(order + tag_type)
        if seen and not _are_strips_there(data, order, struct.iter_unpack(order + tag_type, data[start:end])):
            return False
        seen.add(at)
        (at,) = struct.unpack_from(order + place_type, data, end)
    return True


def _are_strips_there(data: bytes, order: str, tags: Iterable[tuple[int, int, int, bytes]]) -> bool:
    values = {
        tag: _tiff_values(data, order, kind, count, value) for tag, kind, count, value in tags if tag in _TIFF_PIXELS
    }
    return all(
        place + size <= len(data)
        for places, sizes in _TIFF_STRIPS
        for place, size in zip(values.get(places, ()), values.get(sizes, ()), strict=False)
    )


def _tiff_values(data: bytes, order: str, kind: int, count: int, value: bytes) -> tuple[int, ...]:
    """The numbers of a tag, which stand in it where they fit, else where it points to."""
    layout = f"{order}{count}{_TIFF_TYPES.get(kind, 'B')}"
    size = struct.calcsize(layout)
    if size > len(value):
        (at,) = struct.unpack(order + _TIFF_PLACES[len(value)], value)
        value = data[at : at + size]
    return struct.unpack(layout, value[:size])


_ENDS: dict[str, Callable[[bytes], bool]] = {"GIF": _is_gif_whole, "PNG": _is_png_whole, "TIFF": _is_tiff_whole}
