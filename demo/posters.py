"""Draws a stand-in poster for a film from its title, genres and year: no picture of the real one is used.

Belongs here: everything that decides the bytes of a stand-in. The same film gives the same bytes on every run with
the same Pillow, whatever else is drawn. Does not belong here: reading the catalogue, writing files (`demo/fetch.py`).

A poster is a picture (a motif of the film's most telling genre, in one of that genre's palettes), the title set as
large as it fits, the year, a surface of its decade, and a label that says STAND-IN.
"""



import hashlib
import io
import math
import random
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFont

RECIPE = 1  # raise it when a change here changes any poster's bytes
SIZE = WIDTH, HEIGHT = 184, 276
MISSING_SHARE = 0.08
_SCALE = 3  # pictures are drawn this much larger and reduced, which smooths every edge
_MARGIN = 13
_LABEL = "STAND-IN"
_LABEL_SIZE = 62, 15
LABEL_BOX = (WIDTH - _LABEL_SIZE[0] - 8, 8, WIDTH - 8, 8 + _LABEL_SIZE[1])  # left, top, right, bottom

Point = tuple[float, float]
Colour = tuple[int, ...]


class Film(NamedTuple):
    """One catalogue entry as delivered: genres separated by spaces, the year a text that may not be a number."""

    item_id: str
    title: str
    genres: str
    year: str


class Palette(NamedTuple):
    """Five colours, from the darkest to the lightest; ground carries the motif, main and accent draw it."""

    deep: Colour
    ground: Colour
    main: Colour
    accent: Colour
    light: Colour


def has_poster(item_id: str) -> bool:
    """Whether the film gets a stand-in: about 8 % do not, so that a missing modality is seen."""
    return _hash("has-poster", item_id) >= MISSING_SHARE * 2**64


def poster_name(item_id: str) -> str:
    """The file name of a film's stand-in."""
    return f"{item_id}.jpg"


def poster_bytes(film: Film) -> bytes:
    """The stand-in as a JPEG file."""
    file = io.BytesIO()
    draw(film).save(file, "JPEG", quality=85, subsampling=0, optimize=True)
    return file.getvalue()


def draw(film: Film) -> Image.Image:
    """The stand-in as an RGB image of `SIZE`."""
    rng = random.Random(_hash("poster", film.item_id))
    genres = _ranked(film.genres)
    palette = _palette(rng.choice(_PALETTES[genres[0]]))
    large = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), palette.ground)
    layout = rng.choice(_LAYOUTS)
    layout(large, film, palette, rng.choice(_MOTIFS[genres[0]]), rng)
    poster = ImageChops.overlay(large.reduce(_SCALE), _surface(_decade(film.year)))
    poster.paste(label(), LABEL_BOX[:2])
    return poster


@lru_cache(maxsize=1)
def label() -> Image.Image:
    """The mark that every stand-in carries, the same pixels on each."""
    width, height = _LABEL_SIZE
    large = Image.new("RGB", (width * _SCALE, height * _SCALE), (250, 247, 240))
    pen = Pen(large)
    pen.box(1, 1, width - 1, height - 1, (24, 24, 27))
    pen.caps(_LABEL, width / 2, height / 2 - 5.1, 9, (250, 247, 240), spacing=1.1, centred=True)
    return large.reduce(_SCALE)


# ---- the pen -------------------------------------------------------------------------------------------------------


class Pen:
    """Draws on an image that is `_SCALE` times larger than the coordinates it is given; colours may carry alpha."""

    def __init__(self, image: Image.Image) -> None:
        self.draw = ImageDraw.Draw(image, "RGBA")
        self.width = image.width / _SCALE
        self.height = image.height / _SCALE

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """A filled rectangle."""
        s = _SCALE
        self.draw.rectangle((round(left * s), round(top * s), round(right * s) - 1, round(bottom * s) - 1), fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour, flat: float = 1) -> None:
        """A filled circle, or an ellipse `flat` times as high."""
        self.draw.ellipse(_around(x, y, radius, flat), fill)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour, flat: float = 1) -> None:
        """A circle's outline, `width` thick inwards."""
        self.draw.ellipse(_around(x, y, radius, flat), outline=colour, width=round(width * _SCALE))

    def arc(self, x: float, y: float, radius: float, start: float, end: float, width: float, colour: Colour) -> None:
        """A part of a ring, in degrees clockwise from three o'clock."""
        self.draw.arc(_around(x, y, radius), start, end, colour, round(width * _SCALE))

    def slice(self, x: float, y: float, radius: float, start: float, end: float, fill: Colour) -> None:
        """A filled part of a disc, in degrees clockwise from three o'clock."""
        self.draw.pieslice(_around(x, y, radius), start, end, fill)

    def band(self, x: float, y: float, radius: float, top: float, low: float, fill: Colour) -> None:
        """The part of a disc between two heights, which run from -1 (its top) to 1."""
        heights = _span(max(top, -1), min(low, 1), 8)
        half = [(radius * math.sqrt(max(0, 1 - t * t)), y + radius * t) for t in heights]
        self.shape([*((x + dx, v) for dx, v in half), *((x - dx, v) for dx, v in reversed(half))], fill)

    def shape(self, points: list[Point], fill: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill)

    def trapeze(self, x: float, top: float, above: float, low: float, below: float, fill: Colour) -> None:
        """A symmetric trapeze around x, `above` and `below` half its width at its top and its foot."""
        self.shape([(x - above, top), (x + above, top), (x + below, low), (x - below, low)], fill)

    def line(self, points: list[Point], width: float, colour: Colour) -> None:
        """A line through the points, round at its joints."""
        path = [(x * _SCALE, y * _SCALE) for x, y in points]
        self.draw.line(path, colour, round(width * _SCALE), joint="curve")

    def star(self, x: float, y: float, radius: float, fill: Colour, points: int = 5, waist: float = 0.42) -> None:
        """A star that stands upright; `waist` is the inner radius as a share of the outer."""
        radii = (radius, radius * waist)
        turns = [(radii[i % 2], math.pi * (i / points - 0.5)) for i in range(2 * points)]
        self.shape([(x + r * math.cos(a), y + r * math.sin(a)) for r, a in turns], fill)

    def sign(self, text: str, x: float, y: float, size: float, weight: int, fill: Colour) -> None:
        """A large letter around the point, made bold by `weight`."""
        place = (x * _SCALE, y * _SCALE)
        self.draw.text(place, text, fill, _font(size), anchor="mm", stroke_width=weight, stroke_fill=fill)

    def caps(
        self, text: str, x: float, y: float, size: float, fill: Colour, spacing: float = 0.8, centred: bool = False
    ) -> None:
        """Small letterspaced capitals on one line, their top at y."""
        font = _font(size)
        widths = [font.getlength(letter) / _SCALE + spacing for letter in text]
        x -= (sum(widths) - spacing) / 2 if centred else 0
        for letter, width in zip(text, widths, strict=True):
            place = (x * _SCALE, y * _SCALE)
            self.draw.text(place, letter, fill, font, stroke_width=1, stroke_fill=fill)
            x += width


