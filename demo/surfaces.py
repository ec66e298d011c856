"""What the print or the screen of a decade looked like: a grey picture laid over the finished poster.

Not here: anything that depends on the film beyond its decade.
"""

import random
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw

from demo.pen import HEIGHT, SIZE, WIDTH


def surface(year: str) -> Image.Image:
    """The surface of a film's decade: a grey picture in which 128 leaves a pixel of the poster as it is."""
    return _surface(_decade(year))


def _decade(year: str) -> int:
    """1920 to 1990; a year that is no number counts as the newest."""
    return min(max(int(year) // 10 * 10, 1920), 1990) if year.isdecimal() else 1990


@lru_cache(maxsize=16)
def _surface(decade: int) -> Image.Image:
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
