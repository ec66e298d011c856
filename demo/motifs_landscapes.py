"""The motifs that show land, sea or sky, with nobody in them.

Each fills the picture it is given, from a palette and a seeded generator. Not here: what people built
(`motifs_buildings.py`), single things (`motifs_things.py`), pure form (`motifs_patterns.py`), which genre has which
(`motifs.py`).
"""

import math
import random

from demo.palettes import Palette
from demo.pen import Colour, Pen, Point, span


def peaks(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Three ranges of mountains under a sun."""
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


def mesa(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A sun between table mountains, a cactus in front."""
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


def horizon(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A sun on the water's edge and its reflection."""
    w, h = pen.width, pen.height
    level, x, r = h * 0.58, w * rng.uniform(0.32, 0.68), w * 0.27
    pen.disc(x, level, r, p.accent)
    pen.box(0, level, w, h, p.deep)
    for step in range(8):
        y = level + 5 + step * (h - level) / 8
        half = r * (1 - step * 0.1) * rng.uniform(0.6, 1)
        pen.box(x - half, y, x + half, y + 3.2, (p.accent, p.main)[step % 2])
    pen.box(0, level, w, level + 1.4, p.light)


def waves(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Five rows of waves under a sun."""
    w, h = pen.width, pen.height
    pen.disc(w * rng.uniform(0.28, 0.62), h * 0.36, w * 0.17, p.light)
    phase, length = rng.uniform(0, 6), rng.uniform(0.9, 1.4)
    for step, colour in enumerate((p.main, p.accent, p.deep, p.main, p.deep)):
        y = h * (0.48 + step * 0.11)
        crest = [(a * w / 24, y + 9 * math.sin(phase + step * 1.7 + a / 24 * 6.28 * length)) for a in range(25)]
        pen.shape([*crest, (w, h + 4), (0, h + 4)], colour)


def rainbow(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A rainbow between two clouds."""
    w, h = pen.width, pen.height
    x, y = w * rng.uniform(0.42, 0.58), h * 0.8
    for step, colour in enumerate((p.accent, p.light, p.main, p.deep)):
        pen.disc(x, y, w * (0.46 - 0.085 * step), colour)
    pen.disc(x, y, w * 0.12, p.ground)
    pen.box(0, y, w, h, p.ground)
    for side in (-1, 1):
        for dx, dy, r in ((-0.1, 0.03, 0.1), (0.02, -0.03, 0.13), (0.13, 0.04, 0.09)):
            pen.disc(x + side * w * 0.34 + dx * w, y + dy * w, r * w, p.light)


def planet(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A planet with a ring and bands among stars."""
    w, h = pen.width, pen.height
    sky(pen, p.light, 44, rng)
    x, y, r = w * rng.uniform(0.42, 0.58), h * 0.55, w * 0.26
    tilt = rng.choice((-0.32, 0.32))
    ring = [(r * 1.68 * math.cos(t), r * 0.4 * math.sin(t)) for t in span(0, 2 * math.pi, 60)]
    cos, sin = math.cos(tilt), math.sin(tilt)
    turned = [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ring]
    pen.line(turned[30:], 5, p.accent)
    pen.disc(x, y, r, p.main)
    for top in rng.sample((-0.75, -0.42, 0.3, 0.62), 2):
        pen.band(x, y, r, top, top + rng.uniform(0.14, 0.26), (*p.light, 70))
    pen.line(turned[:31], 5, p.light)


def grid(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A striped sun over a plain of lines that meet at the horizon."""
    w, h = pen.width, pen.height
    sky(pen, p.light, 30, rng)
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


def sky(pen: Pen, colour: Colour, stars: int, rng: random.Random) -> None:
    """Small stars, spread over the whole picture."""
    for _ in range(stars):
        pen.disc(rng.uniform(0, pen.width), rng.uniform(0, pen.height), rng.choice((0.5, 0.7, 1.1)), (*colour, 200))
