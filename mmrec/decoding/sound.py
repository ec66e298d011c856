"""Decoding one sound to samples of one channel. Runs in the worker; libsndfile behind soundfile does the work."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import numpy as np

from mmrec.media import BadMedia

if TYPE_CHECKING:
    from soundfile import SoundFile

KINDS = "WAV, FLAC, OGG, MP3"
_BLOCK_SAMPLES = 1 << 16
_MIN_RATE = 4_000
# An Ogg page holds at most 255 segments of 255 bytes behind a header of 27 + 255.
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_OGG_LAST_PAGE = 4
_STREAMED = (0, 0xFFFFFFFF)  # a writer that could not go back leaves the size of a WAV open


def decode(
    file: io.RawIOBase, *, max_seconds: float, max_rate: int, max_channels: int
) -> tuple[dict[str, int], list[np.ndarray]]:
    """Give {"rate": samples a second} and the float32 samples in [-1, 1], all channels averaged.

    The kind is told from the first bytes. `BadMedia` for another kind, a file that is cut short, an empty or over-long
    sound, too many channels, a rate outside 4,000 … `max_rate`, and samples that are not finite.
    """
    import soundfile

    _check_kind_and_end(file)
    file.seek(0)
    try:
        with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            _check_size(sound.samplerate, sound.channels, sound.frames, max_seconds, max_rate, max_channels)
            return {"rate": sound.samplerate}, [_mono(sound)]
    except soundfile.LibsndfileError as error:
        raise BadMedia(f"the sound is damaged: {' '.join(error.error_string.split())[:200]}") from error


def _check_kind_and_end(file: io.RawIOBase) -> None:
    """Refuse other kinds, and those cut files that libsndfile takes for whole, shorter ones."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12) or b""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        declared = int.from_bytes(head[4:8], "little")
        # Eight bytes of tolerance: some writers count their own header, or forget the padding.
        if declared not in _STREAMED and declared > size:
            raise _cut(f"{size:,} bytes of {declared + 8:,} are there")
    elif head[:4] == b"OggS":
        file.seek(max(0, size - _OGG_PAGE_BYTES))
        if not _ends_with_last_page(file.read(_OGG_PAGE_BYTES) or b""):
            raise _cut("its last page is missing")
    elif not (head[:4] == b"fLaC" or head[:3] == b"ID3" or _is_mpeg_layer_3(head)):
        raise BadMedia(f"not a sound of a known kind ({KINDS}), or its beginning is damaged")


def _is_mpeg_layer_3(head: bytes) -> bool:
    """Tell the header of an MPEG audio frame: eleven bits set, then a version and layer III."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def _ends_with_last_page(tail: bytes) -> bool:
    """Say whether the last page is marked as such (RFC 3533, section 6) and is there to its end."""
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & _OGG_LAST_PAGE:
        return False
    segments = page[26]
    return len(page) >= 27 + segments + sum(page[27 : 27 + segments])


def _check_size(rate: int, channels: int, frames: int, max_seconds: float, max_rate: int, max_channels: int) -> None:
    if not _MIN_RATE <= rate <= max_rate:
        raise BadMedia(f"{rate:,} samples a second; allowed are {_MIN_RATE:,} to {max_rate:,}")
    if channels > max_channels:
        raise BadMedia(f"{channels} channels; allowed are {max_channels}")
    if frames > max_seconds * rate:
        raise BadMedia(f"the sound is too long: {frames / rate:,.0f} seconds, allowed {max_seconds:,.0f}")
    if frames < 1:
        raise BadMedia("the sound is empty")


def _mono(sound: SoundFile) -> np.ndarray:
    """Read every sample that the header promises, block by block."""
    samples = np.empty(sound.frames, dtype=np.float32)
    for start in range(0, len(samples), _BLOCK_SAMPLES):
        rows = samples[start : start + _BLOCK_SAMPLES]
        block = sound.read(len(rows), dtype="float32", always_2d=True)
        if len(block) < len(rows):
            there, promised = (count / sound.samplerate for count in (start + len(block), len(samples)))
            raise _cut(f"{there:.1f} seconds of {promised:.1f} are there")
        if not np.isfinite(block).all():
            raise BadMedia("the sound holds samples that are not finite numbers")
        block.mean(axis=1, out=rows)
    return samples


def _cut(found: str) -> BadMedia:
    return BadMedia(f"the sound is cut short: {found}")
