"""Real posters and plot overviews out of a folder that the user has, in the place of the drawn posters.

Here: that folder's layout and its dirt. Expected are `items.csv` with the columns `movie_id` and `overview`, and
`posters/<movie_id>.jpg`; everything else in it is left alone. Pictures are copied as they are, broken ones too: what
cannot be decoded is for the pipeline to say. Not here: the catalogue that names them (`catalogue.py`).
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from demo.films import Film
from demo.folder import digest, write
from demo.media import file_name
from mmrec.errors import MmrecError

_EXPECTED = "expected a folder with items.csv (columns movie_id and overview) and posters/<movie_id>.jpg"


class OwnMedia(NamedTuple):
    """What the folder has of our films: item id → overview, item id → picture; and how many rows repeat an id."""

    overviews: dict[str, str]
    posters: dict[str, Path]
    repeated_rows: int


def read(folder: Path, films: Iterable[Film]) -> OwnMedia:
    """What the folder has of these films; of several rows with one id the first that has an overview counts."""
    rows = _rows(folder)
    found: dict[str, str] = {}
    for item_id, overview in rows:
        if overview not in ("", "nan"):
            found.setdefault(item_id, overview)
    ids = [film.item_id for film in films]
    pictures = {item_id: folder / file_name("poster", item_id) for item_id in ids}
    own = OwnMedia(
        {item_id: found[item_id] for item_id in ids if item_id in found},
        {item_id: path for item_id, path in pictures.items() if path.is_file()},
        len(rows) - len(Counter(item_id for item_id, _ in rows)),
    )
    if not own.overviews and not own.posters:
        raise MmrecError(f"DEMO_MEDIA has nothing of MovieLens' films; {_EXPECTED}")
    print(
        f"DEMO_MEDIA has {len(own.posters):,} posters and {len(own.overviews):,} overviews of {len(ids):,} films; "
        f"{own.repeated_rows:,} rows of its items.csv repeat an id",
        flush=True,
    )
    return own


def copy(own: OwnMedia, root: Path) -> list[Path]:
    """Copies the pictures below `root`."""
    return [write(root / file_name("poster", item_id), path.read_bytes()) for item_id, path in own.posters.items()]


def identity(folder: Path) -> str:
    """The digest of everything that is read, so that a changed folder is another source."""
    _present(folder)
    pictures = sorted(path for path in (folder / "posters").glob("*.jpg") if path.is_file())
    parts = [digest(folder / "items.csv"), *(f"{path.name} {digest(path)}" for path in pictures)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _rows(folder: Path) -> list[tuple[str, str]]:
    """Id and overview of every row."""
    _present(folder)
    try:
        with (folder / "items.csv").open(encoding="utf-8-sig", newline="") as file:
            return [(row["movie_id"].strip(), (row["overview"] or "").strip()) for row in csv.DictReader(file)]
    except (KeyError, ValueError, csv.Error) as error:
        raise MmrecError(
            f"DEMO_MEDIA: items.csv cannot be read ({type(error).__name__} {error}); {_EXPECTED}"
        ) from None


def _present(folder: Path) -> None:
    if not (folder / "items.csv").is_file() or not (folder / "posters").is_dir():
        raise MmrecError(f"DEMO_MEDIA: no items.csv or no posters/ in {folder}; {_EXPECTED}")
