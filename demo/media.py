"""The demo's media files: which kinds there are, what they are called, and drawing the stand-ins on every core.

Not here: how a stand-in is made (`posters.py`, `sounds.py`, `clips.py`) and which films lack one (`films.py`).
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from demo import clips, posters, sounds
from demo.films import Film, has
from demo.folder import write
from mmrec.errors import MmrecError

_PROCESSES = min(os.cpu_count() or 1, 8)
_WORTH_A_PROCESS = 100  # files; a process costs about a second until it draws


class Kind(NamedTuple):
    """A kind of media file: its folder, its suffix, the version of its recipe, and what makes a film's bytes."""

    folder: str
    suffix: str
    recipe: int
    render: Callable[[Film], bytes]


# By the name of its column in the catalogue.
KINDS = {
    "poster": Kind("posters", "jpg", posters.RECIPE, posters.poster_bytes),
    "sound": Kind("sounds", "flac", sounds.RECIPE, sounds.sound_bytes),
    "clip": Kind("clips", "mp4", clips.RECIPE, clips.clip_bytes),
}


def file_name(kind: str, item_id: str) -> str:
    """The file of a film, below the data folder."""
    return f"{KINDS[kind].folder}/{item_id}.{KINDS[kind].suffix}"


def stand_ins(kind: str, films: Iterable[Film]) -> list[Film]:
    """The films that get a stand-in of this kind."""
    return [film for film in films if has(kind, film.item_id)]


def draw(films: dict[str, list[Film]], root: Path) -> list[Path]:
    """Draws the stand-ins of these films, by kind, below `root` and gives their paths."""
    tasks = [(kind, film, root) for kind, each in films.items() for film in each]
    if len(tasks) < _WORTH_A_PROCESS:
        return [_draw(task) for task in tasks]
    try:
        # Spawned, because a fork of a process with threads may hang.
        with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
            return list(pool.map(_draw, tasks, chunksize=32))
    except BrokenProcessPool:
        raise MmrecError(
            "a process that draws stand-ins was ended from outside; is memory short? run it again"
        ) from None


def _draw(task: tuple[str, Film, Path]) -> Path:
    kind, film, root = task
    return write(root / file_name(kind, film.item_id), KINDS[kind].render(film))
