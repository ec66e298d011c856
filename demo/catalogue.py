"""The catalogue as a service would deliver it: a row a film, with its credits, its overview and its media files.

Not here: where the parts come from.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from demo.credits import Credits
from demo.films import Film
from demo.folder import write_csv
from demo.media import KINDS, file_name

COLUMNS = (*Film._fields, *Credits._fields, "overview", *KINDS)
_NOBODY = Credits("", "", "", "")


def write_items(
    films: Iterable[Film],
    credits: Mapping[str, Credits],
    overviews: Mapping[str, str],
    media: Mapping[str, set[str]],
    root: Path,
) -> Path:
    """Writes `items.csv`: the delivered columns, and what is known of each film by its id, empty where nothing is.

    `media` names, for each kind, the films that have a file.
    """
    rows = (
        (
            *film,
            *credits.get(film.item_id, _NOBODY),
            overviews.get(film.item_id, ""),
            *(file_name(kind, film.item_id) if film.item_id in media[kind] else "" for kind in KINDS),
        )
        for film in films
    )
    return write_csv(root / "items.csv", COLUMNS, rows)
