"""From a registered file to samples or frames: the guards of `mmrec.media.opening`, then a worker of the pool.

Here: what a sound and a film may measure at most. Raising a limit changes no vector, so none is in an encoder's id. Not
here: the worker's side (`sound`, `film`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrec.media.opening import MAX_AUDIO_BYTES, MAX_VIDEO_BYTES, MediaRef, open_registered
from mmrec.media.pool import Decoders

MAX_SOUND_SECONDS = 600
MAX_SOUND_RATE = 192_000
MAX_SOUND_CHANNELS = 8
MAX_FILM_SECONDS = 4 * 3600
MAX_FILM_PIXELS = 4096 * 2304


def read_sound(decoders: Decoders, ref: MediaRef) -> tuple[np.ndarray, int]:
    """Give the float32 samples of a sound, all channels averaged, and their rate a second; `BadMedia` says why not."""
    caps = {"max_seconds": MAX_SOUND_SECONDS, "max_rate": MAX_SOUND_RATE, "max_channels": MAX_SOUND_CHANNELS}
    with open_registered(ref, MAX_AUDIO_BYTES) as file:
        answer, (samples,) = decoders.decode(file, "sound", 4 * MAX_SOUND_SECONDS * MAX_SOUND_RATE, **caps)
    return samples, int(answer["rate"])


def read_frames(
    decoders: Decoders, ref: MediaRef, fractions: Sequence[float], burst: int = 1, apart_seconds: float = 0.0
) -> list[np.ndarray]:
    """Give the RGB frames, uint8 [height, width, 3], shown at `fractions` of a film; `BadMedia` says why not.

    With a `burst` it is so many frames around each fraction, `apart_seconds` from each other, over the ends the outer
    ones; bursts may not overlap.
    """
    asked = {"fractions": fractions, "burst": burst, "apart_seconds": apart_seconds}
    return _frames(decoders, ref, len(fractions) * burst, asked)


def read_key_frames(decoders: Decoders, ref: MediaRef, count: int) -> list[np.ndarray]:
    """Give `count` RGB frames, uint8 [height, width, 3], of the longest shots of a film; `BadMedia` says why not."""
    return _frames(decoders, ref, count, {"key_frames": count})


def _frames(decoders: Decoders, ref: MediaRef, count: int, asked: dict[str, Any]) -> list[np.ndarray]:
    caps = {"max_seconds": MAX_FILM_SECONDS, "max_pixels": MAX_FILM_PIXELS}
    with open_registered(ref, MAX_VIDEO_BYTES) as file:
        _, frames = decoders.decode(file, "film", 3 * MAX_FILM_PIXELS * count, **asked, **caps)
    return frames
