"""Stand-in clips: deterministic, in motion, and marked as what they are on every frame."""

import io

import av
import numpy as np
import pytest
from PIL import ImageChops

from demo import clips, motifs, motions, posters
from demo.films import Film, has
from tests.helpers.demo_delivery import FILMS

LABEL_BOX = (*clips.LABEL_AT, clips.LABEL_AT[0] + posters.label().width, clips.LABEL_AT[1] + posters.label().height)


def test_a_film_has_the_same_bytes_alone_and_among_others() -> None:
    made = {film.item_id: clips.clip_bytes(film) for film in FILMS}
    assert clips.clip_bytes(FILMS[1]) == made[FILMS[1].item_id]
    assert len(set(made.values())) == len(FILMS)


@pytest.mark.parametrize("genre", motifs.MOTIFS)
def test_every_genre_moves_under_a_label_that_stays(genre: str) -> None:
    frames = list(clips.draw(Film("7", "", genre, "")))
    assert len(frames) == clips.FRAMES
    assert {(frame.size, frame.mode) for frame in frames} == {(clips.SIZE, "RGB")}
    for frame in frames:
        assert ImageChops.difference(frame.crop(LABEL_BOX), posters.label()).getbbox() is None
    pixels = np.asarray(frames[0], int), np.asarray(frames[-1], int)
    assert (np.abs(pixels[0] - pixels[1]).max(-1) > 20).mean() > 0.02
    assert motions.MOTIONS.keys() == motifs.MOTIFS.keys()


def test_the_file_plays_and_says_that_it_is_a_stand_in() -> None:
    with av.open(io.BytesIO(clips.clip_bytes(FILMS[0]))) as mp4:
        shown = [frame.to_image() for frame in mp4.decode(video=0)]
        assert mp4.metadata["title"] == "STAND-IN for Toy Story"
        assert mp4.metadata["comment"].startswith("STAND-IN")
        assert "creation_time" not in {*mp4.metadata, *mp4.streams.video[0].metadata}
        assert mp4.streams.video[0].average_rate == clips.FRAMES_PER_SECOND
    assert len(shown) == clips.FRAMES
    label = np.asarray(posters.label().convert("L"), int)
    for frame in shown:
        assert np.abs(np.asarray(frame.convert("L").crop(LABEL_BOX), int) - label).mean() < 20, "it can be read"


def test_about_a_fifth_of_the_films_have_one_whether_or_not_they_have_a_sound() -> None:
    ids = [str(n) for n in range(1, 1683)]
    clip, sound = (np.array([has(kind, item_id) for item_id in ids]) for kind in ("clip", "sound"))
    assert 0.17 < clip.mean() < 0.23
    assert 0.15 < clip[sound].mean() < 0.25 and 0.15 < clip[~sound].mean() < 0.25
