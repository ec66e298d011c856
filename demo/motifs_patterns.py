"""The motifs that show form alone: rays, strips, tiles, rings, spirals, a sign.

Each fills the picture it is given, from a palette and a seeded generator. Not here: places (`motifs_landscapes.py`,
`motifs_buildings.py`), things (`motifs_things.py`), which genre has which (`motifs.py`).
"""

import math
import random

from demo.palettes import Palette
from demo.pen import Pen, span


def sunburst(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A star with many points before a ring of rays."""
    x, y = pen.width * rng.uniform(0.3, 0.7), pen.height * rng.uniform(0.5, 0.72)
    rays = rng.choice((11, 14, 18))
    turn = rng.uniform(0, 360)
    for ray in range(rays):
        start = turn + ray * 360 / rays
        pen.slice(x, y, 300, start, start + 180 / rays, p.main)
    pen.star(x, y, pen.width * 0.36, p.deep, points=12, waist=0.62)
    pen.star(x, y, pen.width * 0.28, p.accent, points=12, waist=0.62)
    pen.star(x, y, pen.width * 0.16, p.light, points=12, waist=0.62)


def shards(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Slanting strips and a bolt of lightning."""
    w, h = pen.width, pen.height
    for step, colour in enumerate((p.main, p.accent, p.deep)):
        x = w * (0.1 + 0.27 * step + rng.uniform(-0.06, 0.06))
        pen.shape([(x + w * 0.45, -5), (x + w * 0.62, -5), (x + w * 0.08, h + 5), (x - w * 0.28, h + 5)], colour)
    x, y = w * 0.42, h * 0.5
    bolt = [(0.16, -0.42), (-0.2, 0.08), (0.0, 0.08), (-0.12, 0.44), (0.24, -0.08), (0.04, -0.08)]
    pen.shape([(x + dx * h * 0.95, y + dy * h * 0.95) for dx, dy in bolt], p.light)


def tiles(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A floor of tiles with quarter discs and dots."""
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


def confetti(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Staggered rows of half discs."""
    w, h = pen.width, pen.height
    step = w / 5
    for row in range(-1, math.ceil(h / step) + 1):
        for column in range(6):
            x, y = (column + (row % 2) / 2) * step - 2, (row + 0.5) * step
            colour = rng.choice((p.main, p.accent, p.light, p.deep))
            start = rng.randrange(8) * 45
            pen.slice(x, y, step * 0.38, start, start + 180, colour)


def drips(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Paint that runs down over a moon."""
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


def union(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Two discs and what they share."""
    w, y = pen.width, pen.height * rng.uniform(0.48, 0.56)
    r, apart = w * 0.28, w * rng.uniform(0.12, 0.17)
    pen.disc(w / 2 - apart, y, r, p.main)
    pen.disc(w / 2 + apart, y, r, p.accent)
    half = math.acos(apart / r)
    right = [(w / 2 - apart + r * math.cos(t), y + r * math.sin(t)) for t in span(-half, half, 20)]
    left = [(w / 2 + apart - r * math.cos(t), y - r * math.sin(t)) for t in span(-half, half, 20)]
    pen.shape([*right, *left], p.light)


def spiral(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Three arms that turn into the middle."""
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


def tunnel(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Squares within squares, each turned a little."""
    x, y, twist = pen.width / 2, pen.height * 0.54, rng.uniform(4, 9) * rng.choice((-1, 1))
    colours = (p.main, p.ground, p.accent, p.ground)
    for step in range(13):
        r, a = pen.width * 1.15 * 0.82**step, math.radians(45 + twist * step)
        corners = [(x + r * math.cos(a + k * math.pi / 2), y + r * math.sin(a + k * math.pi / 2)) for k in range(4)]
        pen.shape(corners, p.light if step == 12 else colours[step % 4])


def chevrons(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Rows of chevrons under a star."""
    w, h = pen.width, pen.height
    step = h * 0.17
    for row in range(7):
        y = h * 0.38 + row * step
        points = [(0, y + w * 0.22), (w / 2, y), (w, y + w * 0.22)]
        lower = [(a, b + step * 0.52) for a, b in reversed(points)]
        pen.shape([*points, *lower], (p.main, p.accent, p.deep)[row % 3])
    pen.star(w * rng.choice((0.3, 0.5)), h * 0.27, w * 0.13, p.light)


def question(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A question mark within rings."""
    x, y = pen.width / 2, pen.height * 0.54
    for step in range(6, 0, -1):
        pen.disc(x, y, pen.width * 0.1 * step, (p.main, p.ground)[step % 2])
    pen.sign("?", x, y, 86, rng.randint(4, 7), p.light)
