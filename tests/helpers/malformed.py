"""Media files that are damaged in every way that a seed gives, and odd ones that are whole; what must come of each.

A case is a function of its number alone. Cut files must be refused, odd but valid ones read; what was otherwise damaged
may be either, since a flipped bit of a pixel is a pixel.
"""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from tests.helpers.clips import chirp, encoded, film, picture, sound

REFUSED, READ, EITHER = "refused", "read", "either"
# Kind, what it is called, and the whole file it is damaged from.
PICTURES = (
    ("jpeg", lambda: encoded(picture((61, 47)), "JPEG", quality=80)),
    ("progressive jpeg", lambda: encoded(picture((61, 47)), "JPEG", progressive=True)),
    ("grey jpeg", lambda: encoded(picture((33, 20), "L"), "JPEG")),
    ("cmyk jpeg", lambda: encoded(picture((33, 20), "CMYK"), "JPEG")),
    ("png", lambda: encoded(picture((61, 47)), "PNG")),
    ("palette png", lambda: encoded(picture((61, 47)).quantize(16), "PNG", transparency=0)),
    ("16-bit png", lambda: encoded(Image.fromarray(np.arange(900, dtype=np.uint16).reshape(30, 30) * 70), "PNG")),
    ("webp", lambda: encoded(picture((61, 47)), "WEBP")),
    ("lossless webp", lambda: encoded(picture((61, 47)), "WEBP", lossless=True)),
    ("gif", lambda: encoded(picture((61, 47)).quantize(32), "GIF")),
    ("moving gif", lambda: _moving("GIF")),
    ("bmp", lambda: encoded(picture((61, 47)), "BMP")),
    ("tiff", lambda: encoded(picture((61, 47)), "TIFF", compression="tiff_lzw")),
    ("avif", lambda: encoded(picture((61, 47)), "AVIF")),
    ("jpeg 2000", lambda: encoded(picture((61, 47)), "JPEG2000")),
    ("one pixel", lambda: encoded(picture((1, 1)), "PNG")),
    ("thin picture", lambda: encoded(picture((4_000, 1)), "PNG")),
)
SOUNDS = (
    ("wav", lambda: _sounding("a.wav")),
    ("8-bit wav", lambda: _sounding("a.wav", rate=8_000, subtype="PCM_U8")),
    ("float wav", lambda: _sounding("a.wav", subtype="FLOAT")),
    ("flac", lambda: _sounding("a.flac")),
    ("24-bit flac", lambda: _sounding("a.flac", rate=96_000, subtype="PCM_24")),
    ("vorbis", lambda: _sounding("a.ogg")),
    ("mp3", lambda: _sounding("a.mp3")),
    ("aiff", lambda: _sounding("a.aiff")),
    ("six channels", lambda: _sounding("a.wav", channels=6)),
)
FILMS = (
    ("mp4", lambda: _filmed("a.mp4", "mpeg4")),
    ("h264 mp4", lambda: _filmed("a.mp4", "libx264")),
    ("mov", lambda: _filmed("a.mov", "mpeg4")),
    ("webm", lambda: _filmed("a.webm", "libvpx")),
    ("mkv", lambda: _filmed("a.mkv", "mpeg4")),
    ("avi", lambda: _filmed("a.avi", "mpeg4")),
    ("one frame", lambda: _filmed("a.mp4", "mpeg4", frames=1)),
)
MODALITIES = {"image": PICTURES, "audio": SOUNDS, "video": FILMS}


@dataclass(frozen=True)
class Case:
    """One file: its modality, what was done to what, its bytes, and what must come of it."""

    modality: str
    name: str
    data: bytes
    expected: str


