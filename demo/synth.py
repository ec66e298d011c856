"""Synthesis for stand-in sounds: tones, hits of drums, coloured noise and an echo, as float32 samples at `RATE`.

Not here: the figures of each instrument (`instruments.py`), which genre has which (`scores.py`), and what is played
when (`sounds.py`).

A tone reads its samples out of one cycle of its wave, so that it costs the same however many partials the wave has.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 44_100  # samples a second
Samples = NDArray[np.float32]

_CYCLE = 4096
_RELEASE_SECONDS = 0.02
_DECAYS = 6  # a hit is over after so many time constants: at a four-hundredth of its level
_VIBRATO_HERTZ = 5.5


def _cycle(partials: Mapping[int, float]) -> Samples:
    """One cycle of the partials (number → amplitude), its peak at 1."""
    turn = np.arange(_CYCLE) * (2 * math.pi / _CYCLE)
    wave = sum(level * np.sin(number * turn) for number, level in partials.items())
    return (wave / np.abs(wave).max()).astype(np.float32)


_WAVES = {
    "sine": _cycle({1: 1.0}),
    "soft": _cycle({1: 1.0, 2: 0.35, 3: 0.12, 4: 0.05}),
    "reed": _cycle({1: 1.0, 2: 0.15, 3: 0.75, 4: 0.1, 5: 0.5, 7: 0.3, 9: 0.18}),
    "square": _cycle({k: 1 / k for k in range(1, 20, 2)}),
    "saw": _cycle({k: 1 / k for k in range(1, 17)}),
    "brass": _cycle({1: 0.6, 2: 1.0, 3: 0.85, 4: 0.65, 5: 0.45, 6: 0.3, 7: 0.2, 8: 0.12}),
    "grit": _cycle({k: (-1) ** k / math.sqrt(k) for k in range(1, 33)}),
}


class Timbre(NamedTuple):
    """A wave, the ratios and levels it sounds at (bells are not harmonic, strings are many), and how it rises and dies.

    `vibrato` is a share of the frequency, `glide` the semitones that a tone moves while it sounds.
    """

    wave: str
    attack_seconds: float
    decay_seconds: float
    ratios: tuple[float, ...] = (1.0,)
    levels: tuple[float, ...] = (1.0,)
    vibrato: float = 0.0
    glide: float = 0.0


@lru_cache(maxsize=64)  # half of the notes of a bass or a broken chord have been played a bar before
def tone(timbre: Timbre, hertz: float, seconds: float) -> Samples:
    """A note of this timbre; the samples are shared and read-only."""
    t = np.arange(round(seconds * RATE)) / RATE
    turns = t * hertz
    if timbre.glide:
        turns *= 1 + (2 ** (timbre.glide / 12) - 1) / (2 * seconds) * t
    if timbre.vibrato:
        beat = np.float32(2 * math.pi * _VIBRATO_HERTZ)
        turns += hertz * timbre.vibrato / beat * (1 - np.cos(beat * t.astype(np.float32)))
    wave = _WAVES[timbre.wave]
    heard = np.zeros(len(t), np.float32)
    for ratio, level in zip(timbre.ratios, timbre.levels, strict=True):
        heard += (
            np.float32(level / sum(timbre.levels)) * wave[(turns * (ratio * _CYCLE)).astype(np.int64) & (_CYCLE - 1)]
        )
    heard *= _envelope(timbre, seconds, t.astype(np.float32))
    heard.flags.writeable = False
    return heard


def _envelope(timbre: Timbre, seconds: float, t: Samples) -> Samples:
    """Rises straight, dies exponentially, and is let go at its end."""
    rise = np.minimum(t / np.float32(timbre.attack_seconds), 1)
    release = np.minimum((np.float32(seconds) - t) / np.float32(_RELEASE_SECONDS), 1)
    return rise * release * np.exp(t / np.float32(-timbre.decay_seconds))


def noise(rng: np.random.Generator, seconds: float, low: float, high: float, slope: float = 0.0) -> Samples:
    """Noise between two frequencies (Hz), its peak at 1; its amplitude changes as frequency to the power of `slope`."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count, np.float32))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    shape = np.where((hertz >= low) & (hertz <= high), np.maximum(hertz, 20) ** slope, 0)
    heard = np.fft.irfft(spectrum * shape, count)
    return (heard / np.abs(heard).max()).astype(np.float32)


class Fall(NamedTuple):
    """A sine that falls while it dies: its level, its frequencies (Hz), the time constant of its decay."""

    level: float
    start_hertz: float
    end_hertz: float
    decay_seconds: float


class Burst(NamedTuple):
    """Noise that dies: its level, its frequencies (Hz), the time constant of its decay."""

    level: float
    low_hertz: float
    high_hertz: float
    decay_seconds: float


class Drum(NamedTuple):
    """What one hit is made of."""

    fall: Fall | None = None
    burst: Burst | None = None


def hit(drum: Drum, rng: np.random.Generator) -> Samples:
    """One hit of the drum."""
    parts = [] if drum.fall is None else [_fall(*drum.fall)]
    if drum.burst is not None:
        parts.append(_burst(drum.burst, rng))
    heard = np.zeros(max(map(len, parts)), np.float32)
    for part in parts:
        heard[: len(part)] += part
    return heard


def _fall(level: float, start: float, end: float, decay_seconds: float) -> Samples:
    t = np.arange(round(_DECAYS * decay_seconds * RATE)) / RATE
    turns = end * t + (start - end) * decay_seconds / 3 * (1 - np.exp(-3 * t / decay_seconds))
    return (level * np.sin(2 * math.pi * turns) * np.exp(-t / decay_seconds)).astype(np.float32)


def _burst(burst: Burst, rng: np.random.Generator) -> Samples:
    heard = noise(rng, _DECAYS * burst.decay_seconds, burst.low_hertz, burst.high_hertz)
    dying = np.exp(np.arange(len(heard)) / (-burst.decay_seconds * RATE))
    return heard * (burst.level * dying).astype(np.float32)


def add(track: Samples, start_seconds: float, heard: Samples, level: float) -> None:
    """Mixes a sound into the track; what would run past its end is cut off."""
    start = round(start_seconds * RATE)
    part = track[start : start + len(heard)]
    part += heard[: len(part)] * np.float32(level)


def echo(track: Samples, delay_seconds: float, level: float) -> None:
    """Adds three fading repeats, which is what a large room sounds like."""
    dry = track.copy()
    for times in (1, 2, 3):
        delay = round(times * delay_seconds * RATE)
        track[delay:] += dry[:-delay] * np.float32(level**times)
