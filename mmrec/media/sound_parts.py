"""The parts that a sound's file is made of: whether they are there to the end, and lengths that were left open.

A program that writes into a pipe cannot go back and fill in how long the sound became. Here: telling such a whole sound
from one that is cut short, and what to read in place of the open length, since libsndfile takes cut sounds for shorter
ones and some open lengths for empty ones. Not here: decoding (`sound`).
"""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice

from mmrec.media.opening import BadMedia

KINDS = "WAV, AIFF, AU, FLAC, OGG, MP3"
_NOT_READ = {
    "an M4A or MP4": rb".{4}ftyp",
    "an AAC": rb"\xff[\xf0\xf1\xf8\xf9]",
    "a WMA": rb"\x30\x26\xb2\x75",
    "an AMR": rb"#!AMR",
    "a MIDI": rb"MThd",
}

# What writers count from that cannot know a size: SoX from 0x7F000000 (AIFF) and 0x7FFFF000 (WAV), others from 2^31 and
# 2^32, each less or more a header or a part of a sample.
_OPEN_SIZES, _OPEN_MARGIN = (0x7F000000, 2**31, 2**32), 8192
_OPEN_LONG_SIZE = 2**62
_MOST_CHUNKS = 10_000  # before the samples
_WAVE_OF_SAMPLES = (1, 3, 0xFFFE)  # tags of formats whose blocks are one sample of each channel
_AU_SAMPLE_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_OGG_HEADER_BYTES = 27
# An Ogg page holds at most 255 segments of 255 bytes.
_OGG_PAGE_BYTES = _OGG_HEADER_BYTES + 255 + 255 * 255
_OGG_LAST_PAGE = 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def mends(file: io.RawIOBase) -> Mapping[int, bytes]:
    """Give what to read in place of a length that was left open: place in the file → bytes. Most files need nothing.

    The kind is told from the first bytes. `BadMedia` for another kind, and for a file that is cut short.
    """
    size = file.seek(0, os.SEEK_END)
    head = _read(file, 0, 12)
    form = head[:4], head[8:]
    if form in ((b"RIFF", b"WAVE"), (b"RF64", b"WAVE")):
        return _wave(file, size)
    if form in ((b"FORM", b"AIFF"), (b"FORM", b"AIFC")):
        return _aiff(file, size)
    check = {b".snd": _au, b"OggS": _ogg, b"fLaC": _flac}.get(head[:4])
    if check is not None:
        return check(file, size)
    if head[:3] == b"ID3" or _is_mpeg_layer_3(head):
        return {}
    found = next((name for name, magic in _NOT_READ.items() if re.match(magic, head, re.DOTALL)), None)
    if found is not None:
        raise BadMedia(f"{found} file, which is not read; save the sound as one of {KINDS}")
    raise BadMedia(f"not a sound of a known kind ({KINDS}), or its beginning is damaged")


def cut(found: str) -> BadMedia:
    """Give the refusal of a sound of which only `found` is there."""
    return BadMedia(f"the sound is cut short: {found}")


def _read(file: io.RawIOBase, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count) or b""


def _is_mpeg_layer_3(head: bytes) -> bool:
    """Tell the header of an MPEG audio frame: eleven bits set, then a version and layer III."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def _wave(file: io.RawIOBase, size: int) -> Mapping[int, bytes]:
    block, long_sizes = 1, 0  # where an RF64 has the sizes that need more than 32 bits (EBU Tech 3306)
    for name, at, length in _chunks(file, "<", 12):
        if name == b"fmt ":
            tag, block_bytes = struct.unpack("<H10xH", _read(file, at, 14).ljust(14, b"\0"))
            block = max(1, block_bytes) if tag in _WAVE_OF_SAMPLES else 1
        elif name == b"ds64":
            long_sizes = at
        elif name == b"data" and long_sizes and length == 0xFFFFFFFF:
            (long_length,) = struct.unpack("<8xQ", _read(file, long_sizes, 16).ljust(16, b"\0"))
            mended = _mended(file, "<", at, long_length, size, block)
            return {} if mended is None else {long_sizes: struct.pack("<QQQ", size - 8, mended, mended // block)}
        elif name == b"data":
            mended = _mended(file, "<", at, length, size, block)
            return {at - 4: struct.pack("<I", mended)} if mended and not length else {}
    return {}  # without samples, which libsndfile says in its words


def _aiff(file: io.RawIOBase, size: int) -> Mapping[int, bytes]:
    is_plain = _read(file, 8, 4) == b"AIFF"
    block = 1
    for name, at, length in _chunks(file, ">", 12):
        if name == b"COMM" and is_plain:
            channels, bits = struct.unpack(">H4xH", _read(file, at, 8).ljust(8, b"\0"))
            block = max(1, channels * -(-bits // 8))
        elif name == b"SSND":
            mended = _mended(file, ">", at + 8, max(0, length - 8), size, block)
            return {at - 4: struct.pack(">I", mended + 8)} if mended and length <= 8 else {}
    return {}


def _au(file: io.RawIOBase, size: int) -> Mapping[int, bytes]:
    start, length, kind, _, channels = struct.unpack(">4x5I", _read(file, 0, 24).ljust(24, b"\0"))
    mended = _mended(file, ">", min(start, size), length, size, max(1, _AU_SAMPLE_BYTES.get(kind, 0) * channels))
    return {8: struct.pack(">I", mended)} if mended and not length else {}


def _chunks(file: io.RawIOBase, order: str, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Give name, place and length of the chunks of a RIFF or an IFF file."""
    at = start
    for _ in range(_MOST_CHUNKS):
        head = _read(file, at, 8)
        if len(head) < 8:
            return
        name, length = struct.unpack(order + "4sI", head)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _mended(file: io.RawIOBase, order: str, start: int, length: int, size: int, block: int) -> int | None:
    """Give the bytes of samples where their declared `length` was left open; None where it is right. Refuses a cut one.

    `block` are the bytes of one sample of each channel: a whole sound ends behind one. Libsndfile itself reads a sound
    with too great a length to its end.
    """
    there = size - start
    # A byte is added to an odd number of bytes; some writers count it and leave it out.
    rest = 0 if block % 2 and there % 2 == 0 and there % block == 1 else there % block
    if 0 < length <= there or (block > 1 and block % 2 and length == there + 1 and rest == 0):
        return None
    if length == 0 and _end_with_chunks(file, order, start, size):
        return None
    (whole,) = struct.unpack(order + "I", _read(file, 4, 4))  # the size of a RIFF or an IFF, the first sample of an AU
    for declared, found in ((length, there), (whole, size)):
        if declared > found and not _is_open(declared):
            raise cut(f"{found:,} bytes of {declared:,} are there")
    if rest:
        raise cut("it ends within a sample")
    return there - there % block


