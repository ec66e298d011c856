"""Decoding one sound to samples of one channel. Runs in the worker; libsndfile behind soundfile does the work."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.media import sound_parts
from mmrec.media.opening import BadMedia

if TYPE_CHECKING:
    from soundfile import SoundFile

_BLOCK_SAMPLES = 1 << 16
_MIN_RATE = 4_000
_UNKNOWN_FRAMES = 1 << 62  # libsndfile says more where a FLAC does not say how long it is


class _Mended(io.RawIOBase):
    """A file, read with other bytes in a few places."""

    def __init__(self, file: io.RawIOBase, mends: Mapping[int, bytes]) -> None:
        self._file, self._bytes = file, {at + n: byte for at, part in mends.items() for n, byte in enumerate(part)}

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        count = self._file.readinto(buffer) or 0
        for at, byte in self._bytes.items():
            if start <= at < start + count:
                buffer[at - start] = bytes((byte,))
        return count


def decode(
    file: io.RawIOBase, *, max_seconds: float, max_rate: int, max_channels: int
) -> tuple[dict[str, int], list[np.ndarray]]:
    """Give {"rate": samples a second} and the float32 samples in [-1, 1], all channels averaged.

    The kind is told from the first bytes. `BadMedia` for another kind, a file that is cut short, an empty or over-long
    sound, too many channels, a rate outside 4,000 … `max_rate`, and samples that are not finite.
    """
    import soundfile

    mends = sound_parts.mends(file)
    file.seek(0)
    try:
        with soundfile.SoundFile(_Mended(file, mends) if mends else file.fileno(), closefd=False) as sound:
            known = sound.frames if sound.frames < _UNKNOWN_FRAMES else 1
            _check_size(sound.samplerate, sound.channels, known, max_seconds, max_rate, max_channels)
            samples = _mono(sound) if known == sound.frames else _mono_to_end(sound, max_seconds)
            return {"rate": sound.samplerate}, [samples]
    except soundfile.LibsndfileError as error:
        raise BadMedia(f"the sound is damaged: {' '.join(error.error_string.split())[:200]}") from error


def _check_size(rate: int, channels: int, frames: int, max_seconds: float, max_rate: int, max_channels: int) -> None:
    if not _MIN_RATE <= rate <= max_rate:
        raise BadMedia(f"{rate:,} samples a second; allowed are {_MIN_RATE:,} to {max_rate:,}")
    if channels > max_channels:
        raise BadMedia(f"{channels} channels; allowed are {max_channels}")
    if frames > max_seconds * rate:
        raise _too_long(f"{frames / rate:,.0f} seconds", max_seconds)
    if frames < 1:
        raise BadMedia("the sound is empty")


def _too_long(found: str, max_seconds: float) -> BadMedia:
    return BadMedia(f"the sound is too long: {found}, allowed {max_seconds:,.0f}")


def _mono(sound: SoundFile) -> np.ndarray:
    """Read every sample that the header promises, block by block."""
    samples = np.empty(sound.frames, dtype=np.float32)
    for start in range(0, len(samples), _BLOCK_SAMPLES):
        rows = samples[start : start + _BLOCK_SAMPLES]
        block = _block(sound, len(rows))
        if len(block) < len(rows):
            there, promised = (count / sound.samplerate for count in (start + len(block), len(samples)))
            raise sound_parts.cut(f"{there:.1f} seconds of {promised:.1f} are there")
        block.mean(axis=1, out=rows)
    return samples


def _mono_to_end(sound: SoundFile, max_seconds: float) -> np.ndarray:
    """Read on to the end of a sound that does not say how long it is; libsndfile refuses one that is cut."""
    sound.seekable = lambda: False  # type: ignore[method-assign]  # soundfile seeks behind a block; the end is unknown
    blocks, most = list[np.ndarray](), int(max_seconds * sound.samplerate)
    while len(block := _block(sound, _BLOCK_SAMPLES)):
        blocks.append(block.mean(axis=1))
        if sum(map(len, blocks)) > most:
            raise _too_long(f"more than {max_seconds:,.0f} seconds", max_seconds)
    if not blocks:
        raise BadMedia("the sound is empty")
    return np.concatenate(blocks)


def _block(sound: SoundFile, frames: int) -> np.ndarray:
    block: np.ndarray = sound.read(frames, dtype="float32", always_2d=True)
    if not np.isfinite(block).all():
        raise BadMedia("the sound holds samples that are not finite numbers")
    return block
