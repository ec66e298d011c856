"""Films: which are read and which are refused and why, which frames are looked at, and what their vectors are."""

import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from mmrec import encoders
from mmrec.encoders import running
from mmrec.encoders.recipes import FrameRecipe
from mmrec.errors import MmrecError
from mmrec.media import decoded as reading
from mmrec.media import pool
from mmrec.media.decoded import read_frames
from mmrec.media.film import decode
from mmrec.media.opening import BadMedia, MediaRef
from mmrec.media.pool import Decoders
from tests.helpers.clips import WEIGHTS, cut, encode, film, needs_weights, registered, sound, sound_only

weights = needs_weights("efficientnet-lite0")
FRACTIONS = FrameRecipe().fractions()


@pytest.fixture(scope="module")
def decoders():
    made = Decoders()
    yield made
    made.close()


def hashing(name="frames:hash:16"):
    return encoders.load(encoders.identity("video", name, "fp32", WEIGHTS))


def greys(frames):
    return [float(frame.mean()) for frame in frames]


# Reading

KINDS = [("a.mp4", "mpeg4"), ("a.mov", "mpeg4"), ("a.webm", "libvpx"), ("a.mkv", "mpeg4"), ("a.avi", "mpeg4")]


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_the_first_frames_at_or_after_the_middles_of_four_quarters_are_read(decoders, tmp_path, name, codec):
    frames = read_frames(decoders, film(tmp_path / name, codec=codec), FRACTIONS)
    assert [(frame.shape, frame.dtype) for frame in frames] == [((48, 64, 3), np.uint8)] * 4
    np.testing.assert_allclose(greys(frames), [3 * 10, 3 * 29, 3 * 47, 3 * 66], atol=3)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_short_film_shows_its_frames_more_than_once(decoders, tmp_path, frames):
    bright = film(tmp_path / "a.mp4", frames, draw=lambda number: np.full((48, 64, 3), 100 + 50 * number, np.uint8))
    shown = {1: [100] * 4, 2: [150] * 4, 3: [150, 200, 200, 200]}[frames]
    np.testing.assert_allclose(greys(read_frames(decoders, bright, FRACTIONS)), shown, atol=4)


def test_frames_do_not_depend_on_where_decoding_can_start(decoders, tmp_path):
    def steps(number):
        return np.full((48, 64, 3), 10 * number, np.uint8)

    for distance in (3, 300):
        ref = film(tmp_path / f"{distance}.mp4", frames=25, draw=steps, g=str(distance))
        np.testing.assert_allclose(greys(read_frames(decoders, ref, FRACTIONS)), [40, 100, 160, 220], atol=4)


def test_frames_are_turned_upright(decoders, tmp_path):
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, :32] = 255
    ref = film(tmp_path / "a.mp4", frames=4, draw=lambda number: half)
    data = bytearray(ref.path.read_bytes())
    straight = b"".join(value.to_bytes(4, "big") for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
    clockwise = b"".join(value.to_bytes(4, "big") for value in (0, 0x10000, 0, 0xFFFF0000, 0, 0, 0, 0, 0x40000000))
    at = data.index(straight, data.index(b"tkhd"))
    data[at : at + len(clockwise)] = clockwise
    ref.path.write_bytes(data)
    frame = read_frames(decoders, registered(ref.path), [0.5])[0]
    assert frame.shape == (64, 48, 3)
    assert frame[:28].mean() > 240 > 15 > frame[36:].mean()


def test_a_title_in_another_alphabet_is_no_damage(decoders, tmp_path):
    ref = film(tmp_path / "a.mkv", frames=4, title="TITLE")
    data = ref.path.read_bytes()
    assert b"TITLE" in data
    assert len(read_frames(decoders, written(ref.path, data.replace(b"TITLE", b"\xff\xfe\xc3\x28\x80")), [0.5])) == 1


def written(path, data):
    path.write_bytes(data)
    return registered(path)


def naming_another(root):
    other = film(root / "other.mp4")
    return written(root / "a.mp4", f"ffconcat version 1.0\nfile {other.path.name}\n".encode())


FAST = {"movflags": "faststart"}
CLUSTERS = {"cluster_time_limit": "500"}
CLUSTER = b"\x1f\x43\xb6\x75"


def fitted(ref):
    """Cuts the frames, which come last, and makes their size right."""
    data = ref.path.read_bytes()
    at = data.index(b"mdat") - 4
    kept = (len(data) - at) // 2
    return written(ref.path, data[:at] + kept.to_bytes(4, "big") + data[at + 4 : at + kept])


def shorter(ref):
    """Leaves the last frames out of a film that does not say its size, only how long it is."""
    data = ref.path.read_bytes()
    at = data.index(b"\x18\x53\x80\x67") + 4
    return written(ref.path, data[:at] + b"\x01" + b"\xff" * 7 + data[at + 8 : data.rindex(CLUSTER)])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda root: cut(film(root / "a.mp4"), 0.5), r"cut short: [\d,]+ bytes of [\d,]+ are there"),
        (lambda root: fitted(film(root / "a.mp4", options=FAST)), "damaged or cut short: a part of it is missing"),
        (lambda root: shorter(film(root / "a.mkv", options=CLUSTERS)), r"cut short: \d\.\d seconds of 3\.0 are there"),
        (lambda root: cut(film(root / "a.avi"), 0.6), "cut short"),
        (lambda root: cut(film(root / "a.mkv"), 0.02), "cut short"),
        (naming_another, "not a film of a known kind"),
        (lambda root: sound_only(root / "a.mp4"), "the film holds no pictures"),
        (lambda root: film(root / "a.mp4", frames=0), "the film holds no pictures"),
        (lambda root: film(root / "a.mp4", frames=130), "too long: 5 seconds, allowed 4"),
        (lambda root: film(root / "a.mp4", 4, (256, 64)), "too many pixels: 256 × 64, allowed 10,000 in all"),
        (lambda root: written(root / "a.mp4", b""), "the file is empty"),
        (lambda root: written(root / "a.mp4", b"\0\0\0\x18ftypisom" + bytes(500)), "damaged"),
        (lambda root: sound(root / "a.wav"), "not a film of a known kind"),
        (lambda root: MediaRef(root / "none.mp4", root, ""), "the file does not exist"),
        (lambda root: MediaRef(film(root / "a.mp4", 2).path, root, "0" * 64), "changed since it was registered"),
    ],
)
def test_bad_films_are_refused_with_a_reason(decoders, tmp_path, monkeypatch, make, reason):
    monkeypatch.setattr(reading, "MAX_FILM_SECONDS", 4)
    monkeypatch.setattr(reading, "MAX_FILM_PIXELS", 10_000)
    with pytest.raises(BadMedia, match=reason) as refused:
        read_frames(decoders, make(tmp_path), FRACTIONS)
    assert str(tmp_path) not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.timeout(20)
