"""Draws a stand-in clip for a film: the motif and palette of its poster in motion, no picture of the real one.

Here: what a stand-in clip is, its frames and its encoding. The same film gives the same bytes on every run with the
same Pillow and PyAV. Not here: how a genre moves (`motions.py`), motifs, palettes and the label (`posters.py` and its
parts), writing files (`media.py`).

A clip is a second and a half of its genre's camera over the motif, with shapes that fly by, and the label STAND-IN on
every frame.
"""

import io
import math
import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from PIL import Image, ImageEnhance

from demo.films import Film, bits
from demo.motifs import ranked
from demo.motions import MOTIONS, Motion
from demo.palettes import Palette
from demo.pen import SCALE, Pen, canvas
from demo.posters import LABEL_BOX, chosen, label
from demo.titles import readable

RECIPE = 1  # raise it when a change here, or in a part, changes any clip's bytes
SIZE = WIDTH, HEIGHT = 192, 144
FRAMES, FRAMES_PER_SECOND = 15, 10
LABEL_AT = (WIDTH - (LABEL_BOX[2] - LABEL_BOX[0]) - 6, 6)
_BITS_PER_SECOND = 400_000
_SCENE = 240, 180  # what the camera moves over
_FINER = 2  # pixels of the scene a pixel of a frame, so that zooming in stays sharp


def clip_bytes(film: Film) -> bytes:
    """The stand-in as an MP4 file: MPEG-4 Part 2, no sound, no time of making."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as mp4:
        mp4.metadata["title"] = f"STAND-IN for {readable(film.title)}"
        mp4.metadata["comment"] = "STAND-IN: drawn from the film's genres; not from the film"
        stream = mp4.add_stream("mpeg4", rate=FRAMES_PER_SECOND)
        stream.width, stream.height = SIZE
        coder = stream.codec_context
        coder.bit_rate, coder.thread_count = _BITS_PER_SECOND, 1
        coder.flags |= av.codec.context.Flags.bitexact
        for frame in draw(film):
            mp4.mux(stream.encode(av.VideoFrame.from_image(frame)))
        mp4.mux(stream.encode())
    return file.getvalue()


def draw(film: Film) -> Iterator[Image.Image]:
    """The stand-in's frames, RGB of `SIZE`."""
    palette, _, motif, _ = chosen(film)
    rng = random.Random(bits("clip", film.item_id))
    motion = MOTIONS[ranked(film.genres)[0]]
    large = canvas(_SCENE, palette.ground)
    motif(Pen(large), palette, rng)
    scene = large.resize((_SCENE[0] * _FINER, _SCENE[1] * _FINER), Image.Resampling.BOX)
    flying = list(_flying(motion, palette, rng))
    sense = rng.choice((-1, 1))
    for number in range(FRAMES):
        t = number / (FRAMES - 1)
        frame = _seen(scene, motion, t, sense, rng)
        for shape in flying:
            shape.paste(frame, t, sense)
        frame = ImageEnhance.Brightness(frame).enhance(1 - motion.flicker * rng.random())
        frame.paste(label(), LABEL_AT)
        yield frame


def _seen(scene: Image.Image, motion: Motion, t: float, sense: int, rng: random.Random) -> Image.Image:
    """What the camera sees at a time from 0 to 1."""
    zoom = motion.zoom[0] + (motion.zoom[1] - motion.zoom[0]) * t
    angle = math.radians(motion.turn * (t - 0.5)) * sense
    x = scene.width * (0.5 + motion.pan[0] * (t - 0.5) * sense + rng.uniform(-1, 1) * motion.shake)
    y = scene.height * (0.5 + motion.pan[1] * (t - 0.5) + rng.uniform(-1, 1) * motion.shake)
    y -= scene.height * 0.09 * abs(math.sin(math.pi * motion.bounces * t))
    across, along = math.cos(angle) * _FINER / zoom, math.sin(angle) * _FINER / zoom
    left = x - across * WIDTH / 2 + along * HEIGHT / 2
    top = y - along * WIDTH / 2 - across * HEIGHT / 2
    data = (across, -along, left, along, across, top)
    return scene.transform(SIZE, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)


class _Shape(NamedTuple):
    mask: Image.Image
    colour: tuple[int, ...]
    start: tuple[float, float]
    way: tuple[float, float]

    def paste(self, frame: Image.Image, t: float, sense: int) -> None:
        """Draws itself where it is at that time; what leaves on one side comes in on the other."""
        side = self.mask.width
        x = (self.start[0] + self.way[0] * t * sense) % 1 * (WIDTH + side) - side
        y = (self.start[1] + self.way[1] * t) % 1 * (HEIGHT + side) - side
        frame.paste(self.colour, (round(x), round(y)), self.mask)


def _flying(motion: Motion, palette: Palette, rng: random.Random) -> Iterable[_Shape]:
    colours = (palette.light, palette.accent, palette.main)
    for _ in range(motion.shapes):
        mask = _mask(motion.shape, rng.randint(7, 22))
        speed = rng.uniform(0.7, 1.3)
        way = motion.way[0] * speed, motion.way[1] * speed
        yield _Shape(mask, rng.choice(colours), (rng.random(), rng.random()), way)


def _mask(shape: str, side: int) -> Image.Image:
    large = canvas((side, side), (0, 0, 0))
    pen, middle, white = Pen(large), side / 2, (255, 255, 255)
    if shape == "disc":
        pen.disc(middle, middle, middle, white)
    elif shape == "ring":
        pen.ring(middle, middle, middle, side * 0.16, white)
    elif shape == "strip":
        pen.box(middle - side * 0.08, 0, middle + side * 0.08, side, white)
    else:
        points, waist = (5, 0.42) if shape == "star" else (4, 0.22)
        pen.star(middle, middle, middle, white, points=points, waist=waist)
    return large.convert("L").reduce(SCALE)
