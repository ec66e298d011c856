"""The colours of a poster: a few palettes for each genre, and which of their colours reads on which.

Here: every colour of picture and title. Not here: what is drawn in them (`motifs.py`), the greys of a surface
(`surfaces.py`).
"""

from typing import NamedTuple

from demo.pen import Colour


class Palette(NamedTuple):
    """Five colours, from the darkest to the lightest; ground carries the motif, main and accent draw it."""

    deep: Colour
    ground: Colour
    main: Colour
    accent: Colour
    light: Colour


def contrasting(p: Palette, back: Colour) -> Colour:
    """The accent or main colour, whichever reads better on the background."""
    return max((p.accent, p.main), key=lambda colour: abs(_luma(colour) - _luma(back)))


def _luma(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


# deep, ground, main, accent, light
_COLOURS: dict[str, list[str]] = {
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


def _palette(text: str) -> Palette:
    """Five colours out of their hexadecimal digits."""
    return Palette(*(tuple(bytes.fromhex(colour)) for colour in text.split()))


PALETTES = {genre: [_palette(text) for text in texts] for genre, texts in _COLOURS.items()}
