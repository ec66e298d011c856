"""How each genre moves in a stand-in clip: its camera, and the shapes that fly by.

Not here: drawing the frames (`clips.py`).
"""

from typing import NamedTuple


class Motion(NamedTuple):
    """How a genre moves. Camera: its way in scene widths and heights, zoom from … to, turn in degrees, bounces, shake.

    Shapes: which, how many, their way in frame widths and heights. `flicker` is the share of light that comes and goes.
    """

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (1.15, 1.15)
    turn: float = 0.0
    bounces: float = 0.0
    shake: float = 0.0
    flicker: float = 0.0
    shape: str = "disc"
    shapes: int = 6
    way: tuple[float, float] = (0.3, 0.0)


MOTIONS = {
    "Film-Noir": Motion(pan=(0.1, 0), flicker=0.5, shape="strip", shapes=12, way=(0.1, 1.2)),
    "Western": Motion(pan=(0.2, 0), shape="disc", shapes=4, way=(1.2, -0.1)),
    "Documentary": Motion(zoom=(1.05, 1.25), shape="ring", shapes=2, way=(0.05, 0)),
    "Animation": Motion(bounces=2.5, shape="star", shapes=7, way=(0.5, -0.5)),
    "Musical": Motion(turn=14, bounces=1.5, shape="disc", shapes=10, way=(0, -0.8)),
    "Fantasy": Motion(pan=(0.06, -0.1), zoom=(1.2, 1.35), shape="spark", shapes=14, way=(0.1, -0.4)),
    "Sci-Fi": Motion(zoom=(1.0, 2.0), shape="spark", shapes=16, way=(-0.9, 0.1)),
    "Horror": Motion(zoom=(1.2, 1.5), shake=0.03, flicker=0.7, shape="strip", shapes=5, way=(0, 0.9)),
    "War": Motion(pan=(0.08, 0), shake=0.05, flicker=0.2, shape="spark", shapes=9, way=(0.7, 0.9)),
    "Children's": Motion(bounces=1.5, turn=8, shape="disc", shapes=9, way=(0.1, -0.7)),
    "Mystery": Motion(zoom=(1.6, 1.1), flicker=0.25, shape="ring", shapes=3, way=(0.15, 0.1)),
    "Crime": Motion(pan=(0.16, 0.02), flicker=0.2, shape="strip", shapes=3, way=(1.4, 0)),
    "Adventure": Motion(pan=(-0.18, 0.04), zoom=(1.4, 1.2), shape="spark", shapes=5, way=(-0.8, -0.2)),
    "Action": Motion(zoom=(1.1, 1.7), shake=0.06, shape="strip", shapes=9, way=(-1.5, 0.6)),
    "Thriller": Motion(zoom=(1.2, 1.6), turn=50, shape="ring", shapes=3, way=(0, 0.2)),
    "Romance": Motion(pan=(0.05, 0.05), zoom=(1.3, 1.15), shape="disc", shapes=6, way=(0.15, -0.25)),
    "Comedy": Motion(turn=-10, bounces=2, shape="star", shapes=6, way=(0.6, 0.2)),
    "Drama": Motion(pan=(0, 0.12), zoom=(1.3, 1.3), shape="disc", shapes=2, way=(0.1, 0.1)),
    "unknown": Motion(zoom=(1.05, 1.1), shape="ring", shapes=1, way=(0, 0)),
}
