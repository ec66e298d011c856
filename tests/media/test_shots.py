"""Key frames: films are cut where their colours jump, and the longest shots are seen at their middles."""

import numpy as np
import pytest

from mmrec import encoders
from mmrec.errors import MmrecError
from mmrec.media import film as decoding
from mmrec.media import shots
from mmrec.media.decoded import read_frames, read_key_frames
from mmrec.media.opening import BadMedia
from mmrec.media.pool import Decoders, Limits
from tests.helpers.clips import WEIGHTS, cut, encode, film, sound_only

RED, GREEN, BLUE, WHITE, BLACK = (220, 30, 30), (30, 200, 40), (30, 40, 220), (240, 240, 240), (10, 10, 10)


@pytest.fixture(scope="module")
def decoders():
    made = Decoders()
    yield made
    made.close()


def shot_by_shot(path, *lengths_and_colours, **options):
    """A film of shots, each so many frames of one colour."""
    colours = [colour for length, colour in lengths_and_colours for _ in range(length)]

    def draw(number):
        return np.full((48, 64, 3), colours[number], np.uint8)

    return film(path, frames=len(colours), draw=draw, **options)


def shown(frames, *colours):
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * len(colours)
    means = np.array([frame.mean(axis=(0, 1)) for frame in frames])
    np.testing.assert_allclose(means, colours, atol=12)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")])
def test_the_longest_shots_are_seen_in_the_order_of_the_film(decoders, tmp_path, name, codec):
    ref = shot_by_shot(
        tmp_path / name, (5, WHITE), (30, RED), (12, BLUE), (4, GREEN), (25, GREEN), (3, RED), (20, BLACK), codec=codec
    )
    shown(read_key_frames(decoders, ref, 4), RED, BLUE, GREEN, BLACK)


def test_the_frame_at_the_middle_of_a_shot_is_taken(decoders, tmp_path):
    def draw(number):  # a white bar that moves, first over red, then over blue
        picture = np.full((48, 64, 3), RED if number < 40 else BLUE, np.uint8)
        picture[:, number % 40 : number % 40 + 4] = WHITE
        return picture

    frames = read_key_frames(decoders, film(tmp_path / "a.mp4", frames=70, draw=draw, bit_rate="4000000"), 2)
    bars = [int(frame.mean(axis=(0, 2)).argmax()) for frame in frames]
    assert abs(bars[0] - 21.5) <= 3
    assert abs(bars[1] - 16.5) <= 3


def test_fewer_shots_are_seen_more_than_once_within_the_longest(decoders, tmp_path):
    one = film(tmp_path / "one.mp4")  # grey of 3 n: it grows lighter slowly
    fixed = read_frames(decoders, one, [0.125, 0.375, 0.625, 0.875])
    assert all(map(np.array_equal, read_key_frames(decoders, one, 4), fixed))
    two = shot_by_shot(tmp_path / "two.mp4", (40, RED), (20, BLUE))
    shown(read_key_frames(decoders, two, 4), RED, RED, RED, BLUE)
    still = shot_by_shot(tmp_path / "still.mp4", (1, GREEN))
    shown(read_key_frames(decoders, still, 4), *[GREEN] * 4)


def test_noise_flicker_and_a_slow_fade_are_no_cuts():
    draw = np.random.default_rng(0)
    noise = [(when, draw.integers(0, 256, (36, 64, 3), dtype=np.uint8)) for when in range(30)]
    flicker = [(when, np.full((36, 64, 3), 127 + when % 2, np.uint8)) for when in range(30)]
    fade = [(when, np.full((36, 64, 3), 8 * when, np.uint8)) for when in range(30)]
    for looks in (noise, flicker, fade):
        assert shots.found(looks, 0, 30) == [(0, 30)]
    assert shots.found([*fade[:10], *((10 + w, p + 100) for w, p in fade[:10])], 0, 20) == [(0, 10), (10, 20)]


def test_moments_rise_and_equal_shots_are_taken_by_their_place():
    assert shots.moments([(0, 10), (10, 20), (20, 30)], 2) == [5, 15]
    assert shots.moments([(0, 4), (4, 20)], 3) == [2, 8, 16]
    assert shots.moments([(0, 8)], 4) == [1, 3, 5, 7]
    assert shots.moments([(0, 30), (30, 31), (31, 51)], 1) == [15]


def test_of_a_long_film_only_what_can_be_decoded_at_once_is_looked_at(tmp_path, monkeypatch):
    lengths = [(50, RED), (100, BLUE), (50, WHITE), (75, GREEN)]
    ref = shot_by_shot(tmp_path / "a.mp4", *lengths, g="25")
    looked = []

    def counting(looks, first, end):
        looks = list(looks)
        looked.extend(looks)
        return real(looks, first, end)

    real = shots.found
    monkeypatch.setattr(decoding.shots, "found", counting)
    for most, looks in ((275, 275), (274, 11), (5, 5)):
        looked.clear()
        monkeypatch.setattr(decoding.shots, "LOOKED_PIXELS", most * 64 * 48)
        with ref.path.open("rb", buffering=0) as file:
            _, frames = decoding.decode(file, max_seconds=100, max_pixels=64 * 48, key_frames=2)
        assert len(looked) == looks
        if most > 5:
            shown(frames, BLUE, GREEN)


def test_what_is_no_whole_film_is_refused_and_the_limits_hold(decoders, tmp_path):
    ref = shot_by_shot(tmp_path / "a.mp4", (40, RED), (40, BLUE))
    for bad in (cut(ref, 0.6), sound_only(tmp_path / "s.mp4")):
        with pytest.raises(BadMedia):
            read_key_frames(decoders, bad, 4)
    tight = Decoders(Limits(memory_bytes=1 << 27))
    with pytest.raises((BadMedia, MmrecError)):
        read_key_frames(tight, ref, 4)
    tight.close()


def test_an_encoder_of_key_frames_is_another_one_and_gives_the_same_bits_again(tmp_path):
    ref = shot_by_shot(tmp_path / "a.mp4", (8, WHITE), (30, RED), (12, BLUE), (25, GREEN))
    fixed, key = (encoders.identity("video", f"{name}:hash:16", "fp32", WEIGHTS) for name in ("frames", "keyframes"))
    assert key.id != fixed.id
    assert (key.width, key.fields["recipe"]) == (16, {"frames": 4, "name": "key frames", "version": 1})
    first, again = (encode(encoders.load(key), [ref]) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, encode(encoders.load(fixed), [ref]))
