"""Draws a stand-in poster for a film from its title, genres and year: no picture of the real one is used.

Here: what a stand-in is, where its parts go, and its label. The same film gives the same bytes on every run with the
same Pillow, whatever else is drawn. Not here: the parts themselves (`motifs.py`, `palettes.py`, `titles.py`,
`surfaces.py`, drawn with `pen.py`), reading the catalogue, writing files (`fetch.py`).

A poster is a picture (a motif of the film's most telling genre, in one of that genre's palettes), the title set as
large as it fits, the year, a surface of its decade, and a label that says STAND-IN.
"""

import io
import random
from collections.abc import Callable
from functools import lru_cache

from PIL import Image, ImageChops

from demo.films import Film, bits
from demo.motifs import MOTIFS, Motif, ranked
from demo.palettes import PALETTES, Palette, contrasting
from demo.pen import HEIGHT, SCALE, SIZE, WIDTH, Colour, Pen, canvas, typeface
from demo.surfaces import surface
from demo.titles import fitted, readable

RECIPE = 1  # raise it when a change here, or in a part, changes any poster's bytes
_MARGIN = 13
_LABEL = "STAND-IN"
_LABEL_SIZE = 62, 15
LABEL_BOX = (WIDTH - _LABEL_SIZE[0] - 8, 8, WIDTH - 8, 8 + _LABEL_SIZE[1])  # left, top, right, bottom


def poster_bytes(film: Film) -> bytes:
    """The stand-in as a JPEG file."""
    file = io.BytesIO()
    draw(film).save(file, "JPEG", quality=85, subsampling=0, optimize=True)
    return file.getvalue()


def draw(film: Film) -> Image.Image:
    """The stand-in as an RGB image of `SIZE`."""
    palette, layout, motif, rng = chosen(film)
    large = canvas(SIZE, palette.ground)
    layout(large, film, palette, motif, rng)
    poster = ImageChops.overlay(large.reduce(SCALE), surface(film.year))
    poster.paste(label(), LABEL_BOX[:2])
    return poster


def chosen(film: Film) -> tuple[Palette, "Layout", Motif, random.Random]:
    """The film's palette, layout and motif, and the generator that draws the rest."""
    rng = random.Random(bits("poster", film.item_id))
    genre = ranked(film.genres)[0]
    return rng.choice(PALETTES[genre]), rng.choice(_LAYOUTS), rng.choice(MOTIFS[genre]), rng


@lru_cache(maxsize=1)
def label() -> Image.Image:
    """The mark that every stand-in carries, the same pixels on each."""
    width, height = _LABEL_SIZE
    large = canvas(_LABEL_SIZE, (250, 247, 240))
    pen = Pen(large)
    pen.box(1, 1, width - 1, height - 1, (24, 24, 27))
    pen.caps(_LABEL, width / 2, height / 2 - 5.1, 9, (250, 247, 240), spacing=1.1, centred=True)
    return large.reduce(SCALE)


Layout = Callable[[Image.Image, Film, Palette, Motif, random.Random], None]


def _below(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """Picture above, title on a panel of paper or ink."""
    paper = rng.random() < 0.55
    back, ink = (p.light, p.deep) if paper else (p.deep, p.light)
    _picture(large, (0, 0, WIDTH, 184), p, motif, rng)
    Pen(large).box(0, 184, WIDTH, HEIGHT, back)
    _words(large, film, (_MARGIN, 194, WIDTH - _MARGIN, 264), ink, contrasting(p, back))


def _above(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """Title on a panel above, picture below."""
    back, ink = (p.light, p.deep) if rng.random() < 0.7 else (p.deep, p.light)
    Pen(large).box(0, 0, WIDTH, 106, back)
    _picture(large, (0, 106, WIDTH, HEIGHT), p, motif, rng)
    _words(large, film, (_MARGIN, 31, WIDTH - _MARGIN, 98), ink, contrasting(p, back))


def _inset(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """A framed picture on paper, the title centred below it."""
    pen = Pen(large)
    pen.box(0, 0, WIDTH, HEIGHT, p.light)
    _picture(large, (_MARGIN, 31, WIDTH - _MARGIN, 187), p, motif, rng)
    _words(large, film, (_MARGIN, 196, WIDTH - _MARGIN, 265), p.deep, contrasting(p, p.light), centred=True)


def _whole(large: Image.Image, film: Film, p: Palette, motif: Motif, rng: random.Random) -> None:
    """The picture runs behind the title, which stands on a fade to the darkest colour."""
    _picture(large, (0, 0, WIDTH, 216), p, motif, rng)
    start, end = 128 * SCALE, 206 * SCALE
    fade = Image.linear_gradient("L").resize((large.width, end - start))
    large.paste(p.deep, (0, start), fade)
    large.paste(p.deep, (0, end, large.width, large.height))
    _words(large, film, (_MARGIN, 190, WIDTH - _MARGIN, 264), p.light, contrasting(p, p.deep))


_LAYOUTS: list[Layout] = [_below, _below, _above, _inset, _whole]


def _picture(large: Image.Image, box: tuple[int, int, int, int], p: Palette, motif: Motif, rng: random.Random) -> None:
    left, top, right, bottom = box
    picture = canvas((right - left, bottom - top), p.ground)
    motif(Pen(picture), p, rng)
    large.paste(picture, (left * SCALE, top * SCALE))


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
    size, lines = fitted(readable(film.title), right - left, bottom - top - 16)
    for row, line in enumerate(lines):
        place = (x * SCALE, (top + row * size * 1.06) * SCALE)
        font = typeface(size)
        stroke = max(1, round(size * SCALE / 34))
        pen.draw.text(place, line, ink, font, anchor="mt" if centred else "lt", stroke_width=stroke, stroke_fill=ink)
    pen.caps(_caption(film), x, bottom - 7, 7.5, accent, spacing=0.7, centred=centred)


def _caption(film: Film) -> str:
    """The year and the one or two most telling genres."""
    genres = " / ".join(genre for genre in ranked(film.genres)[:2] if genre != "unknown")
    return "  ".join(part for part in (film.year, genres) if part).upper()
