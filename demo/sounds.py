"""Makes a stand-in sound for a film from its genres: nothing is taken from the film's real music.

Here: what a stand-in sound is, the dice that make it out of its genre's score, and its label. The same film gives the
same bytes on every run with the same numpy and libsndfile. Not here: instruments (`instruments.py`, `synth.py`), what
genres sound like (`scores.py`), writing files (`media.py`).

A sound is three seconds of its most telling genre's score, in a key, a tempo and with a melody of its own; its second
genre plays its lead along. The file says STAND-IN in its title and its comment.
"""

import io
from collections.abc import Iterator
from itertools import count

import numpy as np

from demo.films import Film, bits
from demo.instruments import DRUMS, TIMBRES
from demo.motifs import ranked
from demo.scores import SCORES, Part, Score
from demo.synth import RATE, Samples, add, echo, hit, noise, tone
from demo.titles import readable

RECIPE = 1  # raise it when a change here, or in a part, changes any sound's bytes
SECONDS = 3.0
_MIDDLE_C_HERTZ = 261.63
_PEAK = 0.8
_SECOND_LEVEL = 0.45
_CHORD = (0, 2, 4)  # degrees of the scale


def sound_bytes(film: Film) -> bytes:
    """The stand-in as a FLAC file: 16 bits, one channel."""
    import soundfile

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 1, "PCM_16", format="FLAC") as flac:
        flac.title = f"STAND-IN for {readable(film.title)}"
        flac.comment = "STAND-IN: synthesised from the film's genres; not the sound of the film"
        flac.write(play(film))
    return file.getvalue()


def play(film: Film) -> Samples:
    """The stand-in's samples: float32[SECONDS · RATE] within ±1."""
    rng = np.random.default_rng(bits("sound", film.item_id))
    genres = ranked(film.genres)
    score, key = SCORES[genres[0]], int(rng.integers(12)) - 5
    step_seconds = 60 / rng.uniform(*score.tempo) / score.steps
    track = np.zeros(round(SECONDS * RATE), np.float32)
    for part in score.parts:
        _play_part(track, part, score.scale, key, step_seconds, rng)
    if len(genres) > 1:
        lead = SCORES[genres[1]].parts[0]
        _play_part(track, lead._replace(level=lead.level * _SECOND_LEVEL), score.scale, key, step_seconds, rng)
    _play_drums(track, score, step_seconds, rng)
    if score.room:
        echo(track, rng.uniform(0.07, 0.13), score.room)
    _play_bed(track, score, rng)
    return _finished(track)


def _play_part(
    track: Samples, part: Part, scale: tuple[int, ...], key: int, step_seconds: float, rng: np.random.Generator
) -> None:
    for step, degrees in zip(_hits(part.steps, step_seconds, rng), _degrees(part.notes, len(scale), rng), strict=False):
        start = step * step_seconds
        for degree in degrees:
            pitch = part.register + key + scale[degree % len(scale)] + 12 * (degree // len(scale))
            seconds = min(part.length * step_seconds, SECONDS - start)
            heard = tone(TIMBRES[part.timbre], _MIDDLE_C_HERTZ * 2 ** (pitch / 12), seconds)
            add(track, start, heard, part.level * rng.uniform(0.8, 1.0) / len(degrees) ** 0.5)


def _degrees(notes: str, size: int, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """What is played at each hit, as degrees of a scale of this size; see `Part.notes`."""
    degree = int(rng.integers(size))
    for number in count():
        if notes == "walk":
            degree = int(np.clip(degree + rng.integers(-2, 3), -2, size + 2))
            yield (degree,)
        elif notes == "rise":
            yield (_CHORD[number % 3] + size * (number // 3 % 2),)
        else:
            yield _CHORD if notes == "chord" else (0,)


def _play_drums(track: Samples, score: Score, step_seconds: float, rng: np.random.Generator) -> None:
    for name, steps in score.drums:
        heard = hit(DRUMS[name], rng)
        for step in _hits(steps, step_seconds, rng):
            add(track, step * step_seconds, heard, rng.uniform(0.5, 0.8))


def _play_bed(track: Samples, score: Score, rng: np.random.Generator) -> None:
    if score.bed is None:
        return
    bed = noise(rng, SECONDS, score.bed.low, score.bed.high, score.bed.slope)
    turns = np.arange(len(bed)) * (score.bed.swells / RATE) + rng.uniform()
    track += bed * (score.bed.level * (1 - 0.7 * np.sin(np.pi * turns) ** 2)).astype(np.float32)


def _hits(steps: str, step_seconds: float, rng: np.random.Generator) -> list[int]:
    """The numbers of the steps that are played, up to the end of the sound."""
    chosen = [mark == "x" or (mark == "o" and rng.random() < 0.5) for mark in steps]
    return [step for step in range(int(SECONDS / step_seconds)) if chosen[step % len(steps)]]


def _finished(track: Samples) -> Samples:
    """At one peak, fading in and out without a click."""
    fade = round(0.01 * RATE)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    track[:fade] *= ramp
    track[-fade:] *= ramp[::-1]
    return track * np.float32(_PEAK / np.abs(track).max())
