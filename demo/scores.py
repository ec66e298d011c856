"""What each genre sounds like: tempo, scale, instruments, rhythm and the noise behind them.

Here: the table, and the words it is written in. Not here: the instruments it names (`instruments.py`), and the dice
that make a film's sound out of its genre's score (`sounds.py`).
"""

from typing import NamedTuple

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PENTATONIC, BLUES, WHOLE = (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10), (0, 2, 4, 6, 8, 10)
LYDIAN, MIXOLYDIAN, PHRYGIAN = (0, 2, 4, 6, 7, 9, 11), (0, 2, 4, 5, 7, 9, 10), (0, 1, 3, 5, 7, 8, 10)
HARMONIC, CHROMATIC, TRITONES = (0, 2, 3, 5, 7, 8, 11), tuple(range(12)), (0, 1, 6, 7, 13)


class Part(NamedTuple):
    """Who plays which notes when.

    `notes`: walk (a melody), root, chord, or rise (up a broken chord). `steps`: x is played, o is left to the film, a
    dot is a rest; repeated to the end. `register` is in semitones from middle C, `length` in steps.
    """

    timbre: str
    notes: str
    steps: str
    register: int
    length: float
    level: float


class Bed(NamedTuple):
    """Noise behind the music: between two frequencies (Hz), tilted by `slope`, swelling so many times a second."""

    low: float
    high: float
    slope: float
    level: float
    swells: float = 0.0


class Score(NamedTuple):
    """A genre: its tempo (beats a minute, from … to), the steps of a beat, its scale in semitones, who plays what.

    The first part is the lead. `drums` are names with their steps, `room` is the level of the echo.
    """

    tempo: tuple[int, int]
    steps: int
    scale: tuple[int, ...]
    parts: tuple[Part, ...]
    drums: tuple[tuple[str, str], ...] = ()
    bed: Bed | None = None
    room: float = 0.0


