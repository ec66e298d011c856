"""Stand-in sounds: deterministic, marked as what they are, and telling genres apart by ear."""

import io

import numpy as np
import pytest
import soundfile

from demo import motifs, scores, sounds, synth
from demo.films import Film, has
from demo.instruments import DRUMS, TIMBRES
from tests.helpers.demo_delivery import FILMS


def log_spectrum(film: Film) -> np.ndarray:
    """Mean and spread over time of the levels in 40 bands: what is heard, without pitch and order."""
    frames = np.lib.stride_tricks.sliding_window_view(sounds.play(film), 2048)[::1024] * np.hanning(2048)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[1], 41).astype(int))[:-1]
    bands = np.log10(1e-5 + np.add.reduceat(power, edges, axis=1))
    return np.concatenate([bands.mean(0), bands.std(0)])


def test_a_film_has_the_same_bytes_alone_and_among_others() -> None:
    made = {film.item_id: sounds.sound_bytes(film) for film in FILMS}
    assert sounds.sound_bytes(FILMS[3]) == made[FILMS[3].item_id]
    assert len(set(made.values())) == len(FILMS)


@pytest.mark.parametrize("film", [*FILMS, Film("x", "", "", ""), Film("y", "W", "Opera Drama", "3000")])
def test_the_file_is_three_seconds_of_sound_and_says_that_it_is_a_stand_in(film: Film) -> None:
    with soundfile.SoundFile(io.BytesIO(sounds.sound_bytes(film))) as flac:
        assert (flac.format, flac.subtype, flac.channels, flac.samplerate) == ("FLAC", "PCM_16", 1, synth.RATE)
        assert flac.title.startswith("STAND-IN") and flac.comment.startswith("STAND-IN")
        heard = flac.read()
    assert len(heard) == sounds.SECONDS * synth.RATE
    assert np.abs(heard).max() == pytest.approx(0.8, abs=0.001)
    assert np.abs(heard[[0, -1]]).max() < 0.001, "a sound that begins or ends at once clicks"
    assert min(np.square(part).mean() for part in np.split(heard, 3)) > 1e-6, "no second is silent"


def test_each_genre_is_heard() -> None:
    """The nearest other sound is, for nearly all films, one of the same genre."""
    genres = [genre for genre in motifs.MOTIFS if genre != "unknown"]
    films = [Film(f"{genre}{n}", "", genre, "") for genre in genres for n in range(3)]
    heard = np.array([log_spectrum(film) for film in films])
    heard = (heard - heard.mean(0)) / heard.std(0)
    apart = np.square(heard[:, None] - heard[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    same = [films[other].genres == film.genres for film, other in zip(films, apart.argmin(1), strict=True)]
    assert np.mean(same) > 0.8, "by chance: 0.04"


def test_films_of_one_genre_and_a_second_genre_differ() -> None:
    variants = [Film("1", "", "Drama", ""), Film("2", "", "Drama", ""), Film("1", "", "Drama War", "")]
    played = [sounds.play(film) for film in variants]
    assert all(np.abs(a - b).max() > 0.1 for a, b in [played[:2], played[::2]])


def test_every_genre_has_a_score_and_every_instrument_a_player() -> None:
    assert scores.SCORES.keys() == motifs.MOTIFS.keys()
    assert {part.timbre for score in scores.SCORES.values() for part in score.parts} == TIMBRES.keys()
    assert {name for score in scores.SCORES.values() for name, _ in score.drums} == DRUMS.keys()


def test_a_tone_has_its_pitch_and_a_glide_moves_it() -> None:
    flat, gliding = synth.Timbre("sine", 0.01, 9.0), synth.Timbre("sine", 0.01, 9.0, glide=12.0)
    assert _hertz(synth.tone(flat, 440.0, 1.0)) == pytest.approx(440, abs=2)
    second_half = synth.tone(gliding, 440.0, 1.0)[synth.RATE // 2 :]
    assert _hertz(second_half) == pytest.approx(440 * 1.75, rel=0.05), "an octave up, three quarters of the way"


def _hertz(samples: np.ndarray) -> float:
    crossings = np.count_nonzero(np.diff(np.signbit(samples)))
    return crossings / 2 / (len(samples) / synth.RATE)


def test_noise_stays_in_its_band() -> None:
    power = np.abs(np.fft.rfft(synth.noise(np.random.default_rng(0), 1.0, 1000, 2000))) ** 2
    assert power[1000:2001].sum() / power.sum() > 0.999


def test_about_half_of_the_films_have_one_whether_or_not_they_have_a_poster() -> None:
    ids = [str(n) for n in range(1, 1683)]
    sound, poster = (np.array([has(kind, item_id) for item_id in ids]) for kind in ("sound", "poster"))
    assert 0.45 < sound.mean() < 0.55
    assert 0.35 < sound[~poster].mean() < 0.65
