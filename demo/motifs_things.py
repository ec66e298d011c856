"""The motifs that show one thing, large: an instrument, a toy, a face.

Each fills the picture it is given, from a palette and a seeded generator. Not here: places (`motifs_landscapes.py`,
`motifs_buildings.py`), pure form (`motifs_patterns.py`), which genre has which (`motifs.py`).
"""

import math
import random

from demo.palettes import Palette
from demo.pen import Pen, angles


def compass(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A compass whose needle points somewhere to the north-east."""
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


def aperture(pen: Pen, p: Palette, rng: random.Random) -> None:
    """The blades of a camera's aperture."""
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


def contact(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A contact sheet of nine portraits, one of them marked."""
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


def record(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A gramophone record."""
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


def equaliser(pen: Pen, p: Palette, rng: random.Random) -> None:
    """The columns of an equaliser."""
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


def keyhole(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Somebody seen through a keyhole."""
    x, y, w = pen.width / 2, pen.height * 0.45, pen.width
    for step in range(6, 0, -1):
        pen.disc(x, y + 8, w * (0.2 + step * 0.095), (p.main, p.ground)[step % 2])
    pen.disc(x, y, w * 0.17, p.light)
    pen.shape([(x - 8, y), (x + 8, y), (x + w * 0.15, y + w * 0.42), (x - w * 0.15, y + w * 0.42)], p.light)
    pen.disc(x + rng.choice((-4, 4)), y + 2, w * 0.075, p.deep)
    pen.shape([(x - 9, y + w * 0.42), (x + 9, y + w * 0.42), (x + 3, y + 12), (x - 3, y + 12)], p.deep)


def lens(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A magnifying glass over a question mark."""
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


def fingerprint(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A fingerprint of broken ovals."""
    x, y = pen.width * rng.uniform(0.42, 0.58), pen.height * 0.56
    step = pen.width * 0.052
    for ring in range(1, 10):
        gap = rng.uniform(0, 360)
        colour = p.accent if ring % 4 == 1 else p.light
        for start, end in ((gap + 8, gap + 190), (gap + 204, gap + 352)):
            pen.arc(x, y, ring * step, start, end, step * 0.5, colour, flat=1.22)


def balloons(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Three balloons on strings."""
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


def bounce(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A ball that bounces across a floor, its earlier places fading."""
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


def eyes(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A round creature with two large eyes that look somewhere."""
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


def eye(pen: Pen, p: Palette, rng: random.Random) -> None:
    """One wide eye; its pupil is a slit or a disc."""
    x, y, r = pen.width / 2, pen.height * 0.53, pen.width * 0.44
    for step in range(9, 0, -1):
        pen.ring(x, y, r * (0.5 + step * 0.19), 1.1, (*p.main, 150))
    lids = [(x + r * math.cos(t), y - r * 0.56 * math.sin(t) * abs(math.sin(t)) ** 0.35) for t in angles(48)]
    pen.shape(lids, p.light)
    pen.disc(x, y, r * 0.46, p.accent)
    pen.disc(x, y, r * 0.46 * 0.8, p.main)
    if rng.random() < 0.6:
        pen.disc(x, y, r * 0.1, p.deep, flat=4)
    else:
        pen.disc(x, y, r * 0.22, p.deep)
    pen.disc(x + r * 0.15, y - r * 0.17, r * 0.07, p.light)


def smile(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A round face that smiles, with its mouth open or shut."""
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


def heart(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Hearts within a heart."""
    x, y, r = pen.width / 2, pen.height * 0.55, pen.width * 0.026
    layers = [(1.0, p.main), (0.72, p.accent), (0.44, p.light)][: rng.randint(2, 3)]
    for size, colour in layers:
        curve = [(16 * math.sin(t) ** 3, -_heart_height(t)) for t in angles(60)]
        pen.shape([(x + dx * r * size, y + dy * r * size) for dx, dy in curve], colour)


def _heart_height(t: float) -> float:
    return 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