def test_links_and_pipes_are_refused(decoders, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    outside = film(tmp_path / "a.mp4", 2)
    (root / "link.mp4").symlink_to(outside.path)
    with pytest.raises(BadMedia, match="symbolic link"):
        read_frames(decoders, MediaRef(root / "link.mp4", root, outside.sha256), FRACTIONS)
    os.mkfifo(root / "pipe.mp4")
    with pytest.raises(BadMedia, match="not a regular file"):
        read_frames(decoders, MediaRef(root / "pipe.mp4", root, outside.sha256), FRACTIONS)


WAYS = {
    "WebM": ("a.webm", "libvpx", {}),
    "WebM in VP9": ("a.webm", "libvpx-vp9", {}),
    "WebM, live": ("a.webm", "libvpx-vp9", CLUSTERS | {"live": "1"}),
    "MKV": ("a.mkv", "mpeg4", {}),
    "AVI": ("a.avi", "mpeg4", {}),
    "MP4": ("a.mp4", "mpeg4", {}),
    "MP4 that begins with its index": ("a.mp4", "mpeg4", FAST),
    "MP4 in fragments": ("a.mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
}


def decoded(data, path):
    """The greys of two frames, decoded in this process."""
    path.write_bytes(data)
    with path.open("rb", buffering=0) as file:
        return greys(decode(file, fractions=[0.25, 0.75], max_seconds=60, max_pixels=10_000)[1])


@pytest.mark.parametrize(("name", "codec", "options"), WAYS.values(), ids=WAYS)
def test_a_film_is_read_whole_or_not_at_all(tmp_path, name, codec, options):
    data = film(tmp_path / name, frames=40, codec=codec, options=options, g="10").path.read_bytes()
    np.testing.assert_allclose(decoded(data, tmp_path / name), [3 * 10, 3 * 30], atol=4)
    for lost in (1, 2, 5, 8, 9, 40, 150, 400, len(data) // 3):
        with pytest.raises(BadMedia, match=r"cut short|damaged|no pictures"):
            decoded(data[:-lost], tmp_path / name)


def without_sizes(data):
    """A live WebM as a browser records it, whose clusters do not say their sizes either."""
    opened, at = bytearray(data), data.find(CLUSTER)
    while at >= 0:
        size_bytes = 9 - opened[at + 4].bit_length()
        opened[at + 4 : at + 4 + size_bytes] = (2 ** (7 * size_bytes + 1) - 1).to_bytes(size_bytes, "big")
        at = data.find(CLUSTER, at + 4)
    return bytes(opened)


def test_a_live_film_of_clusters_without_sizes_is_read_where_its_last_frame_is_whole(tmp_path):
    data = film(tmp_path / "a.webm", 40, codec="libvpx", options=WAYS["WebM, live"][2], g="10").path.read_bytes()
    opened = without_sizes(data)
    assert opened != data and opened.count(CLUSTER) > 1
    assert decoded(opened, tmp_path / "b.webm") == decoded(data, tmp_path / "c.webm")
    for lost in (1, 10, 50):
        with pytest.raises(BadMedia, match=r"cut short: [\d,]+ bytes of [\d,]+ are there"):
            decoded(opened[:-lost], tmp_path / "b.webm")


def test_a_count_too_great_by_a_header_is_no_cut_in_an_avi(tmp_path):
    data = film(tmp_path / "a.avi", 10).path.read_bytes()
    counted = data[:4] + len(data).to_bytes(4, "little") + data[8:]
    assert decoded(counted, tmp_path / "b.avi") == decoded(data, tmp_path / "c.avi")
    with pytest.raises(BadMedia, match="cut short"):
        decoded(counted[:-4], tmp_path / "b.avi")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_follows_the_last_part_is_passed_over(tmp_path, name):
    data = film(tmp_path / name, 10).path.read_bytes()
    assert decoded(data + b"more\xff\xff\xff\xff" * 4, tmp_path / name) == decoded(data, tmp_path / name)


@pytest.mark.parametrize(("name", "codec"), KINDS[2:])
def test_flipped_bytes_never_raise_anything_but_bad_media(decoders, tmp_path, name, codec):
    data = film(tmp_path / name, frames=10, codec=codec).path.read_bytes()
    chance = np.random.default_rng(7)
    for _ in range(30):
        damaged = bytearray(data)
        for at in chance.integers(0, len(data), 4):
            damaged[at] ^= int(chance.integers(1, 256))
        try:
            assert len(read_frames(decoders, written(tmp_path / name, bytes(damaged)), FRACTIONS)) == 4
        except BadMedia as error:
            assert str(error)


# Vectors


def test_the_identity_holds_that_of_the_image_encoder(tmp_path):
    narrow, wide = (encoders.identity("video", f"frames:hash:{width}", "fp32", tmp_path) for width in (8, 9))
    assert (narrow.width, wide.width) == (8, 9)
    assert narrow.fields["image"] == encoders.identity("image", "hash:8", "fp32", tmp_path).fields
    assert narrow.fields["recipe"] == {"frames": 4, "name": "frames", "version": 1}
    ids = {narrow.id, wide.id, encoders.identity("video", "frames:hash:8", "bf16", tmp_path).id}
    assert len(ids | {encoders.identity("video", "hash:8", "fp32", tmp_path).id}) == 4
    with pytest.raises(MmrecError, match="unknown image encoder 'frames:hash:8'"):
        encoders.identity("video", "frames:frames:hash:8", "fp32", tmp_path)
    with pytest.raises(MmrecError, match="weights of efficientnet-lite0 not found"):
        encoders.identity("video", "frames:efficientnet-lite0", "fp32", tmp_path)


def test_without_the_film_decoder_the_identity_is_known_and_loading_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "find_spec", lambda name: None)
    identity = encoders.identity("video", "frames:hash:8", "fp32", tmp_path)
    with pytest.raises(MmrecError, match=r"the package `av` is not installed; run pip install 'mmrec\[video\]'"):
        encoders.load(identity)


def test_bad_films_are_failures_and_their_neighbours_are_encoded(tmp_path):
    good = [film(tmp_path / f"{n}.mp4", frames=5 + n) for n in range(4)]
    bad = {
        "cut": cut(film(tmp_path / "a.mkv"), 0.5),
        "text": naming_another(tmp_path),
        "stale": MediaRef(good[0].path, good[0].root, "0" * 64),
    }
    keys = [*bad, *map(str, range(4))]
    encoder = hashing()
    chunks = list(running.run(encoder, keys, [*bad.values(), *good], chunk_seconds=0, seed=3, block_rows=3))
    assert {key for chunk in chunks for key in chunk.failed} == bad.keys()
    vectors = {key: vector for chunk in chunks for key, vector in zip(chunk.keys, chunk.vectors, strict=True)}
    np.testing.assert_array_equal([vectors[str(n)] for n in range(4)], encode(encoder, good))
    np.testing.assert_allclose(np.linalg.norm(encode(encoder, good), axis=1), 1, atol=1e-6)


@weights
def test_a_film_is_the_mean_of_its_frames_and_batch_mates_never_change_it(decoders, tmp_path):
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, 256, (30, 6, 8, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    refs = [
        film(tmp_path / f"{n}.webm", 10, codec="libvpx", draw=lambda number, n=n: drawn[10 * n + number])
        for n in range(2)
    ]
    encoder = hashing("frames:efficientnet-lite0")
    vectors = encode(encoder, refs)
    assert vectors.shape == (2, 1280)
    np.testing.assert_array_equal(encode(encoder, refs[::-1], 1)[::-1], vectors)
    pictures = []
    for number, frame in enumerate(read_frames(decoders, refs[0], FRACTIONS)):
        path = tmp_path / f"{number}.png"
        Image.fromarray(frame).save(path)
        pictures.append(MediaRef(path, tmp_path, hashlib.sha256(path.read_bytes()).hexdigest()))
    lite = encoders.load(encoders.identity("image", "efficientnet-lite0", "fp32", WEIGHTS), "cpu")
    mean = encode(lite, pictures).mean(axis=0)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-6)
