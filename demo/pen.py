"""The canvas of a stand-in and the pen that draws on it.

Here: sizes, strokes and letters, in coordinates of the finished poster. Not here: what is drawn (`motifs.py`), in which
colours (`palettes.py`), where it goes (`posters.py`).
"""

import math
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

SIZE = WIDTH, HEIGHT = 184, 276
SCALE = 3  # pictures are drawn this much larger and reduced, which smooths every edge

Point = tuple[float, float]
Colour = tuple[int, ...]


def canvas(size: tuple[int, int], ground: Colour) -> Image.Image:
    """An empty picture of this size, `SCALE` times larger."""
    width, height = size
    return Image.new("RGB", (width * SCALE, height * SCALE), ground)


class Pen:
    """Draws on an image that is `SCALE` times larger than the coordinates it is given; colours may carry alpha."""

    def __init__(self, image: Image.Image) -> None:
        self.draw = ImageDraw.Draw(image, "RGBA")
        self.width = image.width / SCALE
        self.height = image.height / SCALE

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """A filled rectangle."""
        s = SCALE
        self.draw.rectangle((round(left * s), round(top * s), round(right * s) - 1, round(bottom * s) - 1), fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour, flat: float = 1) -> None:
        """A filled circle, or an ellipse `flat` times as high."""
        self.draw.ellipse(_around(x, y, radius, flat), fill)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour, flat: float = 1) -> None:
        """A circle's outline, `width` thick inwards."""
        self.draw.ellipse(_around(x, y, radius, flat), outline=colour, width=round(width * SCALE))

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        start: float,
        end: float,
        width: float,
        colour: Colour,
        flat: float = 1,
    ) -> None:
        """A part of a ring, in degrees clockwise from three o'clock."""
        self.draw.arc(_around(x, y, radius, flat), start, end, colour, round(width * SCALE))

    def slice(self, x: float, y: float, radius: float, start: float, end: float, fill: Colour) -> None:
        """A filled part of a disc, in degrees clockwise from three o'clock."""
        self.draw.pieslice(_around(x, y, radius), start, end, fill)

    def band(self, x: float, y: float, radius: float, top: float, low: float, fill: Colour) -> None:
        """The part of a disc between two heights, which run from -1 (its top) to 1."""
        heights = span(max(top, -1), min(low, 1), 8)
        half = [(radius * math.sqrt(max(0, 1 - t * t)), y + radius * t) for t in heights]
        self.shape([*((x + dx, v) for dx, v in half), *((x - dx, v) for dx, v in reversed(half))], fill)

    def shape(self, points: list[Point], fill: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill)

    def trapeze(self, x: float, top: float, above: float, low: float, below: float, fill: Colour) -> None:
        """A symmetric trapeze around x, `above` and `below` half its width at its top and its foot."""
        self.shape([(x - above, top), (x + above, top), (x + below, low), (x - below, low)], fill)

    def line(self, points: list[Point], width: float, colour: Colour) -> None:
        """A line through the points, round at its joints."""
        path = [(x * SCALE, y * SCALE) for x, y in points]
        self.draw.line(path, colour, round(width * SCALE), joint="curve")

    def star(self, x: float, y: float, radius: float, fill: Colour, points: int = 5, waist: float = 0.42) -> None:
        """A star that stands upright; `waist` is the inner radius as a share of the outer."""
        radii = (radius, radius * waist)
        turns = [(radii[i % 2], math.pi * (i / points - 0.5)) for i in range(2 * points)]
        self.shape([(x + r * math.cos(a), y + r * math.sin(a)) for r, a in turns], fill)

    def sign(self, text: str, x: float, y: float, size: float, weight: int, fill: Colour) -> None:
        """A large letter around the point, made bold by `weight`."""
        place = (x * SCALE, y * SCALE)
        self.draw.text(place, text, fill, typeface(size), anchor="mm", stroke_width=weight, stroke_fill=fill)

    def caps(
        self, text: str, x: float, y: float, size: float, fill: Colour, spacing: float = 0.8, centred: bool = False
    ) -> None:
        """Small letterspaced capitals on one line, their top at y."""
        font = typeface(size)
        widths = [font.getlength(letter) / SCALE + spacing for letter in text]
        x -= (sum(widths) - spacing) / 2 if centred else 0
        for letter, width in zip(text, widths, strict=True):
            place = (x * SCALE, y * SCALE)
            self.draw.text(place, letter, fill, font, stroke_width=1, stroke_fill=fill)
            x += width


def _around(x: float, y: float, radius: float, flat: float = 1) -> tuple[float, float, float, float]:
    s = SCALE
    return (x - radius) * s, (y - radius * flat) * s, (x + radius) * s, (y + radius * flat) * s


def angles(steps: int) -> list[float]:
    """The angles of a whole turn in equal steps, without its end."""
    return [2 * math.pi * step / steps for step in range(steps)]


def span(start: float, end: float, steps: int) -> list[float]:
    """From start to end in equal steps, both included."""
    return [start + (end - start) * step / steps for step in range(steps + 1)]


@lru_cache(maxsize=64)
def typeface(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font, so that no font of the system decides the bytes."""
    font = ImageFont.load_default(size * SCALE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
