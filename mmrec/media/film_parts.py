"""The parts that a film's file is made of: whether the last one is there.

FFmpeg plays what it finds and takes a film that is cut near its end for a shorter one. Here: holding the sizes that a
file states against its length, without decoding. Parts of which no size is stated, as in a live recording, are whole
where all that is in them is. Not here: decoding (`film`).
"""

from __future__ import annotations

import io
import os
import struct

from mmrec.media.opening import BadMedia

_MOV_PARTS = (
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"mfra",
    b"styp",
    b"sidx",
    b"uuid",
    b"meta",
    b"free",
    b"skip",
    b"wide",
)
# Elements of Matroska that may be written before their size is known (RFC 9559).
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_OPEN_RIFF_BYTES = 2**31 - 8192  # more than any film may have here: a size that its writer could not fill in
_RIFF_HEADER_BYTES = 8


def check_end(file: io.RawIOBase, kind: str) -> None:
    """Refuse a film of this kind (mp4, matroska or avi) of which a part begins that does not end: `BadMedia`."""
    size = file.seek(0, os.SEEK_END)
    {"mp4": _mov, "matroska": _matroska, "avi": _avi}[kind](file, size)
    file.seek(0)


def _read(file: io.RawIOBase, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count) or b""


def _check_fits(end: int, size: int) -> None:
    if end > size:
        raise BadMedia(f"the film is cut short: {size:,} bytes of {end:,} are there")


def _mov(file: io.RawIOBase, size: int) -> None:
    """Walk over the boxes (ISO 14496-12, 4.2); what follows them and is none is passed over."""
    at = 0
    while len(head := _read(file, at, 16)) >= 8 and head[4:8] in _MOV_PARTS:
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: to the end of the file
            return
        at += length
        _check_fits(at, size)


def _matroska(file: io.RawIOBase, size: int) -> None:
    """Walk over the elements (RFC 8794), and over those within one whose size is unknown."""
    at = 0
    while at < size and (head := _read(file, at, 12))[0]:
        name_bytes = 9 - head[0].bit_length()
        _check_fits(at + name_bytes + 1, size)
        name, first = int.from_bytes(head[:name_bytes], "big"), head[name_bytes]
        size_bytes = 9 - first.bit_length()
        _check_fits(at + name_bytes + size_bytes, size)
        most = (1 << 7 * size_bytes) - 1
        length = int.from_bytes(head[name_bytes : name_bytes + size_bytes], "big") & most
        at += name_bytes + size_bytes
        if length == most:
            if name in (_SEGMENT, _CLUSTER):
                continue
            return
        at += length
        _check_fits(at, size)
        if name == _SEGMENT:
            return


def _avi(file: io.RawIOBase, size: int) -> None:
    """Walk over the lists RIFF, of which big films have several, and over the parts of one whose size is not right."""
    at = 0
    while (head := _read(file, at, _RIFF_HEADER_BYTES))[:4] == b"RIFF" and len(head) == _RIFF_HEADER_BYTES:
        (length,) = struct.unpack("<4xI", head)
        end = at + _RIFF_HEADER_BYTES + length
        # Some writers count the header of the list too.
        if length == 0 or length >= _OPEN_RIFF_BYTES or 0 < end - size <= _RIFF_HEADER_BYTES:
            _avi_parts(file, at + 12, size)
            return
        _check_fits(end, size)
        at = end + length % 2


def _avi_parts(file: io.RawIOBase, at: int, size: int) -> None:
    while len(head := _read(file, at, 12)) >= _RIFF_HEADER_BYTES:
        name, length = struct.unpack("<4sI", head[:8])
        if name == b"LIST" and head[8:] == b"movi" and (length == 0 or length >= _OPEN_RIFF_BYTES):
            at += 12
            continue
        _check_fits(at + _RIFF_HEADER_BYTES + length, size)
        at += _RIFF_HEADER_BYTES + length + length % 2
