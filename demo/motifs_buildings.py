"""The motifs that show what people built: towers, a street, a window, stairs.

Each fills the picture it is given, from a palette and a seeded generator. Not here: land and sky
(`motifs_landscapes.py`), single things (`motifs_things.py`), pure form (`motifs_patterns.py`), which genre has which
(`motifs.py`).
"""

import random

from demo.motifs_landscapes import sky
from demo.palettes import Palette
from demo.pen import Colour, Pen, Point


def moonlit(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Pointed towers under a crescent moon."""
    w, h = pen.width, pen.height
    sky(pen, p.light, 26, rng)
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


def lamplight(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Somebody in a hat under a street lamp, with a long shadow."""
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


def blinds(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Somebody in a hat behind a venetian blind."""
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


def searchlights(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Three searchlights over a skyline."""
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


def arches(pen: Pen, p: Palette, rng: random.Random) -> None:
    """Arches within arches, somebody small at their foot."""
    w, h = pen.width, pen.height
    x, top = w * rng.uniform(0.42, 0.58), h * 0.22
    for step, colour in enumerate((p.main, p.light, p.accent, p.deep)):
        r = w * (0.4 - step * 0.09)
        y = top + w * 0.4
        pen.disc(x, y, r, colour)
        pen.box(x - r, y, x + r, h + 2, colour)
    pen.disc(x + w * rng.choice((-0.02, 0.03)), h * 0.93, w * 0.05, p.light)


def window(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A window and the light that it throws on the floor."""
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


def stairs(pen: Pen, p: Palette, rng: random.Random) -> None:
    """A lit door at the top of stairs."""
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