SCORES: dict[str, Score] = {
    "Film-Noir": Score(
        tempo=(66, 80),
        steps=2,
        scale=BLUES,
        parts=(
            Part("horn", "walk", "x.ooo.o.", 0, 2.5, 0.8),
            Part("bass", "walk", "xxxx", -24, 0.9, 0.8),
        ),
        drums=(("brush", "xoxxxoxx"),),
        bed=Bed(1500, 9000, -0.4, 0.05),
        room=0.3,
    ),
    "Western": Score(
        tempo=(104, 120),
        steps=4,
        scale=PENTATONIC,
        parts=(
            Part("whistle", "walk", "x...o...x.o.....", 12, 4, 0.6),
            Part("guitar", "rise", "x.xxx.xx", -8, 2, 0.7),
        ),
        drums=(("hoof", "x.xxx.xx"),),
        bed=Bed(200, 2500, -0.8, 0.08, 0.4),
        room=0.25,
    ),
    "Documentary": Score(
        tempo=(84, 94),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("marimba", "rise", "xxoxxxox", 5, 1, 0.8),
            Part("choir", "chord", "x.......", -7, 8, 0.35),
        ),
        drums=(("tick", "x"),),
        bed=Bed(60, 400, -0.5, 0.12),
    ),
    "Animation": Score(
        tempo=(152, 172),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("xylophone", "walk", "xxoxxoxx", 19, 1, 0.9),
            Part("boing", "walk", "....x..o", 0, 1.5, 0.6),
            Part("pizzicato", "root", "x.x.", -17, 1, 0.7),
        ),
        drums=(("block", "..x.oox."),),
    ),
    "Musical": Score(
        tempo=(118, 132),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("fanfare", "walk", "x.xoxx.o", 7, 1.4, 0.7),
            Part("piano", "chord", ".x.x.x.x", 0, 1, 0.8),
            Part("bass", "root", "x.x.", -22, 1.5, 0.8),
        ),
        drums=(
            ("kick", "x...x..."),
            ("snare", "..x...x."),
            ("hat", "xxxxxxxx"),
        ),
    ),
    "Fantasy": Score(
        tempo=(58, 70),
        steps=4,
        scale=LYDIAN,
        parts=(
            Part("harp", "rise", "xxxxxxxx", 5, 3, 0.7),
            Part("choir", "chord", "x...............", -5, 16, 0.6),
            Part("bell", "walk", "..o...x...o.....", 26, 6, 0.25),
        ),
        bed=Bed(3000, 12000, -0.6, 0.03, 0.3),
        room=0.4,
    ),
    "Sci-Fi": Score(
        tempo=(92, 110),
        steps=4,
        scale=WHOLE,
        parts=(
            Part("sweep", "walk", "x.......o.......", 0, 8, 0.45),
            Part("lead", "walk", "xoxxoxxo", 14, 0.6, 0.35),
            Part("drone", "root", "x...............", -27, 16, 0.6),
        ),
        drums=(("tick", "..x."),),
        bed=Bed(800, 14000, 0.2, 0.12, 0.7),
        room=0.35,
    ),
    "Horror": Score(
        tempo=(44, 56),
        steps=2,
        scale=TRITONES,
        parts=(
            Part("shriek", "chord", "...o..x.", 20, 1.6, 0.55),
            Part("drone", "chord", "x...", -31, 6, 0.9),
            Part("dive", "walk", "o...x...", 8, 3, 0.3),
        ),
        drums=(("heart", "xx......"),),
        bed=Bed(40, 1200, -1.0, 0.35, 0.5),
        room=0.45,
    ),
    "War": Score(
        tempo=(100, 114),
        steps=4,
        scale=MINOR,
        parts=(
            Part("fanfare", "walk", "x...x.o.x.......", -10, 3.5, 0.6),
            Part("tuba", "root", "x.......", -26, 4, 0.6),
        ),
        drums=(
            ("roll", "x.xxx.xxx.x.xxxx"),
            ("boom", "x.........o....."),
            ("timpani", "x.......x..."),
        ),
        bed=Bed(30, 500, -0.6, 0.3, 0.3),
        room=0.15,
    ),
    "Children's": Score(
        tempo=(112, 124),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("musicbox", "walk", "xxxoxxx.", 24, 2, 0.9),
            Part("harp", "chord", "x.x.", 0, 2, 0.4),
        ),
        drums=(
            ("clap", "..x."),
            ("shaker", "xxxx"),
        ),
    ),
    "Mystery": Score(
        tempo=(66, 78),
        steps=4,
        scale=HARMONIC,
        parts=(
            Part("vibraphone", "walk", "x..o..x.....o...", 7, 6, 0.8),
            Part("pizzicato", "rise", "x.x.x.x.", -12, 1, 0.7),
        ),
        drums=(("tick", "x...x..."),),
        bed=Bed(100, 900, -1.0, 0.08, 0.25),
        room=0.4,
    ),
    "Crime": Score(
        tempo=(92, 106),
        steps=4,
        scale=BLUES,
        parts=(
            Part("bass", "walk", "x.ox.xo.x..xo.x.", -20, 1, 1.0),
            Part("stab", "chord", "....x.....o.x...", 4, 1, 0.6),
        ),
        drums=(
            ("kick", "x.....x.x......."),
            ("snare", "....x.......x..."),
            ("hat", "x.xxx.xx"),
        ),
        bed=Bed(300, 5000, -0.3, 0.04, 1.5),
    ),
    "Adventure": Score(
        tempo=(120, 134),
        steps=2,
        scale=MIXOLYDIAN,
        parts=(
            Part("fanfare", "rise", "x.xxx.x.", 0, 1.5, 0.9),
            Part("strings", "chord", "xxxxxxxx", -12, 0.9, 0.6),
            Part("tuba", "root", "x...", -24, 3, 0.6),
        ),
        drums=(("timpani", "x..ox..."),),
        room=0.3,
    ),
    "Action": Score(
        tempo=(138, 156),
        steps=4,
        scale=PHRYGIAN,
        parts=(
            Part("grit", "walk", "xxoxxxox", -20, 1, 0.8),
            Part("stab", "chord", "x.....x.........", 4, 2, 0.7),
        ),
        drums=(
            ("kick", "x.x...x."),
            ("snare", "....x..."),
            ("hat", "xxxx"),
            ("slap", "............o..."),
        ),
        bed=Bed(1000, 16000, 0.0, 0.1, 0.33),
    ),
    "Thriller": Score(
        tempo=(116, 130),
        steps=4,
        scale=CHROMATIC,
        parts=(
            Part("stab", "walk", "xxxxxxxx", -3, 0.8, 0.8),
            Part("strings", "root", "x...............", 24, 16, 0.25),
            Part("drone", "root", "x.......", -29, 8, 0.5),
        ),
        drums=(
            ("heart", "x......."),
            ("tick", "..x."),
        ),
        bed=Bed(60, 600, -0.5, 0.15, 0.2),
    ),
    "Romance": Score(
        tempo=(64, 76),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("piano", "rise", "xxxxxxxx", 0, 2, 0.7),
            Part("strings", "chord", "x.......", 0, 8, 0.5),
            Part("strings", "walk", "..x.o...", 12, 3, 0.4),
        ),
        room=0.35,
    ),
    "Comedy": Score(
        tempo=(122, 138),
        steps=2,
        scale=MAJOR,
        parts=(
            Part("bassoon", "walk", "xxo.xo.x", -7, 0.8, 0.9),
            Part("tuba", "root", "x.x.", -24, 0.8, 0.7),
            Part("pizzicato", "chord", ".x.x", 5, 0.8, 0.7),
        ),
        drums=(
            ("block", "....x.xo"),
            ("brush", ".x.x"),
        ),
    ),
    "Drama": Score(
        tempo=(56, 70),
        steps=2,
        scale=MINOR,
        parts=(
            Part("piano", "walk", "x..o.x..", 0, 4, 0.9),
            Part("strings", "chord", "x.......", -12, 8, 0.6),
        ),
        bed=Bed(80, 700, -1.0, 0.04),
        room=0.3,
    ),
    "unknown": Score(
        tempo=(60, 60),
        steps=1,
        scale=MAJOR,
        parts=(Part("organ", "root", "x.o.", 0, 0.5, 0.5),),
        bed=Bed(50, 15000, -0.5, 0.3),
    ),
}