def case(number):
    """The case of a number: the modalities take turns, and within each its kinds; the damage is drawn."""
    draw = np.random.default_rng(number)
    modality = list(MODALITIES)[number % len(MODALITIES)]
    kinds = MODALITIES[modality]
    kind, _ = kinds[number // len(MODALITIES) % len(kinds)]
    done = list(DAMAGES)[int(draw.integers(len(DAMAGES)))]
    data, expected = DAMAGES[done](whole(modality, kind), draw)
    return Case(modality, f"{number}: {kind}, {done}", data, expected)


@cache
def whole(modality, kind):
    """The bytes of a whole file."""
    return dict(MODALITIES[modality])[kind]()


def _cut(data, draw):
    data = data[:-24]  # more than a mark at the end, without which a picture is whole all the same
    return data[: int(len(data) * draw.uniform(0.02, 0.95))], REFUSED


def _flipped(data, draw):
    bad = np.frombuffer(data, np.uint8).copy()
    at = draw.integers(0, len(bad), int(draw.integers(1, 12)))
    bad[at] ^= 1 << draw.integers(0, 8, len(at)).astype(np.uint8)
    return bad.tobytes(), EITHER


def _noise(data, draw):
    start, size = int(draw.integers(len(data))), int(draw.integers(1, 200))
    return data[:start] + draw.bytes(size) + data[start + size :], EITHER


def _zeros(data, draw):
    start = int(draw.integers(len(data)))
    size = int(draw.integers(1, 1 + len(data) - start))
    return data[:start] + bytes(size) + data[start + size :], EITHER


def _head(data, draw):
    """Sizes and counts stand near the beginning: numbers there that are far too big."""
    bad = bytearray(data)
    for start in draw.integers(0, min(128, len(bad) - 4), 3):
        bad[start : start + 4] = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"][int(draw.integers(3))]
    return bytes(bad), EITHER


def _missing_middle(data, draw):
    start, end = sorted(draw.integers(0, len(data), 2).tolist())
    return data[:start] + data[end:], EITHER


def _doubled(data, draw):
    start, end = sorted(draw.integers(0, len(data), 2).tolist())
    return data[:end] + data[start:end] * int(draw.integers(1, 4)) + data[end:], EITHER


def _swapped(data, draw):
    middle = int(draw.integers(1, len(data)))
    return data[middle:] + data[:middle], EITHER


def _other(data, draw):
    """The head of one kind and the body of another."""
    modality = list(MODALITIES)[int(draw.integers(3))]
    kinds = MODALITIES[modality]
    body = whole(modality, kinds[int(draw.integers(len(kinds)))][0])
    kept = int(draw.integers(4, 64))
    return data[:kept] + body[kept:], EITHER


def _text(data, draw):
    said = [
        b"ffconcat version 1.0\nfile secret.mp4\n",
        b"#EXTM3U\n/etc/hostname\n",
        b"<html>not found</html>",
        b"\0" * 64,
    ]
    return said[int(draw.integers(len(said)))], REFUSED


def _untouched(data, draw):
    return data, READ


DAMAGES = {
    "whole": _untouched,
    "cut": _cut,
    "bits flipped": _flipped,
    "noise": _noise,
    "zeros": _zeros,
    "sizes": _head,
    "cut once more": _cut,
    "a part missing": _missing_middle,
    "a part doubled": _doubled,
    "halves swapped": _swapped,
    "another's body": _other,
    "text": _text,
}


def _moving(kind):
    buffer = io.BytesIO()
    frames = [picture((40, 30), detail=size).quantize(16) for size in (4, 7, 9)]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _sounding(name, rate=22_050, channels=1, **options):
    samples = np.repeat(chirp(1.5, rate)[:, None], channels, axis=1)
    with TemporaryDirectory() as folder:
        return sound(Path(folder) / name, samples, rate, **options).path.read_bytes()


def _filmed(name, codec, frames=30):
    with TemporaryDirectory() as folder:
        moving = film(
            Path(folder) / name, frames, codec=codec, draw=lambda at: np.asarray(picture((64, 48), detail=3 + at))
        )
        return moving.path.read_bytes()