def _is_open(length: int) -> bool:
    near = any(abs(length - full) <= _OPEN_MARGIN for full in _OPEN_SIZES)
    return length == 0 or near or length >= _OPEN_LONG_SIZE


def _end_with_chunks(file: io.RawIOBase, order: str, start: int, size: int) -> bool:
    """Say whether nothing but further chunks follows, so that a sound of no bytes is an empty one."""
    end = start
    for name, at, length in islice(_chunks(file, order, start), 100):
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        end = at + length
    return end in (size, size - 1)


def _flac(file: io.RawIOBase, size: int) -> Mapping[int, bytes]:
    """Libsndfile finds a cut frame but for the first bytes of one, which look like those of the first frame."""
    if int.from_bytes(_read(file, 21, 5), "big") % 2**36:  # samples in all, or 0 for unknown (RFC 9639, section 8.2)
        return {}
    at, is_last = 4, False
    while not is_last and len(head := _read(file, at, 4)) == 4:
        is_last = head[0] >= 0x80
        at += 4 + int.from_bytes(head[1:], "big")
    first, tail = _read(file, at, 4), _read(file, max(0, size - 4), 4)
    if any(tail.endswith(first[:count]) for count in (2, 3, 4)):
        raise cut("its last part is missing")
    return {}


def _ogg(file: io.RawIOBase, size: int) -> Mapping[int, bytes]:
    """Where the last page is not marked as such, all pages must be there; the last one is then read as marked."""
    tail = _read(file, max(0, size - _OGG_PAGE_BYTES), _OGG_PAGE_BYTES)
    page = tail[tail.rfind(b"OggS") :]
    if len(page) >= _OGG_HEADER_BYTES and page[5] & _OGG_LAST_PAGE and len(page) >= _page_bytes(page):
        return {}
    at, numbers = 0, dict[bytes, int]()
    while at + len(page := _page(file, at)) < size:
        stream, number = page[14:18], int.from_bytes(page[18:22], "little")
        if numbers.setdefault(stream, number) != number:
            raise cut("a page of it is missing")
        numbers[stream] += 1
        at += len(page)
    if page[_OGG_HEADER_BYTES + page[26] - 1] == 255:  # what begins there goes on in a page that is not there
        raise cut("its last page is missing")
    marked = bytearray(page)
    marked[5] |= _OGG_LAST_PAGE
    return {at + 5: bytes(marked[5:6]), at + 22: _page_checksum(marked)}


def _page(file: io.RawIOBase, at: int) -> bytes:
    """Give one page with its header (RFC 3533, section 6)."""
    head = _read(file, at, _OGG_HEADER_BYTES + 255)
    if len(head) >= _OGG_HEADER_BYTES and head[:4] != b"OggS":
        raise cut("a page of it is missing")
    page = _read(file, at, _page_bytes(head)) if len(head) >= _OGG_HEADER_BYTES else b""
    if not page or len(page) < _page_bytes(head):
        raise cut("its last page is missing")
    if _page_checksum(page) != page[22:26]:
        raise BadMedia("the sound is damaged: a page of it has other bytes than its checksum says")
    return page


def _page_bytes(page: bytes) -> int:
    segments = page[26]
    return _OGG_HEADER_BYTES + segments + sum(page[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + segments])


def _page_checksum(page: bytes | bytearray) -> bytes:
    """Ogg's CRC-32 takes the bits of a byte in the other order than zlib's, and neither begins nor ends inverted."""
    read = bytes(page[:22]) + bytes(4) + bytes(page[26:])
    found = zlib.crc32(read.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return found.to_bytes(4, "big").translate(_REVERSED)
