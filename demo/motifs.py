"""Which motifs draw which genre, and which of a film's genres it is drawn as.

Here: the choice. Not here: how a motif is drawn (`motifs_landscapes.py`, `motifs_buildings.py`, `motifs_things.py`,
`motifs_patterns.py`), its colours (`palettes.py`).
"""

import random
from collections.abc import Callable

from demo import motifs_buildings as buildings
from demo import motifs_landscapes as landscapes
from demo import motifs_patterns as patterns
from demo import motifs_things as things
from demo.palettes import Palette
from demo.pen import Pen

Motif = Callable[[Pen, Palette, random.Random], None]  # fills the picture that the pen draws on

# The most telling first: a film is drawn as the first of these that it has.
MOTIFS: dict[str, list[Motif]] = {
    "Film-Noir": [buildings.lamplight, buildings.blinds],
    "Western": [landscapes.mesa],
    "Documentary": [things.aperture, things.contact],
    "Animation": [things.eyes, things.bounce],
    "Musical": [things.record, things.equaliser],
    "Fantasy": [buildings.moonlit],
    "Sci-Fi": [landscapes.planet, landscapes.grid],
    "Horror": [patterns.drips, things.eye],
    "War": [patterns.chevrons, buildings.searchlights],
    "Children's": [things.balloons, landscapes.rainbow],
    "Mystery": [things.keyhole, things.lens],
    "Crime": [things.fingerprint, buildings.blinds],
    "Adventure": [landscapes.peaks, things.compass],
    "Action": [patterns.sunburst, patterns.shards],
    "Thriller": [patterns.spiral, patterns.tunnel],
    "Romance": [patterns.union, things.heart],
    "Comedy": [things.smile, patterns.tiles, patterns.confetti],
    "Drama": [buildings.arches, landscapes.horizon, landscapes.waves, buildings.window, buildings.stairs],
    "unknown": [patterns.question],
}


def ranked(genres: str) -> list[str]:
    """The film's genres, the most telling first."""
    named = set(genres.split())
    return [genre for genre in MOTIFS if genre in named] or ["unknown"]