def _around(x: float, y: float, radius: float, flat: float = 1) -> tuple[float, float, float, float]:
    s = _SCALE
    return (x - radius) * s, (y - radius * flat) * s, (x + radius) * s, (y + radius * flat) * s


# ---- motifs: each fills the picture it is given -------------------------------------------------------------------

Motif = Callable[[Pen, Palette, random.Random], None]


def _sunburst(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y = pen.width * rng.uniform(0.3, 0.7), pen.height * rng.uniform(0.5, 0.72)
    rays = rng.choice((11, 14, 18))
    turn = rng.uniform(0, 360)
    for ray in range(rays):
        start = turn + ray * 360 / rays
        pen.slice(x, y, 300, start, start + 180 / rays, p.main)
    pen.star(x, y, pen.width * 0.36, p.deep, points=12, waist=0.62)
    pen.star(x, y, pen.width * 0.28, p.accent, points=12, waist=0.62)
    pen.star(x, y, pen.width * 0.16, p.light, points=12, waist=0.62)


def _shards(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    for step, colour in enumerate((p.main, p.accent, p.deep)):
        x = w * (0.1 + 0.27 * step + rng.uniform(-0.06, 0.06))
        pen.shape([(x + w * 0.45, -5), (x + w * 0.62, -5), (x + w * 0.08, h + 5), (x - w * 0.28, h + 5)], colour)
    x, y = w * 0.42, h * 0.5
    bolt = [(0.16, -0.42), (-0.2, 0.08), (0.0, 0.08), (-0.12, 0.44), (0.24, -0.08), (0.04, -0.08)]
    pen.shape([(x + dx * h * 0.95, y + dy * h * 0.95) for dx, dy in bolt], p.light)


def _peaks(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    pen.disc(w * rng.uniform(0.25, 0.7), h * rng.uniform(0.3, 0.42), w * 0.17, p.light)
    layers = ((p.accent, 0.42, 0.16), (p.main, 0.58, 0.14), (p.deep, 0.76, 0.1))
    for colour, base, rise in layers:
        points: list[Point] = [(-10, h + 5)]
        count = rng.randint(3, 4)
        for step in range(2 * count + 1):
            high = base - rise * rng.uniform(0.6, 1.3) if step % 2 else base + rise * rng.uniform(0.2, 0.8)
            points.append((-10 + (w + 20) * step / (2 * count), h * high))
        pen.shape([*points, (w + 10, h + 5)], colour)


def _compass(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, r = pen.width / 2, pen.height / 2 + 4, min(pen.width, pen.height) * 0.4
    pen.disc(x, y, r * 1.06, p.main)
    pen.ring(x, y, r * 0.94, 1.6, p.light)
    for tick in range(24):
        a = math.radians(tick * 15)
        inner = r * (0.72 if tick % 6 == 0 else 0.82)
        ends = [(x + d * math.cos(a), y + d * math.sin(a)) for d in (inner, r * 0.88)]
        pen.line(ends, 1.4, p.light)
    a = math.radians(rng.uniform(20, 70))
    tip, side = (math.cos(a) * r * 0.72, -math.sin(a) * r * 0.72), (math.sin(a) * r * 0.15, math.cos(a) * r * 0.15)
    sides = [(x + side[0], y + side[1]), (x - side[0], y - side[1])]
    pen.shape([(x + tip[0], y + tip[1]), *sides], p.accent)
    pen.shape([(x - tip[0], y - tip[1]), *sides], p.deep)
    pen.disc(x, y, r * 0.07, p.light)


def _eyes(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    pen.disc(w / 2, h * 1.06, w * 0.66, p.main)
    look, r = rng.uniform(-0.6, 3.7), w * 0.17
    for side in (-1, 1):
        x, y = w / 2 + side * w * 0.18, h * 0.52
        pen.disc(x, y - h * 0.02, r * 1.22, p.main)
        pen.disc(x, y, r, p.light)
        px, py = x + r * 0.36 * math.cos(look), y + r * 0.36 * math.sin(look)
        pen.disc(px, py, r * 0.52, p.deep)
        pen.disc(px + r * 0.17, py - r * 0.19, r * 0.15, p.light)
    pen.disc(w / 2, h * 0.8, w * 0.07, p.accent, flat=0.8)
    pen.star(w * rng.choice((0.14, 0.86)), h * 0.22, w * 0.055, p.accent, points=4, waist=0.32)


def _bounce(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    floor = h * 0.86
    pen.box(0, floor, w, h, p.main)
    for step in range(7):
        t = step / 6
        x, y = w * (0.1 + 0.76 * t), floor - w * 0.13 - abs(math.cos(t * 2.5 * math.pi)) * h * 0.5 * (1 - t * 0.45)
        alpha = round(40 + 215 * t**2)
        pen.disc(x, y, w * 0.13, (*p.accent, alpha))
    x, y = w * 0.86, floor - w * 0.13
    pen.disc(x - w * 0.04, y - w * 0.04, w * 0.035, p.light)
    pen.star(w * rng.uniform(0.15, 0.3), h * 0.24, w * 0.06, p.light, points=4, waist=0.3)


def _balloons(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    knot = (w * 0.5, h * 1.05)
    places = [(0.27, 0.44, p.main), (0.74, 0.5, p.deep), (0.5, 0.34, p.accent)]
    r = w * 0.18
    for across, down, colour in places:
        x, y = w * (across + rng.uniform(-0.03, 0.03)), h * (down + rng.uniform(-0.04, 0.04))
        pen.line([(x, y + r), knot], 1.2, p.light)
        pen.disc(x, y, r, colour, flat=1.18)
        pen.shape([(x, y + r * 1.1), (x - 4, y + r * 1.34), (x + 4, y + r * 1.34)], colour)
        pen.arc(x, y, r * 0.72, 200, 250, 2.4, (*p.light, 200))


def _rainbow(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    x, y = w * rng.uniform(0.42, 0.58), h * 0.8
    for step, colour in enumerate((p.accent, p.light, p.main, p.deep)):
        pen.disc(x, y, w * (0.46 - 0.085 * step), colour)
    pen.disc(x, y, w * 0.12, p.ground)
    pen.box(0, y, w, h, p.ground)
    for side in (-1, 1):
        for dx, dy, r in ((-0.1, 0.03, 0.1), (0.02, -0.03, 0.13), (0.13, 0.04, 0.09)):
            pen.disc(x + side * w * 0.34 + dx * w, y + dy * w, r * w, p.light)


def _smile(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    x, y, r = w * rng.uniform(0.42, 0.58), h * 0.54, w * 0.4
    pen.disc(x + 5, y + 6, r, (*p.deep, 70))
    pen.disc(x, y, r, p.accent)
    for side in (-1, 1):
        pen.disc(x + side * r * 0.36, y - r * 0.26, r * 0.11, p.deep, flat=1.5)
    if rng.random() < 0.5:
        pen.slice(x, y + r * 0.05, r * 0.62, 0, 180, p.deep)
        pen.slice(x, y + r * 0.05, r * 0.5, 12, 168, p.light)
    else:
        pen.arc(x, y - r * 0.08, r * 0.66, 25, 155, r * 0.12, p.deep)


def _tiles(pen: Pen, p: Palette, rng: random.Random) -> None:
    side = pen.width / 4
    colours = [p.main, p.accent, p.light, p.deep]
    for row in range(math.ceil(pen.height / side)):
        for column in range(4):
            x, y = column * side, row * side
            back, fore = rng.sample(colours, 2)
            pen.box(x, y, x + side, y + side, back if rng.random() < 0.6 else p.ground)
            corner = rng.randrange(6)
            if corner == 4:
                pen.disc(x + side / 2, y + side / 2, side * 0.3, fore)
            elif corner < 4:
                cx, cy = x + side * (corner in (1, 2)), y + side * (corner in (2, 3))
                pen.slice(cx, cy, side - 0.2, corner * 90, corner * 90 + 90, fore)


def _confetti(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    step = w / 5
    for row in range(-1, math.ceil(h / step) + 1):
        for column in range(6):
            x, y = (column + (row % 2) / 2) * step - 2, (row + 0.5) * step
            colour = rng.choice((p.main, p.accent, p.light, p.deep))
            start = rng.randrange(8) * 45
            pen.slice(x, y, step * 0.38, start, start + 180, colour)


def _fingerprint(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y = pen.width * rng.uniform(0.42, 0.58), pen.height * 0.56
    step = pen.width * 0.052
    for ring in range(1, 10):
        gap = rng.uniform(0, 360)
        colour = p.accent if ring % 4 == 1 else p.light
        for start, end in ((gap + 8, gap + 190), (gap + 204, gap + 352)):
            pen.draw.arc(_around(x, y, ring * step, 1.22), start, end, colour, round(step * 0.5 * _SCALE))


def _blinds(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    pen.box(0, 0, w, h, p.accent)
    x, r = w * rng.uniform(0.35, 0.65), w * 0.17
    pen.disc(x, h * 0.46, r, p.deep)
    pen.trapeze(x, h * 0.24, r * 0.8, h * 0.42, r * 1.15, p.deep)
    pen.box(x - r * 1.7, h * 0.4, x + r * 1.7, h * 0.45, p.deep)
    pen.trapeze(x, h * 0.72, w * 0.24, h + 2, w * 0.36, p.deep)
    slats = 11
    for slat in range(slats):
        top = h * slat / slats
        pen.box(0, top, w, top + h / slats * 0.42, (*p.ground, 235))


def _aperture(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, r = pen.width / 2, pen.height * 0.53, pen.width * 0.4
    pen.disc(x, y, r * 1.08, p.deep)
    blades, turn, hole = 7, rng.uniform(0, 50), rng.uniform(0.34, 0.5)
    for blade in range(blades):
        a, b = (math.radians(turn + (blade + k) * 360 / blades) for k in (0, 1))
        colour = (p.main, p.light, p.accent)[blade % 3] if blade < 6 else p.ground
        corner = (x + r * hole * math.cos(a), y + r * hole * math.sin(a))
        following = (x + r * hole * math.cos(b), y + r * hole * math.sin(b))
        rim = [(x + r * math.cos(a + t * (b - a)), y + r * math.sin(a + t * (b - a))) for t in (0.5, 0.8, 1.1, 1.5)]
        pen.shape([corner, *rim, following], colour)


def _contact(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    columns, rows, gap = 3, 3, 7
    cell, tall = (w - gap * (columns + 1)) / columns, (h - 30 - gap * (rows - 1)) / rows
    chosen = rng.randrange(1, columns * rows)
    for n in range(columns * rows):
        left, top = gap + (n % columns) * (cell + gap), 28 + (n // columns) * (tall + gap)
        pen.box(left, top, left + cell, top + tall, p.accent if n == chosen else p.main)
        level = top + tall * rng.uniform(0.45, 0.7)
        pen.box(left, level, left + cell, top + tall, p.deep)
        pen.disc(left + cell * rng.uniform(0.25, 0.75), level - tall * 0.14, tall * 0.14, p.light)


def _moonlit(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    _sky(pen, p.light, 26, rng)
    x, y, r = w * rng.uniform(0.36, 0.6), h * 0.4, w * 0.25
    pen.disc(x, y, r, p.light)
    pen.disc(x + r * 0.42, y - r * 0.18, r * 0.86, p.ground)
    towers = ((0.1, 0.13, 0.4), (0.3, 0.17, 0.55), (0.56, 0.13, 0.46), (0.76, 0.15, 0.34))
    for step, (left, wide, tall) in enumerate(towers):
        colour = (p.main, p.accent)[step % 2]
        top = h * (1 - tall * 0.62)
        pen.box(w * left, top, w * (left + wide), h + 2, colour)
        peak = (w * (left + wide / 2), top - h * 0.17)
        pen.shape([(w * left - 3, top), peak, (w * (left + wide) + 3, top)], p.deep)
        pen.box(peak[0] - 2, top + 9, peak[0] + 2, top + 18, p.deep)


def _lamplight(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    side = rng.choice((-1, 1))
    x, y = w / 2 - side * w * 0.24, h * 0.2
    pen.shape([(x - 3, y), (x + 3, y), (x + side * w * 0.72, h * 0.9), (x - side * w * 0.2, h * 0.9)], (*p.accent, 190))
    pen.disc(x + side * w * 0.26, h * 0.9, w * 0.46, (*p.light, 210), flat=0.16)
    pen.line([(x - side * w * 0.12, h), (x - side * w * 0.12, y - 6), (x, y - 6)], 3, p.deep)
    pen.trapeze(x, y - 8, 3, y + 3, 10, p.deep)
    f, foot, shadow = x + side * w * 0.3, h * 0.9, (*p.deep, 170)
    far = f + side * w * 0.43
    pen.shape([(f - 6, foot), (f + 6, foot), (far + side * w * 0.07, h + 12), (far - side * w * 0.07, h + 12)], shadow)
    pen.trapeze(f, foot - 42, 11, foot, 9, p.deep)
    pen.disc(f, foot - 49, 7.5, p.deep)
    pen.box(f - 13, foot - 54, f + 13, foot - 51, p.deep)
    pen.box(f - 7, foot - 62, f + 7, foot - 53, p.deep)


def _drips(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    pen.disc(w * rng.uniform(0.3, 0.7), h * 0.62, w * 0.24, p.light)
    pen.box(0, 0, w, h * 0.2, p.main)
    drops = 8
    wide = w / drops
    for drop in range(drops):
        x, low = (drop + 0.5) * wide, h * rng.choice((0.26, 0.36, 0.5, 0.64, 0.78))
        pen.box(x - wide * 0.36, h * 0.19, x + wide * 0.36, low, p.main)
        pen.disc(x, low, wide * 0.36, p.main)
        pen.disc(x - wide * 0.1, low, wide * 0.09, p.accent, flat=1.8)
        pen.disc((drop + 1) * wide, h * 0.2 + wide * 0.12, wide * 0.15, p.ground, flat=1.4)


def _eye(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, r = pen.width / 2, pen.height * 0.53, pen.width * 0.44
    for step in range(9, 0, -1):
        pen.ring(x, y, r * (0.5 + step * 0.19), 1.1, (*p.main, 150))
    lids = [(x + r * math.cos(t), y - r * 0.56 * math.sin(t) * abs(math.sin(t)) ** 0.35) for t in _turn(48)]
    pen.shape(lids, p.light)
    pen.disc(x, y, r * 0.46, p.accent)
    pen.disc(x, y, r * 0.46 * 0.8, p.main)
    if rng.random() < 0.6:
        pen.disc(x, y, r * 0.1, p.deep, flat=4)
    else:
        pen.disc(x, y, r * 0.22, p.deep)
    pen.disc(x + r * 0.15, y - r * 0.17, r * 0.07, p.light)


def _record(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, r = pen.width * rng.uniform(0.35, 0.65), pen.height * 0.55, pen.width * 0.44
    pen.disc(x, y, r, p.deep)
    for step in range(7):
        pen.ring(x, y, r * (0.94 - step * 0.075), 0.7, (*p.light, 60))
    turn = rng.uniform(0, 180)
    for start in (turn, turn + 180):
        pen.slice(x, y, r * 0.96, start, start + 24, (*p.light, 50))
    pen.disc(x, y, r * 0.36, p.accent)
    pen.arc(x, y, r * 0.27, turn, turn + 140, 2, p.light)
    pen.disc(x, y, r * 0.06, p.light)


def _equaliser(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    bars = 9
    wide = (w - 26) / bars
    for bar in range(bars):
        swell = math.sin((bar + 0.8) / bars * math.pi)
        blocks = max(1, round(swell * rng.uniform(6, 10)))
        for block in range(blocks):
            colour = p.light if block == blocks - 1 else p.accent if block > 5 else p.main
            left, low = 13 + bar * wide, h - 12 - block * h * 0.078
            pen.box(left + 1.5, low - h * 0.056, left + wide - 1.5, low, colour)


def _keyhole(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, w = pen.width / 2, pen.height * 0.45, pen.width
    for step in range(6, 0, -1):
        pen.disc(x, y + 8, w * (0.2 + step * 0.095), (p.main, p.ground)[step % 2])
    pen.disc(x, y, w * 0.17, p.light)
    pen.shape([(x - 8, y), (x + 8, y), (x + w * 0.15, y + w * 0.42), (x - w * 0.15, y + w * 0.42)], p.light)
    pen.disc(x + rng.choice((-4, 4)), y + 2, w * 0.075, p.deep)
    pen.shape([(x - 9, y + w * 0.42), (x + 9, y + w * 0.42), (x + 3, y + 12), (x - 3, y + 12)], p.deep)


def _lens(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    for row in range(math.ceil(h / 15)):
        pen.box(0, row * 15, w, row * 15 + 7, (*p.main, 150))
    x, y, r = w * 0.44, h * rng.uniform(0.42, 0.5), w * 0.27
    a = math.radians(rng.uniform(38, 54))
    ends = [(x + d * math.cos(a), y + d * math.sin(a)) for d in (r, r * 2.3)]
    pen.line(ends, 13, p.deep)
    pen.disc(x, y, r * 1.14, p.deep)
    pen.disc(x, y, r * 0.96, p.accent)
    pen.sign("?", x, y, r * 1.3, 4, p.deep)
    pen.arc(x, y, r * 0.78, 190, 240, 3, (*p.light, 220))


def _union(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, y = pen.width, pen.height * rng.uniform(0.48, 0.56)
    r, apart = w * 0.28, w * rng.uniform(0.12, 0.17)
    pen.disc(w / 2 - apart, y, r, p.main)
    pen.disc(w / 2 + apart, y, r, p.accent)
    half = math.acos(apart / r)
    right = [(w / 2 - apart + r * math.cos(t), y + r * math.sin(t)) for t in _span(-half, half, 20)]
    left = [(w / 2 + apart - r * math.cos(t), y - r * math.sin(t)) for t in _span(-half, half, 20)]
    pen.shape([*right, *left], p.light)


def _heart(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, r = pen.width / 2, pen.height * 0.55, pen.width * 0.026
    layers = [(1.0, p.main), (0.72, p.accent), (0.44, p.light)][: rng.randint(2, 3)]
    for size, colour in layers:
        curve = [(16 * math.sin(t) ** 3, -_heart_height(t)) for t in _turn(60)]
        pen.shape([(x + dx * r * size, y + dy * r * size) for dx, dy in curve], colour)


def _heart_height(t: float) -> float:
    return 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)


def _planet(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    _sky(pen, p.light, 44, rng)
    x, y, r = w * rng.uniform(0.42, 0.58), h * 0.55, w * 0.26
    tilt = rng.choice((-0.32, 0.32))
    ring = [(r * 1.68 * math.cos(t), r * 0.4 * math.sin(t)) for t in _span(0, 2 * math.pi, 60)]
    cos, sin = math.cos(tilt), math.sin(tilt)
    turned = [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ring]
    pen.line(turned[30:], 5, p.accent)
    pen.disc(x, y, r, p.main)
    for top in rng.sample((-0.75, -0.42, 0.3, 0.62), 2):
        pen.band(x, y, r, top, top + rng.uniform(0.14, 0.26), (*p.light, 70))
    pen.line(turned[:31], 5, p.light)


def _grid(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    _sky(pen, p.light, 30, rng)
    level, x, r = h * 0.66, w / 2, w * rng.uniform(0.28, 0.34)
    pen.disc(x, level - r * 0.62, r, p.accent)
    for step in range(6):
        top = -0.12 + step * 0.19
        pen.band(x, level - r * 0.62, r + 1, top, top + 0.03 + step * 0.014, p.ground)
    pen.box(0, level, w, h, p.deep)
    for line in range(-8, 9):
        pen.line([(x + line * w * 0.05, level), (x + line * w * 0.34, h + 4)], 1.1, p.main)
    for line in range(7):
        y = level + (h - level) * (line / 6) ** 1.9
        pen.line([(0, y), (w, y)], 1.1, p.main)
    pen.line([(0, level), (w, level)], 1.8, p.light)


def _spiral(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y = pen.width * rng.uniform(0.4, 0.6), pen.height * rng.uniform(0.46, 0.56)
    turn, sense = rng.uniform(0, 6), rng.choice((-1, 1))
    for arm in range(3):
        outer, inner = [], []
        for step in range(70):
            t, r = step * 0.105, 2 + step**1.28 * 0.62
            a = turn + sense * t + arm * 2 * math.pi / 3
            outer.append((x + r * math.cos(a), y + r * math.sin(a)))
            inner.append((x + r * math.cos(a + 0.85), y + r * math.sin(a + 0.85)))
        pen.shape([*outer, *reversed(inner)], (p.main, p.accent, p.main)[arm])
    pen.disc(x, y, 5, p.light)


def _tunnel(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y, twist = pen.width / 2, pen.height * 0.54, rng.uniform(4, 9) * rng.choice((-1, 1))
    colours = (p.main, p.ground, p.accent, p.ground)
    for step in range(13):
        r, a = pen.width * 1.15 * 0.82**step, math.radians(45 + twist * step)
        corners = [(x + r * math.cos(a + k * math.pi / 2), y + r * math.sin(a + k * math.pi / 2)) for k in range(4)]
        pen.shape(corners, p.light if step == 12 else colours[step % 4])


def _chevrons(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    step = h * 0.17
    for row in range(7):
        y = h * 0.38 + row * step
        points = [(0, y + w * 0.22), (w / 2, y), (w, y + w * 0.22)]
        lower = [(a, b + step * 0.52) for a, b in reversed(points)]
        pen.shape([*points, *lower], (p.main, p.accent, p.deep)[row % 3])
    pen.star(w * rng.choice((0.3, 0.5)), h * 0.27, w * 0.13, p.light)


def _searchlights(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    for x, lean in ((0.12, rng.uniform(0.3, 0.5)), (0.5, rng.uniform(-0.15, 0.15)), (0.88, rng.uniform(-0.5, -0.3))):
        foot, far = w * x, w * (x + lean)
        pen.shape([(foot - 3, h), (foot + 3, h), (far + 26, -4), (far - 26, -4)], (*p.accent, 120))
    pen.disc(w * 0.5, h * 0.36, w * 0.11, p.light)
    points: list[Point] = [(-4, h + 4)]
    for step in range(11):
        top = h * rng.uniform(0.68, 0.86)
        points += [(w * step / 11, top), (w * (step + 1) / 11, top)]
    pen.shape([*points, (w + 4, h + 4)], p.deep)


def _mesa(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    x = w * rng.uniform(0.35, 0.65)
    pen.disc(x, h * 0.5, w * 0.3, p.accent)
    pen.disc(x, h * 0.5, w * 0.21, p.light)
    for left, wide, top, colour in ((-0.1, 0.5, 0.52, p.main), (0.62, 0.5, 0.58, p.main)):
        a, b = w * left, w * (left + wide)
        pen.shape([(a, h * 0.78), (a + 12, h * top), (b - 12, h * top), (b, h * 0.78)], colour)
    pen.box(0, h * 0.76, w, h, p.deep)
    cx, ground = w * rng.choice((0.26, 0.72)), h * 0.86
    for points in ([(0, 0), (0, -62)], [(0, -22), (-15, -22), (-15, -42)], [(0, -30), (15, -30), (15, -52)]):
        path = [(cx + a, ground + b) for a, b in points]
        pen.line(path, 8, p.deep)
        pen.disc(*path[-1], 4, p.deep)
        pen.disc(*path[1], 4, p.deep)


def _arches(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    x, top = w * rng.uniform(0.42, 0.58), h * 0.22
    for step, colour in enumerate((p.main, p.light, p.accent, p.deep)):
        r = w * (0.4 - step * 0.09)
        y = top + w * 0.4
        pen.disc(x, y, r, colour)
        pen.box(x - r, y, x + r, h + 2, colour)
    pen.disc(x + w * rng.choice((-0.02, 0.03)), h * 0.93, w * 0.05, p.light)


def _horizon(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    level, x, r = h * 0.58, w * rng.uniform(0.32, 0.68), w * 0.27
    pen.disc(x, level, r, p.accent)
    pen.box(0, level, w, h, p.deep)
    for step in range(8):
        y = level + 5 + step * (h - level) / 8
        half = r * (1 - step * 0.1) * rng.uniform(0.6, 1)
        pen.box(x - half, y, x + half, y + 3.2, (p.accent, p.main)[step % 2])
    pen.box(0, level, w, level + 1.4, p.light)


def _waves(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    pen.disc(w * rng.uniform(0.28, 0.62), h * 0.36, w * 0.17, p.light)
    phase, length = rng.uniform(0, 6), rng.uniform(0.9, 1.4)
    for step, colour in enumerate((p.main, p.accent, p.deep, p.main, p.deep)):
        y = h * (0.48 + step * 0.11)
        crest = [(a * w / 24, y + 9 * math.sin(phase + step * 1.7 + a / 24 * 6.28 * length)) for a in range(25)]
        pen.shape([*crest, (w, h + 4), (0, h + 4)], colour)


def _window(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    lean, x, y, s = rng.choice((-1, 1)), w * 0.5, h * 0.14, w * 0.2
    pen.box(0, 0, w, h * 0.7, p.main)
    pen.box(0, h * 0.7, w, h, p.deep)
    pen.box(x - s - 5, y - 5, x + s + 5, y + s * 2.3 + 5, p.deep)
    for column in (-1, 0):
        for row in (0, 1):
            left, top = x + column * s + 1.5, y + row * s * 1.15 + 1.5
            pen.box(left, top, left + s - 3, top + s * 1.15 - 3, p.accent if row else p.light)
    for column in (-1, 0):
        near, far = x + column * s * 1.25 + lean * w * 0.14, x + column * s * 1.7 + lean * w * 0.3
        light = [(near + 2, h * 0.74), (near + s * 1.2, h * 0.74), (far + s * 1.6, h), (far + 3, h)]
        pen.shape(light, (*p.accent, 200))


def _stairs(pen: Pen, p: Palette, rng: random.Random) -> None:
    w, h = pen.width, pen.height
    mirror = rng.random() < 0.5
    left, right, steps = w * 0.76, w * 0.96, 6
    rise, run = h * 0.09, w * 0.115
    edges: list[Point] = [(w, h + 4), (w, h * 0.42)]
    for step in range(steps + 1):
        x, y = w * 0.72 - step * run, h * 0.42 + step * rise
        edges += [(x, y), (x, y + rise)]
    shapes: list[tuple[list[Point], Colour]] = [
        ([(w * 0.52, -4), (w + 4, -4), (w + 4, h), (w * 0.52 - run * 2, h)], p.main),
        ([(left, h * 0.43), (left, h * 0.12), (right, h * 0.12), (right, h * 0.43)], p.light),
        ([*edges, (-4, h + 4)], p.deep),
        ([(left, h * 0.42), (right, h * 0.42), (w * 0.7, h + 4), (w * 0.4, h + 4)], (*p.accent, 210)),
    ]
    for points, colour in shapes:
        pen.shape([(w - x if mirror else x, y) for x, y in points], colour)


def _question(pen: Pen, p: Palette, rng: random.Random) -> None:
    x, y = pen.width / 2, pen.height * 0.54
    for step in range(6, 0, -1):
        pen.disc(x, y, pen.width * 0.1 * step, (p.main, p.ground)[step % 2])
    pen.sign("?", x, y, 86, rng.randint(4, 7), p.light)


def _sky(pen: Pen, colour: Colour, stars: int, rng: random.Random) -> None:
    for _ in range(stars):
        pen.disc(rng.uniform(0, pen.width), rng.uniform(0, pen.height), rng.choice((0.5, 0.7, 1.1)), (*colour, 200))


def _turn(steps: int) -> list[float]:
    return [2 * math.pi * step / steps for step in range(steps)]


def _span(start: float, end: float, steps: int) -> list[float]:
    return [start + (end - start) * step / steps for step in range(steps + 1)]


# ---- genres, the most telling first: a film is drawn as the first of these that it has -----------------------------

_MOTIFS: dict[str, list[Motif]] = {
    "Film-Noir": [_lamplight, _blinds],
    "Western": [_mesa],
    "Documentary": [_aperture, _contact],
    "Animation": [_eyes, _bounce],
    "Musical": [_record, _equaliser],
    "Fantasy": [_moonlit],
    "Sci-Fi": [_planet, _grid],
    "Horror": [_drips, _eye],
    "War": [_chevrons, _searchlights],
    "Children's": [_balloons, _rainbow],
    "Mystery": [_keyhole, _lens],
    "Crime": [_fingerprint, _blinds],
    "Adventure": [_peaks, _compass],
    "Action": [_sunburst, _shards],
    "Thriller": [_spiral, _tunnel],
    "Romance": [_union, _heart],
    "Comedy": [_smile, _tiles, _confetti],
    "Drama": [_arches, _horizon, _waves, _window, _stairs],
    "unknown": [_question],
}
# deep, ground, main, accent, light
_PALETTES: dict[str, list[str]] = {
    "Film-Noir": ["0d0f14 23262e 4a4f5c c9a227 efe6cf", "0b0b0d 2b2b2f 5b5b60 b8b4a8 f2eee3"],
    "Western": ["3b1c10 d98e4a a8502a f2b84b fbe9c6", "2f1b1b c9623f 8a3324 f0a35e f9e4c8"],
    "Documentary": ["16202a e9e4d8 47616f d1495b fbf8f0", "1c1c1c d8d4c7 7d8471 c8553d f7f4ea"],
    "Animation": ["1d2b53 29adff ff77a8 ffcd3c fff7e6", "2d1e4f 7f5af0 2cb67d ff8906 fffffe"],
    "Musical": ["2b0f3a 6a1b5d d6336c f9a826 fdeedd", "10243e 1f4e79 e4572e f3a712 fbf1dc"],
    "Fantasy": ["1a1440 372a75 6f5bd6 b79cff f7efff", "0f2b2e 1d5c5c 3fa796 c3a6ff f3f7e9"],
    "Sci-Fi": [
        "060b23 101d4d 2f6fed 19d3da f2fbff",
        "120826 2a1052 a12de0 ff4f8b ffe9f2",
        "081c1c 0e3a3c 1f8a84 f2c14e f1fbee",
    ],
    "Horror": ["0a0606 1f0d10 7c0a18 d7263d f4e8e1", "08110c 14261c 3a6b35 b7d968 f2f5e4"],
    "War": ["1f2416 6b6f4a 4a4f2e c1582f efe6cc", "1d2326 56666b 364247 b5442e ece6d8"],
    "Children's": ["27476e 8ecae6 ffb703 fb5607 fffdf2", "3d315b ffd6a5 4d96ff ff6b6b fffdf7"],
    "Mystery": ["0f1f24 1b3a40 2d6068 e0a458 f6ecd7", "1b1429 34264e 5b4784 d9b44a f3ead8"],
    "Crime": ["111318 1d2430 3d4b5f e63946 f1ece2", "14110f 2e2620 5c4a3d f0b429 f4ecdd"],
    "Adventure": ["10332f f2c46d 2a7f6f 8fb996 fff3d9", "1d2d44 f0b67f 3e5c76 b5838d fff1dd"],
    "Action": [
        "1a0f0a f2542d f5822a ffc145 fff2d8",
        "0d1b2a 1b3a5b 415a77 ff6b35 fdf0d5",
        "1b0a12 b3122f d9304a ffb627 fff1e0",
    ],
    "Thriller": ["0b1210 12332d 1e5f50 e8c547 f3efdf", "0e0e12 25252d 474757 ef3e36 f3efe8"],
    "Romance": ["5c1a33 f7d6d0 e8667e c2355d fff3ee", "3f2a56 e9c9d8 b86b9e e4845c fdf2f0"],
    "Comedy": [
        "2b2d42 f9c74f f3722c f94144 fff8e7",
        "22333b 8fd3c8 f2766b ffd166 fffaf0",
        "33272a a9def9 e4587d fcc23c fffdf5",
    ],
    "Drama": [
        "22313f d9c7a8 7f9183 c8694a f8f1e3",
        "1f2a44 8fa3bf 4f6d9a e0a072 f6f1ea",
        "2d2327 c9a9a6 8a5a63 d98e5f faf0e6",
        "14343c 7fb0ab 2f6f73 e9b872 f7f1e1",
    ],
    "unknown": ["26262b 8d8d94 6b6b72 c9c9cf f6f6f4"],
}


def _ranked(genres: str) -> list[str]:
    """The film's genres, the most telling first."""
    named = set(genres.split())
    return [genre for genre in _MOTIFS if genre in named] or ["unknown"]


def _palette(text: str) -> Palette:
    """Five colours out of their hexadecimal digits."""
    return Palette(*(tuple(bytes.fromhex(colour)) for colour in text.split()))


# ---- layouts: where picture and title go ---------------------------------------------------------------------------

Layout = Callable[[Image.Image, Film, Palette, Motif, random.Random], None]


def _below(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """Picture above, title on a panel of paper or ink."""
    paper = rng.random() < 0.55
    back, ink = (p.light, p.deep) if paper else (p.deep, p.light)
    _picture(large, (0, 0, WIDTH, 184), p, motif, rng)
    Pen(large).box(0, 184, WIDTH, HEIGHT, back)
    _words(large, film, (_MARGIN, 194, WIDTH - _MARGIN, 264), ink, _contrasting(p, back))


def _above(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """Title on a panel above, picture below."""
    back, ink = (p.light, p.deep) if rng.random() < 0.7 else (p.deep, p.light)
    Pen(large).box(0, 0, WIDTH, 106, back)
    _picture(large, (0, 106, WIDTH, HEIGHT), p, motif, rng)
    _words(large, film, (_MARGIN, 31, WIDTH - _MARGIN, 98), ink, _contrasting(p, back))


def _inset(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """A framed picture on paper, the title centred below it."""
    pen = Pen(large)
    pen.box(0, 0, WIDTH, HEIGHT, p.light)
    _picture(large, (_MARGIN, 31, WIDTH - _MARGIN, 187), p, motif, rng)
    _words(large, film, (_MARGIN, 196, WIDTH - _MARGIN, 265), p.deep, _contrasting(p, p.light), centred=True)


def _whole(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """The picture runs behind the title, which stands on a fade to the darkest colour."""
    _picture(large, (0, 0, WIDTH, 216), p, motif, rng)
    start, end = 128 * _SCALE, 206 * _SCALE
    fade = Image.linear_gradient("L").resize((large.width, end - start))
    large.paste(p.deep, (0, start), fade)
    large.paste(p.deep, (0, end, large.width, large.height))
    _words(large, film, (_MARGIN, 190, WIDTH - _MARGIN, 264), p.light, _contrasting(p, p.deep))


_LAYOUTS: list[Layout] = [_below, _below, _above, _inset, _whole]


def _picture(large: Image.Image, box: tuple[int, int, int, int], p: Palette, motif: Motif, rng: random.Random) -> None:
    left, top, right, bottom = (edge * _SCALE for edge in box)
    picture = Image.new("RGB", (right - left, bottom - top), p.ground)
    motif(Pen(picture), p, rng)
    large.paste(picture, (left, top))


def _words(
    large: Image.Image,
    film: Film,
    box: tuple[int, int, int, int],
    ink: Colour,
    accent: Colour,
    centred: bool = False,
) -> None:
    """The title, as large as it fits the box, over a line of year and genres at the foot of the box."""
    left, top, right, bottom = box
    pen = Pen(large)
    x = (left + right) / 2 if centred else left
    size, lines = _fitted(_readable(film.title), right - left, bottom - top - 16)
    for row, line in enumerate(lines):
        place = (x * _SCALE, (top + row * size * 1.06) * _SCALE)
        font = _font(size)
        stroke = max(1, round(size * _SCALE / 34))
        pen.draw.text(place, line, ink, font, anchor="mt" if centred else "lt", stroke_width=stroke, stroke_fill=ink)
    pen.caps(_caption(film), x, bottom - 7, 7.5, accent, spacing=0.7, centred=centred)


def _caption(film: Film) -> str:
    """The year and the one or two most telling genres."""
    genres = " / ".join(genre for genre in _ranked(film.genres)[:2] if genre != "unknown")
    return "  ".join(part for part in (film.year, genres) if part).upper()


def _fitted(title: str, width: float, height: float) -> tuple[float, list[str]]:
    """The largest size, in pixels, at which the wrapped title fits, and its lines."""
    for size in (34, 30, 27, 24, 21, 19, 17, 15, 13.5, 12, 11, 10):
        lines = _wrapped(title, size, width - 2)
        if len(lines) * size * 1.06 <= height and all(_length(line, size) <= width - 2 for line in lines):
            return size, lines
    return size, lines


def _wrapped(title: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    for word in title.split():
        if lines and _length(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _length(text: str, size: float) -> float:
    return _font(size).getlength(text) / _SCALE


def _readable(title: str) -> str:
    """The title as a poster would carry it: its article in front, no second title, in the letters the font has."""
    main = title.split(" (", maxsplit=1)[0]
    name, comma, article = main.rpartition(", ")
    if comma and article in _ARTICLES:
        main = f"{article}{'' if article.endswith(chr(39)) else ' '}{name}"
    plain = unicodedata.normalize("NFKD", main).encode("ascii", "ignore").decode()
    return plain or title


_ARTICLES = {"A", "An", "The", "La", "Le", "Les", "L'", "Der", "Die", "Das", "Il", "El", "Un", "Une"}


def _contrasting(p: Palette, back: Colour) -> Colour:
    """The accent or main colour, whichever reads better on the background."""
    return max((p.accent, p.main), key=lambda colour: abs(_luma(colour) - _luma(back)))


def _luma(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font, so that no font of the system decides the bytes."""
    font = ImageFont.load_default(size * _SCALE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


# ---- surfaces: what a decade's print or screen looked like ---------------------------------------------------------


def _decade(year: str) -> int:
    """1920 to 1990; a year that is no number counts as the newest."""
    return min(max(int(year) // 10 * 10, 1920), 1990) if year.isdecimal() else 1990


@lru_cache(maxsize=16)
def _surface(decade: int) -> Image.Image:
    """A grey picture laid over the poster: 128 leaves a pixel as it is."""
    noise = random.Random(decade)
    strength = {1920: 60, 1930: 54, 1940: 46, 1950: 30, 1960: 26, 1970: 34, 1980: 18, 1990: 12}[decade]
    grain = Image.frombytes("L", SIZE, noise.randbytes(WIDTH * HEIGHT)).point(_level(strength))
    pattern = Image.new("L", SIZE, 128)
    pixels = ImageDraw.Draw(pattern)
    _PATTERNS.get(decade, _plain)(pixels, noise)
    return ImageChops.add(grain, pattern, offset=-128).convert("RGB")


def _level(strength: int) -> list[int]:
    return [128 + round((value - 127.5) / 255 * strength) for value in range(256)]


def _plain(_: ImageDraw.ImageDraw, __: random.Random) -> None:
    return


def _scratches(pixels: ImageDraw.ImageDraw, noise: random.Random) -> None:
    for _ in range(9):
        x, top = noise.randrange(WIDTH), noise.randrange(HEIGHT)
        pixels.line((x, top, x + noise.randint(-2, 2), top + noise.randint(30, 160)), noise.choice((104, 160)))


def _halftone(pixels: ImageDraw.ImageDraw, _: random.Random) -> None:
    for row in range(0, HEIGHT, 3):
        for x in range((row % 2) * 2, WIDTH, 4):
            pixels.point([(x, row), (x + 1, row)], 112)


def _linen(pixels: ImageDraw.ImageDraw, _: random.Random) -> None:
    for x in range(0, WIDTH, 3):
        pixels.line((x, 0, x, HEIGHT), 121)
    for y in range(0, HEIGHT, 3):
        pixels.line((0, y, WIDTH, y), 137)


def _faded(pixels: ImageDraw.ImageDraw, _: random.Random) -> None:
    for y in range(HEIGHT):
        pixels.line((0, y, WIDTH, y), 140 - round(20 * y / HEIGHT))


def _scanlines(pixels: ImageDraw.ImageDraw, _: random.Random) -> None:
    for y in range(0, HEIGHT, 3):
        pixels.line((0, y, WIDTH, y), 110)


_PATTERNS: dict[int, Callable[[ImageDraw.ImageDraw, random.Random], None]] = {
    1920: _scratches,
    1930: _scratches,
    1940: _scratches,
    1950: _halftone,
    1960: _linen,
    1970: _faded,
    1980: _scanlines,
}


def _hash(purpose: str, item_id: str) -> int:
    """64 bits that depend on nothing but the purpose and the id."""
    return int.from_bytes(hashlib.sha256(f"{purpose}|{item_id}".encode()).digest()[:8], "big")
